"""The ledger in a tenant's admin: seen by staff that supports, changed by nobody, one query a page."""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from apps.commerce.models import TransactionType
from apps.commerce.operations import ledger
from apps.tenancy import binding
from tests.api import signed_in
from tests.commerce.ledger import books
from tests.commerce.ledger.books import LATER

ACCOUNTS = "/admin/commerce/ledgeraccount/"
TRANSACTIONS = "/admin/commerce/ledgertransaction/"
HOLDS = "/admin/commerce/hold/"
PAGES = [ACCOUNTS, TRANSACTIONS, HOLDS]


@pytest.fixture
def staff(tenant):
    return signed_in(tenant, "support")


@pytest.fixture
def transactions(tenant, accounts):
    """One that was reversed, its reversal, and a hold of which a part was captured."""
    spec = ledger.HoldSpec(
        account_id=accounts.wallet, held_account_id=accounts.held, expires_at=LATER
    )
    with binding.bind(tenant, writes="commerce"):
        done = ledger.post_one(books.transfer(accounts.wallet, accounts.other, 1_234)).id
        ledger.reverse_transaction(transaction_id=done, cause=books.cause())
        hold = ledger.post_one(
            ledger.Posting(
                cause=books.cause(),
                transaction_type=TransactionType.HOLD,
                amount=4_321,
                currency="USD",
                hold=spec,
            )
        ).id
        ledger.holds.capture_hold(
            hold_id=hold, amount=4_000, to_account_id=accounts.shared, cause=books.cause()
        )
    return {"done": done, "hold": hold}


class TestPages:
    def test_accounts_show_what_they_hold(self, staff, transactions):
        page = staff.get(ACCOUNTS).content.decode()

        for said in ("wallet", "shared", "6000", "-6000", "liability"):
            assert said.lower() in page.lower()

    def test_transactions_show_what_has_become_of_them(self, staff, transactions):
        page = staff.get(TRANSACTIONS).content.decode()

        for said in ("REVERSED", "CAPTURED", "COMPLETED", "1234"):
            assert said in page

    def test_a_transaction_shows_its_legs(self, staff, accounts, transactions):
        page = staff.get(f"{TRANSACTIONS}{transactions['done']}/change/").content.decode()

        for said in ("-1234", "1234", "wallet", "other", "8766", "REVERSED"):
            assert said in page

    def test_holds_show_how_they_ended(self, staff, transactions):
        page = staff.get(HOLDS).content.decode()

        for said in ("4321", "4000", "CAPTURED"):
            assert said in page
        assert staff.get(f"{HOLDS}{transactions['hold']}/change/").status_code == 200

    @pytest.mark.parametrize("page", PAGES)
    def test_ask_once_however_many_rows_there_are(self, tenant, staff, accounts, page):
        spec = ledger.HoldSpec(
            account_id=accounts.wallet, held_account_id=accounts.held, expires_at=LATER
        )

        def place(count):
            for _ in range(count):
                with binding.bind(tenant, writes="commerce"):
                    books.account(f"more:{books.uuid7()}")
                    ledger.post_one(
                        ledger.Posting(
                            cause=books.cause(),
                            transaction_type=TransactionType.HOLD,
                            amount=1,
                            currency="USD",
                            hold=spec,
                        )
                    )

        def asked():
            with CaptureQueriesContext(connections["commerce"]) as queries:
                assert staff.get(page).status_code == 200
            return [each for each in queries if each["sql"].lstrip().startswith("SELECT")]

        place(2)
        few = asked()
        place(10)
        many = asked()

        assert len(few) == len(many) <= 2

    @pytest.mark.parametrize("page", PAGES)
    def test_change_nothing(self, tenant, transactions, page):
        admin = signed_in(tenant, "owner")
        row = transactions["hold"]

        assert admin.get(f"{page}add/").status_code == 403
        assert admin.post(f"{page}add/", {}).status_code == 403
        for deed in ("delete", "change"):
            assert admin.post(f"{page}{row}/{deed}/", {"post": "yes"}).status_code in {302, 403}
        books.assert_sound(tenant)

    @pytest.mark.parametrize("page", PAGES)
    def test_are_for_those_who_support_and_above(self, tenant, page):
        assert signed_in(tenant, "viewer").get(page).status_code == 403
        assert signed_in(tenant, "support").get(page).status_code == 200

    @pytest.mark.parametrize("page", PAGES)
    def test_show_no_other_tenant_s_rows(self, rival, tenant, accounts, transactions, page):
        stranger = signed_in(rival, "owner")

        assert str(transactions["hold"]) not in stranger.get(page).content.decode()
        found = stranger.get(f"{page}{transactions['hold']}/change/")
        assert found.status_code in {302, 404}
