"""PgBouncer from the system's package, in transaction mode, in front of the tests' server."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from config.databases import APP, database_name
from config.embedded import account
from tests.environment import VAR

SERVER_CONNECTIONS = 4
PORT = 6432


def program() -> str | None:
    """Where PgBouncer is, or None."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


needs_pgbouncer = pytest.mark.skipif(
    program() is None, reason="pgbouncer is not installed (Debian: apt-get install pgbouncer)"
)


@contextmanager
def pooling(*, alias: str) -> Iterator[Path]:
    """Run PgBouncer before one database; yield the directory of its socket."""
    # It refuses to be root, and must reach the socket that the embedded server's account owns.
    runner = account.choose(data_directory=VAR / "postgres" / "data")
    directory = Path(tempfile.mkdtemp(prefix="quintet-pooler-"))
    try:
        _configure(directory, alias)
        for path in (directory, *directory.iterdir()):
            os.chown(path, runner.uid, runner.gid)
        identity = {"user": runner.uid, "group": runner.gid} if runner.borrowed else {}
        process = subprocess.Popen(
            [str(program()), "pgbouncer.ini"],
            cwd=directory,
            extra_groups=[] if identity else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **identity,
        )
        try:
            _wait(directory, process)
            yield directory
        finally:
            process.terminate()
            process.wait(timeout=10)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _configure(directory: Path, alias: str) -> None:
    server = settings.DATABASE_SERVERS[alias]
    name = database_name(prefix=settings.DATABASE_PREFIX, alias=alias)
    (directory / "users.txt").write_text(f'"{APP}" "{settings.APP_PASSWORD}"\n')
    (directory / "pgbouncer.ini").write_text(
        f"""
[databases]
{name} = host={server.host} port={server.port or 5432}
[pgbouncer]
unix_socket_dir = {directory}
listen_port = {PORT}
auth_type = trust
auth_file = {directory}/users.txt
pool_mode = transaction
default_pool_size = {SERVER_CONNECTIONS}
max_db_connections = {SERVER_CONNECTIONS}
max_client_conn = 100
ignore_startup_parameters = options
logfile = {directory}/log
"""
    )


def _wait(directory: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(directory / f".s.PGSQL.{PORT}"))
                return
            except OSError:
                time.sleep(0.05)
    log = directory / "log"
    raise RuntimeError(f"pgbouncer did not start: {log.read_text() if log.exists() else 'no log'}")
