"""PostgreSQL 18 and Valkey out of wheels, for machines that have neither.

Who owns a server:

- `running()` owns the servers that it started, and stops them when its block ends. `manage.py up`
  and the tests use it.
- `ensure_postgres()` and `ensure_valkey()` leave running what they start, so that the next
  management command finds it. `python -m config.embedded stop` ends it.

Both take a lock, so any number of processes may call them at once. Nothing listens on TCP: who may
open the private sockets under `var` is the superuser of PostgreSQL, and nobody else can connect.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded import postgres, valkey
from config.embedded.errors import EmbeddedServerError
from config.embedded.postgres import PORT, SUPERUSER, PostgresServer, ensure_postgres
from config.embedded.secret import local_secret
from config.embedded.valkey import ValkeyServer, ensure_valkey

__all__ = [
    "PORT",
    "SUPERUSER",
    "EmbeddedServerError",
    "PostgresServer",
    "ValkeyServer",
    "ensure_postgres",
    "ensure_valkey",
    "local_secret",
    "postgres_socket_dir",
    "running",
    "status",
    "stop",
    "valkey_address",
]


@contextmanager
def running(*, var: Path, durable: bool = True) -> Iterator[tuple[PostgresServer, ValkeyServer]]:
    """Have both servers up for the length of a block; stop the ones that were not up before it.

    :param durable: see `ensure_postgres`.
    :raises EmbeddedServerError: when a server does not come up.
    """
    # Each stopper is armed before the next server starts, or its failure would leak the first.
    postgres_server = ensure_postgres(var=var, durable=durable)
    try:
        valkey_server = ensure_valkey(var=var)
        try:
            yield postgres_server, valkey_server
        finally:
            if valkey_server.started_here:
                valkey.stop(var=var)
    finally:
        if postgres_server.started_here:
            postgres.stop(var=var)


def stop(*, var: Path) -> None:
    """Stop both servers of `var`, whoever started them. Does nothing for one that is not running.

    :raises EmbeddedServerError: when a server is still there after 30 seconds.
    """
    valkey.stop(var=var)
    postgres.stop(var=var)


def status(*, var: Path) -> dict[str, int | None]:
    """The process id of each server of `var`, `None` for one that is not running."""
    return {"postgres": postgres.find_pid(var=var), "valkey": valkey.find_pid(var=var)}


def postgres_socket_dir(*, var: Path) -> Path:
    """Where the PostgreSQL of `var` answers, or will once it is started."""
    return postgres.socket_dir(var=var)


def valkey_address(*, var: Path) -> ValkeyServer:
    """Where the Valkey of `var` answers, or will once it is started."""
    return ValkeyServer(socket_path=valkey.socket_path(var=var), started_here=False)
