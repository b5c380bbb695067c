"""`manage.py up`: everything a newcomer needs, under one Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections

from apps.tenancy.identity.issuing import token_for
from apps.tenancy.management.base import OperatorCommand
from apps.tenancy.management.commands.load_demo import DEMO_PASSWORD, DEMO_TENANTS
from apps.tenancy.models import Tenant
from config import embedded

STOP_SECONDS = 10
GUIDE = """
  Quintet is up. Ctrl-C stops everything.

  API documentation   {base}/api/docs/
  A tenant's admin    http://demo.{host}/admin/      {owner} / {password}
  Control plane       {base}/admin/      {operator} / {password}

  Tenants: demo and rival share a pool home, solo has its own. Each answers on
  http://<slug>.{host}/, or on {base} with the header X-Tenant.

  A first call:

    curl -s '{base}/api/v1/profiles?profile_type=CELEBRITY&page_size=3' -H 'X-Tenant: demo'

  The same as somebody signed in (the token is good for an hour):

    curl -s '{base}/api/v1/me' -H 'X-Tenant: demo' \\
      -H 'Authorization: Bearer {token}'

  What happens, as it happens (docs/stream.md says how a browser listens):

    curl -sN '{stream}/api/v1/stream' -H 'X-Tenant: demo' \\
      -H 'Authorization: Bearer {token}'
"""


class Command(OperatorCommand):
    help = "Start servers, migrate, load demo data, and run API, live stream, worker and scheduler."

    def handle(
        self,
        port: Annotated[int, typer.Option(min=1, max=65_535, help="The port of the API.")] = 8000,
        stream_port: Annotated[
            int,
            typer.Option(min=0, max=65_535, help="The port of the live stream; 0: the next one."),
        ] = 0,
        workers: Annotated[int, typer.Option(min=1, help="API processes.")] = 2,
        demo: Annotated[bool, typer.Option(help="Set up the demo tenants.")] = True,
    ) -> None:
        """Run until Ctrl-C or SIGTERM, then stop everything that was started."""
        stream_port = stream_port or port + 1
        _check_port(port, option="--port")
        _check_port(stream_port, option="--stream-port")
        for name in (signal.SIGINT, signal.SIGTERM):
            # Set outright: a shell that starts this in the background has SIGINT ignored.
            signal.signal(name, _stop)
        with suppress(KeyboardInterrupt), ExitStack() as stack:
            if settings.EMBEDDED_POSTGRES or settings.EMBEDDED_VALKEY:
                stack.enter_context(embedded.running(var=settings.VAR))
            call_command("bootstrap", quiet=True)
            if demo:
                call_command("load_demo", quiet=True)
            guide = (
                self._guide(port, stream_port)
                if demo
                else f"Quintet is up on http://localhost:{port}/"
            )
            connections.close_all()
            commands = _processes(port=port, stream_port=stream_port, workers=workers)
            # What the demo sells can be paid for; who sets the variable has decided.
            own = {"QUINTET_LOCAL_PAYMENTS": "true", **os.environ} if demo else dict(os.environ)
            processes = stack.enter_context(_running(commands, own))
            _await_answer(port, processes, what="The API")
            _await_answer(stream_port, processes, what="The live stream")
            self.stdout.write(guide)
            self.stdout.flush()
            _watch(processes)

    def _guide(self, port: int, stream_port: int) -> str:
        demo = DEMO_TENANTS[0]
        tenant = Tenant.objects.get(slug=demo.slug)
        return GUIDE.format(
            base=f"http://localhost:{port}",
            stream=f"http://localhost:{stream_port}",
            host=f"{settings.TENANT_BASE_DOMAIN}:{port}",
            owner=demo.owner,
            operator=demo.operator,
            password=DEMO_PASSWORD,
            token=token_for(email=demo.owner, tenant=tenant, ttl=3600),
        )


def _processes(*, port: int, stream_port: int, workers: int) -> dict[str, list[str]]:
    binary = Path(sys.executable).parent
    celery = [str(binary / "celery"), "--quiet", "-A", "config.celery"]
    return {
        "api": [
            str(binary / "granian"), "--interface", "wsgi", "--host", "127.0.0.1",
            "--port", str(port), "--workers", str(workers), "--blocking-threads", "4",
            "--backpressure", "64", "--no-ws", "--log-level", "warning",
            "config.wsgi:application",
        ],
        # A stream is a connection that stays: as many as there may be are let through to it.
        "stream": [
            str(binary / "granian"), "--interface", "asgi", "--host", "127.0.0.1",
            "--port", str(stream_port), "--workers", "1", "--loop", "asyncio", "--no-ws",
            "--backpressure", str(settings.STREAM_LIMIT + 100), "--log-level", "warning",
            "config.asgi:application",
        ],
        "worker": [*celery, "worker", "--concurrency", "2", "--loglevel", "WARNING"],
        "beat": [
            *celery, "beat", "--loglevel", "WARNING",
            "--schedule", str(settings.VAR / "beat-schedule"), "--pidfile=",
        ],
    }  # fmt: skip


@contextmanager
def _running(
    commands: dict[str, list[str]], environment: dict[str, str]
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run processes in groups of their own, and end them all when the block ends."""
    processes: dict[str, subprocess.Popen[bytes]] = {}
    environment = {**environment, "DJANGO_SETTINGS_MODULE": "config.settings"}
    try:
        for name, command in commands.items():
            processes[name] = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
            )
        yield processes
    finally:
        for process in processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in processes.values():
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _check_port(port: int, *, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"Port {port} is taken. Stop what uses it, or choose another: "
                f"manage.py up {option} {port + 10}"
            ) from error


def _await_answer(port: int, processes: dict[str, subprocess.Popen[bytes]], *, what: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        _check_alive(processes)
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise CommandError(f"{what} does not answer after 60 seconds; its output is above.")


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


def _watch(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    while True:
        _check_alive(processes)
        time.sleep(0.5)


def _check_alive(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, process in processes.items():
        if process.poll() is not None:
            raise CommandError(
                f"The {name} process ended with {process.returncode}; its output is above."
            )
