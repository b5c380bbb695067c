"""Wallets, rates and currencies in a tenant's admin."""

import re

import pytest
from django.utils import timezone

from apps.commerce.models import ExchangeRate, LedgerTransaction, VirtualCurrency
from apps.tenancy import binding
from tests.api import signed_in
from tests.commerce import shop

WALLETS = "/admin/commerce/userwallet"
RATES = "/admin/commerce/exchangerate"
CURRENCIES = "/admin/commerce/virtualcurrency"


@pytest.fixture
def desk(tenant):
    return signed_in(tenant, "admin")


def key_of(page):
    return re.search(r'name="key" value="([^"]+)"', page.content.decode()).group(1)


class TestWallets:
    def test_are_listed_with_what_is_in_them(self, tenant, rival, desk, purse, taker):
        shop.fund(rival, shop.make_buyer(rival).id, 777_777)

        page = desk.get(f"{WALLETS}/").content.decode()

        assert "$100.00" in page
        assert "7,777.77" not in page
        assert "Trial balance" in page

    def test_have_a_page_that_leads_to_their_statement(self, desk, purse):
        page = desk.get(f"{WALLETS}/{purse.id}/change/")
        statement = desk.get(f"{WALLETS}/{purse.id}/wallet-statement/", follow=True)

        assert b"$100.00" in page.content
        assert page.status_code == statement.status_code == 200
        assert 'data-minor="10000"' in statement.content.decode()

    @pytest.mark.parametrize(
        ("what", "reason", "left"), [("credit", "GOODWILL", 10_050), ("debit", "FRAUD", 9_950)]
    )
    def test_are_credited_and_debited_once_by_a_form(self, tenant, desk, purse, what, reason, left):
        address = f"{WALLETS}/{purse.id}/{what}/"
        key = key_of(desk.get(address))

        for _ in range(2):
            done = desk.post(address, {"amount": 50, "reason": reason, "key": key})
            assert done.status_code == 302, done.content.decode()[-2_000:]

        assert shop.balance(tenant, purse) == (left, 0)
        with binding.bind(tenant):
            posted = LedgerTransaction.objects.order_by("-id").first()
        assert posted.created_by_id is not None
        assert posted.meta_data == {"reason": reason}

    def test_refuse_on_the_page_what_is_not_there(self, tenant, desk, purse):
        address = f"{WALLETS}/{purse.id}/debit/"
        key = key_of(desk.get(address))

        reply = desk.post(address, {"amount": 10_001, "reason": "FRAUD", "key": key}, follow=True)

        assert b"There is less in the account" in reply.content
        assert shop.balance(tenant, purse) == (10_000, 0)

    @pytest.mark.parametrize("values", [{"amount": 0}, {"amount": "x"}, {"reason": "WHIM"}])
    def test_refuse_nonsense(self, tenant, desk, purse, values):
        address = f"{WALLETS}/{purse.id}/credit/"
        body = {"amount": 5, "reason": "GOODWILL", "key": key_of(desk.get(address)), **values}

        assert desk.post(address, body).status_code == 200
        assert shop.balance(tenant, purse) == (10_000, 0)

    def test_are_for_support_to_see_and_for_admins_to_move(self, tenant, purse):
        for role, sees, moves in (("viewer", 403, 403), ("support", 200, 403), ("admin", 200, 200)):
            client = signed_in(tenant, role)
            assert client.get(f"{WALLETS}/").status_code == sees, role
            for page in ("credit", "debit"):
                reply = client.get(f"{WALLETS}/{purse.id}/{page}/")
                assert reply.status_code == moves, (role, page)
            for page in ("trial-balance", "statement", "balances", "revenue"):
                assert client.get(f"{WALLETS}/{page}/").status_code == moves, (role, page)

    def test_of_other_tenants_have_no_page(self, rival, purse):
        elsewhere = signed_in(rival, "owner")

        for page in ("credit", "debit", "wallet-statement"):
            assert elsewhere.get(f"{WALLETS}/{purse.id}/{page}/").status_code == 404
        found = elsewhere.get(f"{WALLETS}/statement/", {"account": purse.account_id})
        assert found.status_code == 404

    @pytest.mark.parametrize(
        "query",
        [
            "trial-balance/?as_of=soon",
            "trial-balance/?after=%00",
            "statement/?account=mine",
            "statement/?account=0190aaaa-0000-7000-8000-000000000000&start=soon",
            "balances/?as_of=0001-01-01T00:00:00%2B14:00",
            "revenue/?by=year",
            "revenue/?end=0001-01-02T00:00:00Z",
        ],
    )
    def test_reports_answer_nonsense_with_a_page(self, desk, purse, query):
        assert desk.get(f"{WALLETS}/{query}").status_code == 200


