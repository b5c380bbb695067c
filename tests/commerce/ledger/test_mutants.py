"""Every constraint, key, trigger and grant of the ledger, taken away in turn: something notices each.

What there is comes from the catalog, so that nothing is forgotten: a new constraint without a row that
breaks it fails `test_every_constraint_is_tried`.
"""

import json
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from apps.tenancy import binding
from apps.tenancy.models import Home
from apps.tenancy.verification import parity
from apps.tenancy.verification.sweep import examine
from config.databases import APP, LEDGER, OWNER
from tests.audit.conftest import enter
from tests.audit.test_append_only import MISDEEDS
from tests.commerce.ledger import books
from tests.commerce.ledger.books import LATER, leg

# What was appended, and the cache.
APPENDED = (
    "ledger_accounts",
    "transactions",
    "ledger_entries",
    "transaction_relations",
    "holds",
    "hold_resolutions",
)
TABLES = (*APPENDED, "account_balances")
NOBODY = str(uuid4())
OTHER = "SELECT id FROM {home}.transactions WHERE idempotency_key = '{key}'"

# By constraint: the table, and what is changed of a good new row so that it breaks this one and no other.
# A key in braces stands for the id of the transaction with that key, or of the account with that code.
BROKEN = {
    "account_balances_overdraft": ("account_balances", {"posted": -1}),
    "account_balances_of_account": ("account_balances", {"id": NOBODY}),
    "account_balances_pkey": ("account_balances", {"id": "<wallet>"}),
    "hold_resolutions_captured": ("hold_resolutions", {"resolution": "CAPTURED"}),
    "hold_resolutions_resolution": ("hold_resolutions", {"resolution": "LOST"}),
    "hold_resolutions_sum": ("hold_resolutions", {"released": 99}),
    "hold_resolutions_of_hold": ("hold_resolutions", {"amount": 99, "released": 99}),
    "hold_resolutions_transaction_id": ("hold_resolutions", {"transaction_id": NOBODY}),
    "hold_resolutions_pkey": ("hold_resolutions", {"id": "<ended>"}),
    "holds_amount": ("holds", {"amount": 0}),
    "holds_elsewhere": ("holds", {"held_account_id": "<wallet>"}),
    "holds_expiry": ("holds", {"expires_at": "infinity"}),
    "holds_from_account": ("holds", {"account_id": NOBODY}),
    "holds_to_account": ("holds", {"held_account_id": NOBODY}),
    "holds_of_transaction": ("holds", {"id": NOBODY}),
    "holds_pkey": ("holds", {"id": "<ended>", "amount": 77}),
    "ledger_accounts_code_of_currency": ("ledger_accounts", {"currency": "usd"}),
    "ledger_accounts_kind": ("ledger_accounts", {"kind": "GIFT"}),
    "ledger_accounts_one_trait": ("ledger_accounts", {"is_guarded": True, "rolls_up": True}),
    "ledger_accounts_pkey": (
        "ledger_accounts",
        {"id": "<wallet>", "is_guarded": False, "rolls_up": False, "currency": "EUR"},
    ),
    "ledger_accounts_code": ("ledger_accounts", {"code": "wallet"}),
    "ledger_entries_amount": ("ledger_entries", {"amount": 0}),
    "ledger_entries_running": ("ledger_entries", {"version": 700}),
    "ledger_entries_of_account": ("ledger_entries", {"currency": "EUR"}),
    "ledger_entries_transaction_id": ("ledger_entries", {"transaction_id": NOBODY}),
    "ledger_entries_pkey": ("ledger_entries", {"id": "<entry>"}),
    "ledger_entries_balanced": ("ledger_entries", {}),
    "ledger_entries_leg": ("ledger_entries", {"leg": 1}),
    "ledger_entries_version": ("ledger_entries", {"version": 1, "balance_after": 1}),
    "transaction_relations_of_another": (
        "transaction_relations",
        {"transaction_id": "<first>", "related_transaction_id": "<first>"},
    ),
    "transaction_relations_type": ("transaction_relations", {"relation_type": "COUSIN_OF"}),
    "transaction_relation_related_transaction": (
        "transaction_relations",
        {"related_transaction_id": NOBODY},
    ),
    "transaction_relation_transaction_id": ("transaction_relations", {"transaction_id": NOBODY}),
    "transaction_relations_pkey": ("transaction_relations", {"id": "<relation>"}),
    "transaction_relations_once": (
        "transaction_relations",
        {"transaction_id": "<end>", "related_transaction_id": "<ended>"},
    ),
    "transactions_amount": ("transactions", {"amount": 0}),
    "transactions_effective": ("transactions", {"effective_at": "infinity"}),
    "transactions_reversal": ("transactions", {"reverses_id": "<first>"}),
    "transactions_type": ("transactions", {"transaction_type": "GIFT"}),
    "transactions_reverses_id": (
        "transactions",
        {"reverses_id": NOBODY, "transaction_type": "REVERSAL"},
    ),
    "transactions_pkey": ("transactions", {"id": "<first>"}),
    "transactions_once": ("transactions", {"idempotency_key": "first"}),
    "transactions_reversed_once": (
        "transactions",
        {"reverses_id": "<second>", "transaction_type": "REVERSAL"},
    ),
}
# What only another key stands on: without them, that one can't be made.
STOOD_ON = {"ledger_accounts_currency", "ledger_accounts_traits", "holds_amount_key"}
CONSTRAINTS = """
SELECT conname::text, conrelid::regclass::text, contype = 't', condeferrable FROM pg_constraint
WHERE conrelid = ANY (%(tables)s::regclass[]) AND contype <> 'n'
UNION ALL SELECT c.relname::text, i.indrelid::regclass::text, false, false
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY (%(tables)s::regclass[]) AND i.indisunique
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u'))
ORDER BY 1
"""
TRIGGERS = """
SELECT tgrelid::regclass::text, tgname::text FROM pg_trigger
WHERE tgrelid = ANY (%(tables)s::regclass[]) AND NOT tgisinternal ORDER BY 1, 2
"""


