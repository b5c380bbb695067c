"""Points Quintet at servers of the tests' own, before its settings are read.

Loaded by `-p tests.environment`. The embedded PostgreSQL and Valkey run in `var/test`; with
QUINTET_TEST_DATABASE_URL set, the databases are made on that server instead. Several test processes
may run beside each other: each takes a slot, which is its part of both servers.
"""

import atexit
import fcntl
import os
import sys
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
VAR = ROOT / "var" / "test"
DATABASE_URL = os.environ.get("QUINTET_TEST_DATABASE_URL", "")
# Valkey has 16 databases; a slot uses one for the cache and one for the broker.
SLOTS = 8


def lock(name: str, kind: int) -> IO[str] | None:
    """Hold a lock file in `var/test` until this process ends; None where another process does."""
    VAR.mkdir(parents=True, exist_ok=True)
    handle = (VAR / name).open("w")
    try:
        fcntl.flock(handle, kind)
    except BlockingIOError:
        handle.close()
        return None
    return handle


def take_slot() -> tuple[int, IO[str]]:
    """Return the first free slot, and the handle that keeps it ours."""
    for number in range(SLOTS):
        if handle := lock(f"slot-{number}.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
            return number, handle
    raise RuntimeError(f"{SLOTS} test processes run already; wait for one to end.")


SLOT, _handle = take_slot()
atexit.register(_handle.close)

for name in [name for name in os.environ if name.startswith("QUINTET_")]:
    if not name.startswith("QUINTET_TEST_"):
        del os.environ[name]

os.environ.update(
    {
        "QUINTET_VAR": str(VAR),
        "QUINTET_SECRET_KEY": "the-tests-own-key",
        "QUINTET_DATABASE_PREFIX": f"{os.environ.get('QUINTET_TEST_PREFIX', 'test')}_{SLOT}",
        "QUINTET_PLATFORM_HOST": "quintet.test",
        "QUINTET_EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
        "QUINTET_ALLOW_INSECURE_ISSUERS": "true",
        "QUINTET_LOCAL_PAYMENTS": "true",
        "QUINTET_EMAIL_REPORTS_SECRET": "reports:the-tests-own",
        "QUINTET_VALKEY_DATABASE": str(2 * SLOT),
    }
)
if DATABASE_URL:
    os.environ["QUINTET_DATABASE_URL"] = DATABASE_URL

if sys.dont_write_bytecode:
    # Without bytecode, each of the many commands that tests start would compile all of Django anew.
    # It is kept with the tests' other things, so that nothing is written beside the sources.
    sys.dont_write_bytecode = False
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(VAR / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
