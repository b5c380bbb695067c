"""Directories, locks and sockets: what both embedded servers need of the file system."""

import fcntl
import hashlib
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded.errors import EmbeddedServerError

# Linux takes 107 bytes for a socket's path, macOS and the BSDs 103.
MAX_SOCKET_PATH_BYTES = 103


def private_directory(path: Path, *, uid: int) -> Path:
    """Make `path` a directory that only `uid` can enter, and return it.

    :raises EmbeddedServerError: when something else is there already, or it is somebody else's.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # lstat, because a link planted in a shared temporary directory must not be followed.
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() != uid:
            os.chown(path, uid, -1)
            found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
            raise EmbeddedServerError(
                f"{path} must be a directory owned by user id {uid}. "
                "Remove it, or set QUINTET_VAR to a directory of your own."
            )
        if stat.S_IMODE(found.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as error:
        raise EmbeddedServerError(
            f"Can't use {path}: {error.strerror}. Set QUINTET_VAR to a directory of your own."
        ) from error
    return path


def socket_directory(home: Path, *, socket_name: str) -> Path:
    """Return the directory for a server's socket: in its home, or a short one if that is too long.

    The short one is named after the home, so that every process finds the same one.
    """
    directory = home / "socket"
    if len(os.fsencode(directory / socket_name)) > MAX_SOCKET_PATH_BYTES:
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        directory = Path(tempfile.gettempdir()).resolve() / f"quintet-{digest}"
    return directory


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`, waiting for whoever has it. A process that dies lets go."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise EmbeddedServerError(
            f"Can't use {path}: {error.strerror}. Set QUINTET_VAR to a directory of your own."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def answers(path: Path, *, send: bytes = b"", expect: bytes = b"") -> bool:
    """Whether somebody accepts connections on a socket, and replies to `send` with `expect`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        try:
            client.connect(os.fspath(path))
            if not send:
                return True
            client.sendall(send)
            return client.recv(len(expect)) == expect
        except OSError:
            return False


def without_following(path: str, flags: int) -> int:
    """An opener for `open()` that refuses links, for root to write where a borrowed account may."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