class Ledger:
    """A connection as the ledger's own role, past its functions; with one of everything written."""

    def __init__(self, connection, tenant, ids):
        self.connection = connection
        self.home = tenant.schema_name
        self.tenant = tenant
        self.ids = ids
        enter(connection, tenant)

    def all(self, statement):
        tables = [f"{self.home}.{table}" for table in TABLES]
        return self.connection.execute(statement, {"tables": tables}).fetchall()

    def insert(self, name, *, deferrable=False):
        """Write the row that breaks a constraint; return the one that refuses it, or "" if none does."""
        table, changed = BROKEN[name_of(name)]
        values = self.good(table) | changed
        values = {key: self.ids.get(value, value) for key, value in values.items()}
        statement = sql.SQL(
            "INSERT INTO {table} SELECT (jsonb_populate_record(r.*, {values})).* FROM {table} r "
            "WHERE r.tenant_id = {tenant} ORDER BY r.id LIMIT 1"
        ).format(
            table=sql.Identifier(self.home, table),
            values=sql.Literal(json.dumps(values)),
            tenant=sql.Literal(str(self.tenant.id)),
        )
        try:
            with self.connection.transaction(force_rollback=True):
                self.connection.execute(f"SET LOCAL ROLE {LEDGER}")
                assert self.connection.execute(statement).rowcount == 1
                if deferrable:
                    self.connection.execute(f'SET CONSTRAINTS {self.home}."{name}" IMMEDIATE')
        except psycopg.errors.IntegrityError as error:
            return error.diag.constraint_name
        return ""

    def good(self, table):
        """What a further row of a table has of its own."""
        new = {"id": str(uuid4())}
        return {
            "ledger_accounts": new | {"code": "another"},
            "account_balances": {
                "id": self.ids["<bare>"],
                "posted": 0,
                "is_guarded": True,
                "rolls_up": False,
            },
            "transactions": new
            | {
                "idempotency_key": "another",
                "transaction_type": "TRANSFER",
                "reverses_id": None,
            },
            "ledger_entries": new
            | {
                "transaction_id": self.ids["<first>"],
                "account_id": self.ids["<wallet>"],
                "leg": 9,
                "version": None,
                "balance_after": None,
            },
            "transaction_relations": new
            | {
                "transaction_id": self.ids["<first>"],
                "related_transaction_id": self.ids["<second>"],
            },
            "holds": {"id": self.ids["<first>"]},
            "hold_resolutions": {
                "id": self.ids["<open>"],
                "transaction_id": self.ids["<first>"],
                "amount": 100,
                "captured": 0,
                "released": 100,
                "resolution": "RELEASED",
            },
        }[table]

    def does(self, statement, *, role=None):
        """Return whether a statement passes; it is rolled back."""
        try:
            with self.connection.transaction(force_rollback=True):
                if role:
                    self.connection.execute(f"SET LOCAL ROLE {role}")
                self.connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True


