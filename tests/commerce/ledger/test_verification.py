"""verify_ledger: sound books are found sound, and whatever a superuser does to them is found, and named."""

import io
import json
import threading
import time
from functools import partial

import pytest
from django.core.management import CommandError, call_command

from apps.commerce.models import Purchase, Refund, Resolution, TransactionType
from apps.commerce.operations import ledger
from apps.commerce.queries import ledger_verification
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.audit.conftest import enter
from tests.commerce.ledger import books
from tests.commerce.ledger.books import AT, LATER


@pytest.fixture
def ids(tenant, accounts):
    """One of everything, by what it is called."""
    spec = ledger.HoldSpec(
        account_id=accounts.wallet, held_account_id=accounts.held, expires_at=LATER
    )
    with binding.bind(tenant, writes="commerce"):
        done = ledger.post_one(books.transfer(accounts.wallet, accounts.other, 5))
        undone = ledger.post_one(books.transfer(accounts.wallet, accounts.other, 7))
        back = ledger.reverse_transaction(transaction_id=undone.id, cause=books.cause())
        held, ended = (
            ledger.post_one(
                ledger.Posting(
                    cause=books.cause(),
                    transaction_type=TransactionType.HOLD,
                    amount=100,
                    currency="USD",
                    hold=spec,
                )
            )
            for _ in range(2)
        )
        ledger.holds.capture_hold(
            hold_id=ended.id, amount=60, to_account_id=accounts.shared, cause=books.cause()
        )
    books.roll_up(tenant)
    return {
        "done": done.id,
        "undone": undone.id,
        "back": back.id,
        "held": held.id,
        "ended": ended.id,
        "wallet": accounts.wallet,
        "shared": accounts.shared,
        "tenant": tenant.id,
    }


# What a superuser does in replica mode with the guards off, and a word of what is said of it.
MISDEEDS = {
    "an entry's amount": (
        "UPDATE ledger_entries SET amount = amount + 1 WHERE transaction_id = %(done)s AND leg = 1",
        ["changed after it was written: amount", "add up to 1"],
    ),
    "both legs": (
        "UPDATE ledger_entries SET amount = amount * 2 WHERE transaction_id = %(done)s",
        ["changed after it was written: amount", "the entries"],
    ),
    "an entry's account": (
        "UPDATE ledger_entries SET account_id = %(shared)s, version = NULL, balance_after = NULL "
        "WHERE transaction_id = %(done)s AND leg = 2",
        ["changed after it was written: account_id, balance_after, version"],
    ),
    "an entry's version": (
        "UPDATE ledger_entries SET version = version + 1000 WHERE transaction_id = %(done)s",
        ["changed after it was written: version", "at version"],
    ),
    "a running balance": (
        "UPDATE ledger_entries SET balance_after = balance_after + 1 WHERE transaction_id = %(done)s",
        ["changed after it was written: balance_after", "it holds"],
    ),
    "when it counts": (
        "UPDATE ledger_entries SET effective_at = '2020-01-01' WHERE transaction_id = %(done)s AND leg = 1",
        ["changed after it was written: effective_at", "at another time"],
    ),
    "an entry removed": (
        "DELETE FROM ledger_entries WHERE transaction_id = %(done)s AND leg = 2",
        ["it was written, and is gone", "add up to -5"],
    ),
    "all entries removed": (
        "DELETE FROM ledger_entries WHERE transaction_id = %(done)s",
        ["it was written, and is gone", "it has no entries"],
    ),
    "a whole transaction removed": (
        "DELETE FROM ledger_entries WHERE transaction_id = %(done)s; "
        "DELETE FROM transactions WHERE id = %(done)s",
        ["transactions %(done)s: it was written, and is gone"],
    ),
    "an amount": (
        "UPDATE transactions SET amount = 6 WHERE id = %(done)s",
        ["changed after it was written: amount", "move less than its 6 USD"],
    ),
    "whose it is": (
        "UPDATE transactions SET user_id = gen_random_uuid() WHERE id = %(done)s",
        ["transactions %(done)s: it was changed after it was written: user_id"],
    ),
    "a member of its data": (
        """UPDATE transactions SET meta_data = '{"more": 1}' WHERE id = %(done)s""",
        ["changed after it was written: meta_data"],
    ),
    "a key": (
        "UPDATE transactions SET idempotency_key = 'mine' WHERE id = %(done)s",
        ["changed after it was written: idempotency_key"],
    ),
    "a transaction inserted": (
        "INSERT INTO transactions SELECT (jsonb_populate_record(t, jsonb_build_object('id', "
        "gen_random_uuid(), 'idempotency_key', 'new'))).* FROM transactions t WHERE id = %(done)s",
        ["inserted past the audit log", "it has no entries"],
    ),
    "a cached balance": (
        "UPDATE account_balances SET posted = posted + 1 WHERE id = %(wallet)s",
        ["wallet: the balance says", "the entries"],
    ),
    "a rolled-up balance": (
        "UPDATE account_balances SET posted = posted + 1 WHERE id = %(shared)s",
        ["shared: the balance says"],
    ),
    "a watermark": (
        "UPDATE account_balances SET watermark = 0 WHERE id = %(shared)s",
        ["shared: the balance says"],
    ),
    "a balance removed": (
        "DELETE FROM account_balances WHERE id = %(wallet)s",
        ["wallet has no balance"],
    ),
    "what is held": (
        "UPDATE holds SET amount = 99 WHERE id = %(held)s",
        ["changed after it was written: amount", "does not move what it holds", "the open holds"],
    ),
    "a hold removed": (
        "DELETE FROM holds WHERE id = %(held)s",
        ["it was written, and is gone", "called a hold, and holds nothing"],
    ),
    "what was captured": (
        "UPDATE hold_resolutions SET captured = 61, released = 39 WHERE id = %(ended)s",
        ["captured, released", "does not move what it captures and releases"],
    ),
    "an end forgotten": (
        "DELETE FROM hold_resolutions WHERE id = %(ended)s",
        ["it was written, and is gone", "held holds 100, and the open holds in it 200"],
    ),
    "what is reversed": (
        "UPDATE transactions SET reverses_id = %(done)s WHERE id = %(back)s",
        ["changed after it was written: reverses_id", "not those it reverses"],
    ),
    "a relation": (
        "DELETE FROM transaction_relations WHERE related_transaction_id = %(ended)s",
        ["transaction_relations"],
    ),
    "a guard": (
        "UPDATE ledger_accounts SET is_guarded = false WHERE id = %(wallet)s",
        ["changed after it was written: is_guarded"],
    ),
    "another's tenant": (
        "UPDATE transactions SET tenant_id = gen_random_uuid() WHERE id = %(done)s",
        ["it was written, and is gone"],
    ),
}
TABLES = (
    "ledger_accounts",
    "transactions",
    "ledger_entries",
    "transaction_relations",
    "holds",
    "hold_resolutions",
    "account_balances",
)


