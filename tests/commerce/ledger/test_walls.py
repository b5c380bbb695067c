"""What the run-time role can do with the ledger's functions by hand: post in its own tenant, and no more."""

import psycopg
import pytest
from django.db import IntegrityError, connections
from psycopg.types.json import Jsonb

from apps.commerce.models import LedgerAccount
from apps.tenancy import binding
from config.databases import APP, LEDGER
from tests.audit.conftest import enter
from tests.commerce.ledger import books
from tests.commerce.ledger.books import LATER, leg
from tests.commerce.ledger.test_mutants import TABLES


@pytest.fixture
def theirs(rival, open_accounts):
    """The accounts of a tenant in the same home."""
    return open_accounts(rival)


def spec(source, target):
    return {
        "account_id": str(source),
        "held_account_id": str(target),
        "expires_at": LATER.isoformat(),
    }


class TestAnotherTenant:
    def attempts(self, accounts, theirs, hold_id, done):
        """JSON that names what is another tenant's, in every place where an id can stand."""
        return {
            "a leg": books.row((accounts.wallet, -1), (theirs.other, 1)),
            "both legs": books.row((theirs.wallet, -1), (theirs.other, 1)),
            "a hold": books.row(
                transaction_type="HOLD", amount=1, hold=spec(theirs.wallet, theirs.held)
            ),
            "the end of a hold": books.row(
                transaction_type="RESOLUTION",
                amount=100,
                resolves={"hold_id": str(hold_id), "captured": 0, "resolution": "RELEASED"},
            ),
            "a reversal": books.row(transaction_type="REVERSAL", amount=5, reverses_id=str(done)),
            "a relation": books.row(
                (accounts.wallet, -1),
                (accounts.other, 1),
                relations=[{"id": str(done), "type": "REFUND_OF"}],
            ),
            "a tenant's id": books.row((theirs.wallet, -1), (theirs.other, 1))
            | {"tenant_id": "x", "xid": 1},
        }

    def test_is_beyond_reach_whatever_the_json_names(self, tenant, rival, accounts, theirs):
        with binding.bind(rival, writes="commerce"):
            ((done, _), (hold_id, _)) = books.by_hand(
                [
                    books.row((theirs.wallet, -5), (theirs.other, 5)),
                    books.row(
                        transaction_type="HOLD", amount=100, hold=spec(theirs.wallet, theirs.held)
                    ),
                ]
            )
        before = books.holds(rival, theirs.wallet, theirs.held, theirs.other, theirs.shared)

        for name, row in self.attempts(accounts, theirs, hold_id, done).items():
            with binding.bind(tenant, writes="commerce"):
                ((_, _, refusal, _),) = books.by_hand([row], function="try_post_transaction")
            assert refusal, f"{name} was posted"

        assert before == books.holds(rival, theirs.wallet, theirs.held, theirs.other, theirs.shared)
        for each in (tenant, rival):
            books.assert_sound(each)

    def test_has_the_same_keys_and_codes_without_knowing(self, tenant, rival, accounts, theirs):
        for each, known in ((tenant, accounts), (rival, theirs)):
            with binding.bind(each, writes="commerce"):
                ((_, is_replay),) = books.by_hand(
                    [
                        books.row(
                            (known.wallet, -1),
                            (known.other, 1),
                            idempotency_key="same",
                            request_hash=str(each.id),
                        )
                    ]
                )
            assert not is_replay
        with binding.bind(tenant):
            assert LedgerAccount.objects.filter(code="wallet").count() == 1

    def test_is_not_rolled_up_by_others(self, tenant, rival, accounts, theirs):
        books.roll_up(tenant)
        with binding.bind(rival), connections["commerce"].cursor() as cursor:
            cursor.execute("SELECT watermark FROM account_balances WHERE id = %s", [theirs.shared])
            assert cursor.fetchone() == (0,)

    def test_without_a_tenant_nothing_is_posted(self, tenant, connect):
        app = connect(APP, alias="commerce")
        with pytest.raises(psycopg.Error):
            app.execute(
                f"SELECT * FROM {tenant.schema_name}.post_transaction(%s)", [Jsonb([books.row()])]
            )

    def test_is_walled_from_the_ledger_s_own_role(self, tenant, rival, accounts, theirs, connect):
        """Row-level security binds quintet_ledger: even its own INSERT can't leave the tenant."""
        superuser = connect(alias="commerce")
        enter(superuser, tenant)
        superuser.execute(f"SET LOCAL ROLE {LEDGER}")

        for table in TABLES:
            (seen,) = superuser.execute(
                f"SELECT count(*) FROM {table} WHERE tenant_id = %s", [rival.id]
            ).fetchone()
            assert seen == 0, table
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            superuser.execute(
                "INSERT INTO ledger_accounts (tenant_id, id, code, kind, currency, is_guarded, "
                "rolls_up, created_on) VALUES (%s, gen_random_uuid(), 'x', 'ASSET', 'USD', false, "
                "false, now())",
                [rival.id],
            )


class TestByHand:
    @pytest.mark.parametrize("table", TABLES)
    def test_no_table_is_written(self, tenant, accounts, table, connect):
        app = connect(APP, alias="commerce")
        enter(app, tenant)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(f"INSERT INTO {table} SELECT * FROM {table}")

    def test_nothing_temporary_stands_in_for_the_ledger(self, tenant, accounts, connect):
        """As a superuser, who may make temporary tables: the function must not find them."""
        superuser = connect(alias="commerce")
        enter(superuser, tenant)
        superuser.execute("CREATE TEMPORARY TABLE account_balances (LIKE account_balances)")
        superuser.execute("CREATE TEMPORARY TABLE ledger_entries (LIKE ledger_entries)")

        superuser.execute(
            "SELECT * FROM post_transaction(%s)",
            [Jsonb([books.row((accounts.wallet, -5), (accounts.other, 5))])],
        )
        superuser.commit()

        assert books.holds(tenant, accounts.wallet, accounts.other) == [9_995, 5]

    def test_deferred_checks_can_not_be_put_off(self, tenant, accounts):
        """Not by SET CONSTRAINTS, nor by going on in the same transaction after a refusal."""
        bad = books.row() | {"legs": [leg(accounts.wallet, -5), leg(accounts.other, 4)]}
        with (
            pytest.raises(IntegrityError, match="do not balance"),
            binding.bind(tenant, writes="commerce"),
            connections["commerce"].cursor() as cursor,
        ):
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            books.by_hand([bad])

    def test_a_repeatable_read_posts_or_is_told_to_repeat(self, tenant, accounts):
        with binding.bind(tenant, writes="commerce"), connections["commerce"].cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            books.by_hand([books.row((accounts.wallet, -5), (accounts.other, 5))])
        books.assert_sound(tenant)