def name_of(name):
    """A constraint's name without the digits that Django appends to those of foreign keys."""
    found = [each for each in BROKEN if name.startswith(each + "_") and "_fk_" in name]
    return found[0] if found else name


@pytest.fixture
def written(connect, tenant, accounts):
    """A ledger with one of everything, in a transaction that is rolled back."""
    spec = {
        "account_id": str(accounts.wallet),
        "held_account_id": str(accounts.held),
        "expires_at": LATER.isoformat(),
    }
    legs = [leg(accounts.wallet, -100), leg(accounts.other, 100)]
    common = {"amount": 100, "request_hash": "x", "currency": "USD"}
    with binding.bind(tenant, writes="commerce"):
        rows = [books.row(idempotency_key=key, legs=legs, **common) for key in ("first", "second")]
        rows += [
            books.row(idempotency_key=key, transaction_type="HOLD", hold=spec, **common)
            for key in ("ended", "open")
        ]
        found = dict(zip(("first", "second", "ended", "open"), books.by_hand(rows), strict=True))
        ((end, _),) = books.by_hand(
            [
                books.row(
                    transaction_type="RESOLUTION",
                    resolves={
                        "hold_id": str(found["ended"][0]),
                        "captured": 0,
                        "resolution": "RELEASED",
                    },
                    **common,
                )
            ]
        )
        books.by_hand(
            [books.row(transaction_type="REVERSAL", reverses_id=str(found["second"][0]), **common)]
        )
    connection = connect(alias="commerce")
    ids = {f"<{key}>": str(id_) for key, (id_, _) in found.items()}
    ids |= {"<end>": str(end), "<wallet>": str(accounts.wallet), "<bare>": str(uuid4())}
    made = Ledger(connection, tenant, ids)
    for table, key in (("ledger_entries", "<entry>"), ("transaction_relations", "<relation>")):
        (found_id,) = connection.execute(
            f"SELECT max(id::text) FROM {table} WHERE tenant_id = %s", [tenant.id]
        ).fetchone()
        ids[key] = found_id
    connection.execute(
        "INSERT INTO ledger_accounts (tenant_id, id, code, kind, currency, is_guarded, rolls_up, "
        "created_on) VALUES (%s, %s, 'bare', 'ASSET', 'USD', true, false, now())",
        [tenant.id, ids["<bare>"]],
    )
    return made


class TestConstraints:
    def test_every_constraint_is_tried(self, written):
        found = {name_of(name) for name, *_ in written.all(CONSTRAINTS)}

        assert found == set(BROKEN) | STOOD_ON

    def test_each_refuses_what_only_it_refuses(self, written):
        survivors = []
        for name, table, is_trigger, deferrable in written.all(CONSTRAINTS):
            if name in STOOD_ON:
                continue
            refused_by = written.insert(name, deferrable=deferrable)
            if refused_by not in {name, "transactions_balanced" if is_trigger else name}:
                survivors.append(f"{name}: with it, {refused_by or 'nothing'} refuses")
            with written.connection.transaction(force_rollback=True):
                written.connection.execute(drop(name, table, is_trigger))
                if left := written.insert(name):
                    survivors.append(f"{name}: without it, {left} refuses")

        assert survivors == [], "\n".join(survivors)

    @pytest.mark.parametrize("name", sorted(STOOD_ON))
    def test_what_another_key_stands_on_can_not_go_alone(self, written, name):
        table = {found: table for found, table, *_ in written.all(CONSTRAINTS)}[name]

        with (
            pytest.raises(psycopg.errors.DependentObjectsStillExist),
            written.connection.transaction(),
        ):
            written.connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def drop(name, table, is_trigger=False):
    """Return the SQL that takes a constraint, unique index or trigger away."""
    if is_trigger:
        return f"DROP TRIGGER {name} ON {table}"
    return (
        f'DO $do$ BEGIN ALTER TABLE {table} DROP CONSTRAINT "{name}" CASCADE; '
        f"EXCEPTION WHEN undefined_object THEN DROP INDEX {name}; END $do$"
    )


