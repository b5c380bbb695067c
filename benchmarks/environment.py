"""The environments of the processes a run starts: all of them in var/bench, on private sockets."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VAR = ROOT / "var" / "bench"
BINARIES = Path(sys.executable).parent
PLATFORM_HOST = "quintet.localhost"
# Databases of every run begin like this; a run drops what an earlier one left behind.
PREFIX = "bench"
FEW, MANY = f"{PREFIX}_few", f"{PREFIX}_many"
PLAIN_DATABASE = f"{PREFIX}_plain"
DJANGO_TENANTS_DATABASE = f"{PREFIX}_django_tenants"
# Seconds a connection is kept; the same on both sides of every comparison.
CONN_MAX_AGE = 600


def _clean() -> dict[str, str]:
    """The person's environment without what would lead a process to other servers."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("QUINTET_", "PG", "GRANIAN_", "DJANGO_"))
    }


def of_quintet(*, prefix: str = FEW) -> dict[str, str]:
    """Return the environment of Quintet as it is served, on the databases with a prefix.

    Rate limits are counted as always, and set where a benchmark does not run into them.
    """
    return {
        **_clean(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "QUINTET_VAR": str(VAR),
        "QUINTET_SECRET_KEY": "a key for benchmarks alone",
        "QUINTET_DATABASE_PREFIX": prefix,
        "QUINTET_PLATFORM_HOST": PLATFORM_HOST,
        "QUINTET_CONN_MAX_AGE": str(CONN_MAX_AGE),
        "QUINTET_RATE_LIMIT_PER_TENANT": "1000000000",
        "QUINTET_RATE_LIMIT_PER_ACCOUNT": "1000000000",
    }


def of_reference(*, settings: str, socket_dir: Path, superuser: str) -> dict[str, str]:
    """Return the environment of a reference, which has settings of its own."""
    return {
        **_clean(),
        "DJANGO_SETTINGS_MODULE": settings,
        "BENCH_SOCKET_DIR": str(socket_dir),
        "BENCH_USER": superuser,
        "BENCH_CONN_MAX_AGE": str(CONN_MAX_AGE),
    }
