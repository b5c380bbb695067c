"""Backends of the database killed under load: the books stay whole, and every reply was true."""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from threading import Event

import psycopg
import pytest
from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import connections
from psycopg import sql

from apps.commerce.operations import ledger
from apps.commerce.queries import ledger_verification
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.commerce.ledger import books
from tests.conftest import admin

WRITERS = 6
BACKENDS = (
    "SELECT pid FROM pg_stat_activity WHERE datname = %s AND usename = 'quintet_app' "
    "AND state = 'active' AND query LIKE '%%post_transaction%%' ORDER BY random() LIMIT 1"
)

# A cursor whose backend was killed can't be closed any more, and says so when it is collected.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Load:
    """Writers who note which keys they were told are posted, until the killer has done."""

    def __init__(self, tenant, accounts):
        self.tenant = tenant
        self.accounts = accounts
        self.over = Event()
        self.told: set[str] = set()
        self.broken = 0

    def write(self, number):
        dice = random.Random(number)
        accounts = [self.accounts.wallet, self.accounts.other, self.accounts.shared]
        while not self.over.is_set():
            source, target = dice.sample(accounts, 2)
            key = f"load:{uuid7()}"
            try:
                with binding.bind(self.tenant, writes="commerce"):
                    ledger.post(
                        books.transfer(source, target, dice.randint(1, 5), key=key),
                        books.transfer(target, source, 1, key=f"{key}:back"),
                    )
                self.told.add(key)
            except ledger.InsufficientFunds:
                pass
            except DatabaseFault:
                self.broken += 1
                connections["commerce"].close()

    def kill(self, kills, by):
        """Kill a backend that is posting, so many times; let some work be done in between."""
        name = connections.databases["commerce"]["NAME"]
        killed = 0
        deadline = time.monotonic() + 120
        try:
            while killed < kills and time.monotonic() < deadline:
                done = len(self.told)
                while len(self.told) < done + 10 and time.monotonic() < deadline:
                    time.sleep(0.01)
                killed += by(name)
        finally:
            self.over.set()
        return killed


def terminate(name):
    """End one backend the way an administrator does."""
    with admin() as connection:
        row = connection.execute(BACKENDS, [name]).fetchone()
        return int(
            bool(row) and connection.execute(f"SELECT pg_terminate_backend({row[0]})").rowcount
        )


def murder(name):
    """Kill one backend's process: the server takes it for a crash, and recovers from its log."""
    try:
        with admin() as connection:
            before = life_of(connection)
            row = connection.execute(BACKENDS, [name]).fetchone()
        if row is None:
            return 0
        os.kill(row[0], signal.SIGKILL)
    except (ProcessLookupError, DatabaseFault, psycopg.Error):
        return 0
    until = time.monotonic() + 60
    while time.monotonic() < until:
        # It answers for a moment longer, before it notices.
        with suppress(psycopg.Error), admin() as connection:
            if life_of(connection) != before:
                return 1
        time.sleep(0.05)
    raise AssertionError("the server did not come back")


def life_of(connection):
    """Return what tells one life of the server from the next: when a process of its own began."""
    return connection.execute(
        "SELECT backend_start FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
    ).fetchone()


def survive(tenant, accounts, *, kills, by):
    load = Load(tenant, accounts)
    killed = books.at_once(
        [partial(load.kill, kills, by), *(partial(load.write, n) for n in range(WRITERS))],
        threads=WRITERS + 1,
    )
    connections["commerce"].close()

    assert killed[0] == kills, killed
    assert [each for each in killed[1:] if each is not None] == []
    # Whoever had just committed when the last one fell has stopped without noticing.
    # One that was slow to fall may have been hit twice.
    assert load.broken >= kills // 2
    with binding.bind(tenant), connections["commerce"].cursor() as cursor:
        cursor.execute("SELECT idempotency_key FROM transactions")
        kept = {key for (key,) in cursor.fetchall()}
    assert load.told <= kept, "somebody was told of what is not there"
    counted = Counter(key.removesuffix(":back") for key in kept if key.startswith("load:"))
    assert set(counted.values()) == {2}, "half of a batch is there"
    report = ledger_verification.verify_ledger(tenant=tenant)
    assert report.is_sound, [fault.text for fault in report.faults[:5]]


@pytest.fixture
def durable():
    """Have commits be on disk when they are told of: the tests' server is not asked for that otherwise."""
    change = "ALTER DATABASE {} {} synchronous_commit {}"
    name = sql.Identifier(connections.databases["commerce"]["NAME"])
    with admin() as connection:
        connection.execute(sql.SQL(change).format(name, sql.SQL("SET"), sql.SQL("= on")))
        connection.execute("CHECKPOINT")
    connections.close_all()
    yield
    # Of every database: the server went away.
    connections.close_all()
    with admin() as connection:
        connection.execute(sql.SQL(change).format(name, sql.SQL("RESET"), sql.SQL("")))


class TestKills:
    def test_twelve_backends_terminated_under_load_leave_the_books_whole(self, tenant, accounts):
        survive(tenant, accounts, kills=12, by=terminate)

    @pytest.mark.storm
    @pytest.mark.skipif(
        not settings.EMBEDDED_POSTGRES, reason="a crash is for a server of the tests' own"
    )
    def test_twelve_backends_killed_under_load_leave_the_books_whole(
        self, tenant, accounts, durable
    ):
        """The server restarts each time: nothing else may run beside it."""
        survive(tenant, accounts, kills=12, by=murder)