def tamper(connect, tenant, statement, values):
    """Do it as a superuser with every trigger off; and leave the database as if nothing had been."""
    superuser = connect(alias="commerce")
    enter(superuser, tenant)
    superuser.execute("SET LOCAL session_replication_role = replica")
    always = superuser.execute(
        "SELECT tgrelid::regclass::text, tgname FROM pg_trigger "
        "WHERE tgrelid = ANY (%s::regclass[]) AND tgenabled = 'A'",
        [list(TABLES)],
    ).fetchall()
    for table, name in always:
        superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
    for each in statement.split("; "):
        assert superuser.execute(each, values).rowcount >= 1, "nothing was done"
    for table, name in always:
        superuser.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
    superuser.commit()


def verify(tenant):
    return ledger_verification.verify_ledger(tenant=tenant)


def command(tenant, **options):
    out = io.StringIO()
    call_command("verify_ledger", tenant=tenant.slug, stdout=out, **options)
    return out.getvalue()


class TestVerifyLedger:
    def test_finds_sound_books_sound(self, tenant, ids):
        report = verify(tenant)

        assert report.is_sound, [fault.text for fault in report.faults]
        assert (report.accounts, report.transactions, report.entries) == (4, 7, 15)

    @pytest.mark.parametrize("name", MISDEEDS)
    def test_finds_what_was_done_and_names_the_row(self, tenant, rival, ids, connect, name):
        statement, words = MISDEEDS[name]
        tamper(connect, tenant, statement, ids)

        report = verify(tenant)

        said = "\n".join(fault.text for fault in report.faults)
        for word in words:
            assert word % ids in said
        assert verify(rival).is_sound

    def test_finds_a_row_whose_trigger_was_off_for_a_moment(self, tenant, ids, connect):
        """A balanced transaction, right in every sum: only the log knows nothing of it."""
        copy = (
            "INSERT INTO transactions SELECT (jsonb_populate_record(t, jsonb_build_object("
            "'id', %(new)s::uuid, 'idempotency_key', 'new'))).* FROM transactions t WHERE id = %(done)s; "
            "INSERT INTO ledger_entries SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'id', gen_random_uuid(), 'transaction_id', %(new)s::uuid, 'account_id', %(shared)s::uuid, "
            "'version', NULL, 'balance_after', NULL, 'xid', 1::bigint << 62))).* "
            "FROM ledger_entries e WHERE transaction_id = %(done)s"
        )
        tamper(connect, tenant, copy, {**ids, "new": uuid7()})

        assert {fault.check for fault in verify(tenant).faults} == {
            "every row is as it was written"
        }

    def test_counts_all_faults_and_keeps_the_first(self, tenant, accounts, connect, monkeypatch):
        monkeypatch.setattr(ledger_verification, "KEPT", 3)
        monkeypatch.setattr(ledger_verification, "PAGE", 4)
        with binding.bind(tenant, writes="commerce"):
            ledger.post(*(books.transfer(accounts.wallet, accounts.other, 1) for _ in range(10)))
        tamper(connect, tenant, "UPDATE transactions SET request_hash = 'x'", {})

        report = verify(tenant)

        assert report.fault_count == 11
        assert len(report.faults) == 3
        assert [fault.id for fault in report.faults] == sorted(fault.id for fault in report.faults)

    def test_works_while_writers_write(self, tenant, accounts):
        stop = threading.Event()
        rounds = {accounts.shared: 0, accounts.other: 0}

        def write(target):
            done = 0
            while not stop.is_set():
                with binding.bind(tenant, writes="commerce"):
                    ledger.post(books.transfer(accounts.wallet, target, 1))
                    if done % 5 == 0:
                        ledger.roll_up_accounts()
                done += 1
                rounds[target] = done
            return done

        def check():
            reports, until = [], time.monotonic() + 60
            try:
                while len(reports) < 8 or (min(rounds.values()) < 4 and time.monotonic() < until):
                    reports.append(verify(tenant))
                return reports
            finally:
                stop.set()

        written, other, reports = books.at_once(
            [partial(write, accounts.shared), partial(write, accounts.other), check], threads=3
        )

        assert written > 3
        assert other > 3
        assert [fault.text for report in reports for fault in report.faults] == []
        assert len({report.transactions for report in reports}) > 1

    def test_knows_what_purchases_say(self, tenant, ids, buyer):
        with binding.bind(tenant, writes="commerce"):
            purchase = Purchase.objects.create(
                user_id=buyer.id,
                currency="USD",
                subtotal=5,
                total=5,
                transaction_id=ids["done"],
            )
            Purchase.objects.filter(id=purchase.id).update(
                state="COMPLETED", captured=5, refunded=2, completed_at=AT
            )
            Refund.objects.create(
                purchase=purchase,
                seq=1,
                amount=1,
                cumulative=1,
                captured=5,
                transaction_id=ids["done"],
                created_on=AT,
            )

        said = [fault.text for fault in verify(tenant).faults]

        assert any("2 was refunded, its refunds say 1" in each for each in said)
        assert any("it gives back 1 USD, its transaction 5 USD" in each for each in said)
        assert len(said) == 2