class TestRates:
    form = {
        "name": "",
        "from_currency": "USD",
        "to_currency": "EUR",
        "price": 3,
        "amount": 2,
        "valid_from_0": "2026-01-01",
        "valid_from_1": "00:00:00",
        "valid_until_0": "",
        "valid_until_1": "",
        "keywords": "",
        "meta_data": "{}",
    }

    def test_are_made_and_kept_once_used(self, tenant, desk, giver, purse):
        made = desk.post(f"{RATES}/add/", self.form)
        assert made.status_code == 302, made.content.decode()[-3_000:]
        giver.move(purse, "exchanges", to_currency="EUR", amount=300)
        with binding.bind(tenant):
            rate = ExchangeRate.objects.get()

        changed = desk.post(f"{RATES}/{rate.id}/change/", {**self.form, "price": 4}, follow=True)

        assert b"End it by valid_until" in changed.content
        with binding.bind(tenant):
            assert ExchangeRate.objects.get().price == 3

    def test_that_overlap_are_refused_on_the_page(self, tenant, desk):
        desk.post(f"{RATES}/add/", self.form)

        again = desk.post(f"{RATES}/add/", self.form, follow=True)

        assert again.status_code == 200
        with binding.bind(tenant):
            assert ExchangeRate.objects.count() == 1

    @pytest.mark.parametrize(
        "nonsense", [{"price": 10**12 + 1}, {"amount": 10**12 + 1}, {"from_currency": "usd"}]
    )
    def test_beyond_what_money_can_be_are_refused_on_the_page(self, tenant, desk, nonsense):
        refused = desk.post(f"{RATES}/add/", {**self.form, **nonsense})

        assert refused.status_code == 200
        assert b"exchange_rates_" in refused.content
        with binding.bind(tenant):
            assert not ExchangeRate.objects.exists()

    def test_nobody_used_are_withdrawn(self, tenant, desk):
        desk.post(f"{RATES}/add/", self.form)
        with binding.bind(tenant):
            rate = ExchangeRate.objects.get()

        desk.post(f"{RATES}/{rate.id}/delete/", {"post": "yes"}, follow=True)

        with binding.bind(tenant):
            assert ExchangeRate.objects.get().deleted_on <= timezone.now()
        assert str(rate.id) not in desk.get(f"{RATES}/").content.decode()


class TestCurrencies:
    def test_are_made_and_renamed(self, tenant, desk):
        desk.post(f"{CURRENCIES}/add/", {"code": "STR", "name": "Stars", "decimals": 1})
        with binding.bind(tenant):
            star = VirtualCurrency.objects.get()

        desk.post(f"{CURRENCIES}/{star.id}/change/", {"name": "Gold", "decimals": 4})

        with binding.bind(tenant):
            star.refresh_from_db()
        assert (star.code, star.name, star.decimals) == ("STR", "Gold", 1)

    def test_are_none_of_iso_4217(self, tenant, desk):
        desk.post(f"{CURRENCIES}/add/", {"code": "EUR", "name": "Mine", "decimals": 1})

        with binding.bind(tenant):
            assert not VirtualCurrency.objects.exists()