class TestTriggers:
    def test_each_guard_is_missed(self, written):
        survivors = []
        for table, name in written.all(TRIGGERS):
            if "_guard_" not in name:
                continue
            deeds = MISDEEDS[2:] if name.endswith("_whole") else MISDEEDS[:2]
            with written.connection.transaction(force_rollback=True):
                # TRUNCATE is refused by the audit's trigger too, and by keys that point here.
                written.connection.execute("SET LOCAL session_replication_role = replica")
                written.connection.execute(
                    f"ALTER TABLE {table} DISABLE TRIGGER {name.rpartition('_guard')[0]}_audit_truncate"
                )
                statements = [deed.format(table=table) for deed in deeds]
                statements = [
                    f"{each} CASCADE" if each.startswith("TRUNCATE") else each
                    for each in statements
                ]
                if any(written.does(each) for each in statements):
                    survivors.append(f"{name}: passes with it")
                written.connection.execute(f"DROP TRIGGER {name} ON {table}")
                if not any(written.does(each) for each in statements):
                    survivors.append(f"{name}: refused without it")

        # What else refuses TRUNCATE … CASCADE are the guards of the tables that point here.
        others = [each for each in survivors if not each.endswith("_whole: refused without it")]
        assert others == []

    def test_each_has_a_rule_that_names_it(self, written):
        """verify_isolation looks for guards and for the audit's triggers: each by itself."""
        survivors = []
        cursor = written.connection.cursor()
        states = dict(Home.objects.values_list("name", "state"))
        for table, name in written.all(TRIGGERS):
            with written.connection.transaction(force_rollback=True):
                written.connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
                report = examine(cursor=cursor, alias="commerce", states=states, home=written.home)
                if report.is_clean:
                    survivors.append(name)

        assert survivors == [], "\n".join(survivors)

    def test_without_the_balance_s_trigger_an_unbalanced_row_is_found(self, written):
        drop_it = "DROP TRIGGER ledger_entries_balanced ON ledger_entries"
        written.connection.execute(drop_it)
        assert written.insert("ledger_entries_balanced") == ""


class TestGrants:
    @pytest.mark.parametrize("table", TABLES)
    @pytest.mark.parametrize("privilege", ["INSERT", "UPDATE", "DELETE", "TRUNCATE"])
    def test_the_app_may_not_write(self, written, table, privilege):
        statement = {
            "INSERT": f"INSERT INTO {table} SELECT * FROM {table}",
            "UPDATE": f"UPDATE {table} SET tenant_id = tenant_id",
            "DELETE": f"DELETE FROM {table}",
            "TRUNCATE": f"TRUNCATE {table}",
        }[privilege]
        assert not written.does(statement, role=APP)
        states = dict(Home.objects.values_list("name", "state"))
        written.connection.execute(f"GRANT {privilege} ON {table} TO {APP}")

        report = examine(
            cursor=written.connection.cursor(), alias="commerce", states=states, home=written.home
        )

        assert {fault.rule for fault in report.faults} & {"grant", "read-only-grant"}

    @pytest.mark.parametrize("role", [LEDGER, OWNER])
    def test_the_app_can_not_become_who_may(self, written, role):
        written.connection.execute(f"SET LOCAL SESSION AUTHORIZATION {APP}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            written.connection.execute(f"SET ROLE {role}")


class TestParity:
    def test_a_home_that_lacks_anything_differs_from_the_others(self, written):
        """Each constraint, index, trigger and function of the ledger, dropped in one home alone."""
        cursor = written.connection.cursor()
        homes = list(Home.objects.values_list("name", flat=True))
        drops = {
            name: drop(name, table, is_trigger)
            for name, table, is_trigger, _ in written.all(CONSTRAINTS)
        }
        drops |= {name: f"DROP TRIGGER {name} ON {table}" for table, name in written.all(TRIGGERS)}
        survivors = []
        for name, statement in drops.items():
            with written.connection.transaction(force_rollback=True):
                written.connection.execute(statement)
                if not parity.differences(cursor=cursor, alias="commerce", homes=homes):
                    survivors.append(name)

        assert survivors == [], "\n".join(survivors)