class TestCommand:
    def test_says_that_all_is_well(self, tenant, ids):
        said = command(tenant)

        assert f"{tenant.slug}: sound; 7 transactions, 15 entries, 4 accounts" in said
        assert "Verified: 7 transactions balance" in said

    def test_says_that_there_is_nothing(self, tenant):
        assert "There are no transactions yet." in command(tenant)

    def test_names_the_first_row_and_fails(self, tenant, ids, connect):
        statement, _ = MISDEEDS["whose it is"]
        tamper(connect, tenant, statement, ids)

        with pytest.raises(CommandError, match=f"The first, in {tenant.slug}: transactions"):
            command(tenant)

    def test_answers_scripts(self, tenant, ids, connect):
        sound = json.loads(command(tenant, format="json"))
        assert sound["ledgers"][0]["is_sound"]

        statement, _ = MISDEEDS["whose it is"]
        tamper(connect, tenant, statement, ids)
        out = io.StringIO()
        with pytest.raises(CommandError):
            call_command("verify_ledger", tenant=tenant.slug, format="json", stdout=out)

        (found,) = json.loads(out.getvalue())["ledgers"]
        assert (found["fault_count"], found["faults"][0]["id"]) == (1, str(ids["done"]))

    def test_refuses_a_tenant_that_there_is_not(self):
        with pytest.raises(CommandError, match="nobody"):
            call_command("verify_ledger", tenant="nobody")


class TestResolutions:
    def test_a_release_is_sound_too(self, tenant, ids):
        with binding.bind(tenant, writes="commerce"):
            ledger.holds.release_hold(
                hold_id=ids["held"], cause=books.cause(), resolution=Resolution.EXPIRED
            )
        books.assert_sound(tenant)
