"""What benchmarks stand on: servers, databases full of rows, workers; made when first asked for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

from benchmarks import databases, environment
from benchmarks.client import Clients, clients
from benchmarks.serving import serving
from benchmarks.worker import Worker, working
from config import embedded

PAGE_PATH = "/api/v1/profiles?profile_type=CELEBRITY"
# All celebrities of the tenant in one document, without a page after it.
WHOLE_PATH = f"{PAGE_PATH}&page_size=200"
CLIENTS = 4
FULL_TENANTS = 10
MANY_TENANTS = 5_000


class Stage:
    """Everything is made once, and ends with the stack."""

    def __init__(self, *, stack: ExitStack, server: embedded.PostgresServer) -> None:
        self._stack = stack
        self.server = server

    def connect(self, database: str = "postgres") -> Any:
        """Connect to the embedded server as its superuser."""
        return databases.connect(
            socket_dir=self.server.socket_dir,
            superuser=self.server.superuser,
            database=database,
        )

    def reference_environment(self, settings: str) -> dict[str, str]:
        """Return the environment of a reference with these settings."""
        return environment.of_reference(
            settings=settings,
            socket_dir=self.server.socket_dir,
            superuser=self.server.superuser,
        )

    def worker(self, env: dict[str, str]) -> Worker:
        """Start a worker that ends with the stage."""
        return self._stack.enter_context(working(env))

    @cached_property
    def few(self) -> Worker:
        """Quintet with ten tenants, each full of people."""
        worker = self.worker(environment.of_quintet(prefix=environment.FEW))
        worker.call("benchmarks.quintet:bootstrap")
        self.first_tenant = worker.call("benchmarks.quintet:fill", tenants_in_all=FULL_TENANTS)
        self.token = worker.call("benchmarks.quintet:token")
        # While nobody is connected: a template must be left alone.
        worker.call("benchmarks.quintet:disconnect")
        with self.connect() as connection:
            databases.clone(connection, source=environment.FEW, prefix=environment.MANY)
        return worker

    @cached_property
    def many(self) -> Worker:
        """The same, and 4,990 further tenants in the same pool."""
        _ = self.few
        worker = self.worker(environment.of_quintet(prefix=environment.MANY))
        worker.call("benchmarks.quintet:prepare_clone")
        worker.call("benchmarks.quintet:fill_small", count=MANY_TENANTS - FULL_TENANTS)
        return worker

    @cached_property
    def plain_environment(self) -> dict[str, str]:
        """The plain reference's environment, its database filled with the first tenant's rows."""
        _ = self.few
        with self.connect() as connection:
            databases.make(connection, environment.PLAIN_DATABASE)
        env = self.reference_environment("benchmarks.plain.settings")
        with working(env) as worker:
            worker.call("benchmarks.plain.setup:fill", rows=self.first_tenant["rows"])
        return env

    @cached_property
    def clients(self) -> Clients:
        """The client processes."""
        return self._stack.enter_context(clients(CLIENTS))

    @cached_property
    def few_port(self) -> int:
        """Where Quintet with ten tenants is served."""
        _ = self.few
        return self.serve("config.wsgi:application", environment.of_quintet(prefix=environment.FEW))

    @cached_property
    def many_port(self) -> int:
        """Where Quintet with 5,000 tenants is served."""
        _ = self.many
        return self.serve(
            "config.wsgi:application", environment.of_quintet(prefix=environment.MANY)
        )

    def serve(self, application: str, env: dict[str, str]) -> int:
        """Serve an application to the end of the stage; return its port."""
        return self._stack.enter_context(serving(application, environment=env))

    def request(self, path: str, *, signed_in: bool) -> bytes:
        """Return a request: as staff of the first tenant, or as nobody to a reference."""
        lines = [f"GET {path} HTTP/1.1", f"Host: {environment.PLATFORM_HOST}", "Accept: */*"]
        if signed_in:
            _ = self.few
            lines += [f"Authorization: Bearer {self.token}", "X-Tenant: bench"]
        return "\r\n".join([*lines, "", ""]).encode()


@contextmanager
def staged() -> Iterator[Stage]:
    """Run the embedded servers for the length of a block; drop every database of the run after it."""
    with ExitStack() as stack:
        server, _ = stack.enter_context(embedded.running(var=environment.VAR))
        # Where static files are collected; served by nobody here, but looked for at start-up.
        (environment.VAR / "static").mkdir(exist_ok=True)
        with ExitStack() as inner:
            stage = Stage(stack=inner, server=server)
            with stage.connect() as connection:
                databases.drop_all(connection)
            try:
                yield stage
            finally:
                inner.close()
                with stage.connect() as connection:
                    databases.drop_all(connection)
