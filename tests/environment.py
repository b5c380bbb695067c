"""Points Quintet at servers of the tests' own, before its settings are read.

Loaded by `-p tests.environment`. The embedded PostgreSQL and Valkey run in `var/test`; with
QUINTET_TEST_DATABASE_URL set, the databases are made on that server instead.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VAR = ROOT / "var" / "test"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
DATABASE_URL = os.environ.get("QUINTET_TEST_DATABASE_URL", "")

for name in [name for name in os.environ if name.startswith("QUINTET_")]:
    if not name.startswith("QUINTET_TEST_"):
        del os.environ[name]

os.environ.update(
    {
        "QUINTET_VAR": str(VAR),
        "QUINTET_SECRET_KEY": "the-tests-own-key",
        "QUINTET_DATABASE_PREFIX": f"test_{WORKER}",
        "QUINTET_PLATFORM_HOST": "quintet.test",
        "QUINTET_EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
        "QUINTET_ALLOW_INSECURE_ISSUERS": "true",
        "QUINTET_VALKEY_DATABASE": str(2 * int(WORKER.removeprefix("gw"))),
    }
)
if DATABASE_URL:
    os.environ["QUINTET_DATABASE_URL"] = DATABASE_URL

# Nothing is collected for tests; WhiteNoise warns if the directory is not there.
(VAR / "static").mkdir(parents=True, exist_ok=True)
