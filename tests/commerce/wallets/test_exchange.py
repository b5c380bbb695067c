"""Exchange: at the rate valid now, rounded for the house; and rates that stay what they were."""

from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apps.commerce.models import UserWallet
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.api import client_of, errors_of
from tests.commerce import shop
from tests.commerce.wallets import people
from tests.commerce.wallets.people import RATES

CURRENCIES = "/api/v1/currencies"


@pytest.fixture
def rate(boss):
    """3 cents buy 2 euro cents."""
    return made(boss, price=3, amount=2)


def made(boss, **values):
    body = {"from_currency": "USD", "to_currency": "EUR", "price": 1, "amount": 1, **values}
    reply = boss.client.post(RATES, body)
    assert reply.status_code == 201, reply.content
    return reply.json()


def change(boss, rate, **changes):
    return boss.client.patch(f"{RATES}/{rate['id']}", changes)


def later(**span):
    return (timezone.now() + timedelta(**span)).isoformat()


class TestExchange:
    def test_goes_through_what_the_tenant_has_of_both(self, tenant, giver, purse, rate):
        reply = giver.move(purse, "exchanges", to_currency="EUR", amount=1_000)

        assert reply.status_code == 201, reply.content
        posted = reply.json()
        assert posted["exchange_rate_id"] == rate["id"]
        assert [(each["amount"], each["currency"]) for each in posted["entries"]] == [
            (-1_000, "USD"),
            (666, "EUR"),
        ]
        with binding.bind(tenant):
            bought = UserWallet.objects.get(user_id=giver.id, currency="EUR")
        assert shop.balance(tenant, purse) == (9_000, 0)
        assert shop.balance(tenant, bought) == (666, 0)
        assert shop.trial_balance(tenant) == {"USD": 0, "EUR": 0}

    def test_there_and_back_never_gains(self, tenant, giver, boss, purse, rate):
        made(boss, from_currency="EUR", to_currency="USD", price=2, amount=3)
        for amount in (2, 7, 100, 1_001):
            before = shop.balance(tenant, purse)[0]
            giver.move(purse, "exchanges", to_currency="EUR", amount=amount)
            with binding.bind(tenant):
                euros = UserWallet.objects.get(user_id=giver.id, currency="EUR")
            free = shop.balance(tenant, euros)[0]
            giver.move(euros, "exchanges", to_currency="USD", amount=free)
            assert shop.balance(tenant, purse)[0] <= before
        assert shop.trial_balance(tenant) == {"USD": 0, "EUR": 0}

    def test_refuses_an_amount_that_would_buy_nothing(self, tenant, giver, purse, rate):
        reply = giver.move(purse, "exchanges", to_currency="EUR", amount=1)

        assert reply.status_code == 409
        assert "Exchange 2 at least" in reply.json()["detail"]
        assert shop.balance(tenant, purse) == (10_000, 0)

    def test_refuses_an_amount_that_would_buy_too_much(self, giver, boss, purse):
        made(boss, price=1, amount=10**12)

        assert giver.move(purse, "exchanges", to_currency="EUR", amount=2).status_code == 409

    def test_needs_a_rate_that_is_valid_now(self, giver, boss, purse):
        made(boss, valid_from=later(hours=1))
        made(boss, valid_from="2020-01-01T00:00:00Z", valid_until="2021-01-01T00:00:00Z")

        reply = giver.move(purse, "exchanges", to_currency="EUR", amount=100)

        assert (reply.status_code, reply.json()["type"]) == (409, "/problems/no-exchange-rate")

    def test_is_for_another_currency(self, giver, purse):
        assert errors_of(giver.move(purse, "exchanges", to_currency="USD", amount=1)) == {
            "to_currency"
        }

    def test_refuses_more_than_there_is(self, tenant, giver, purse, rate):
        assert giver.move(purse, "exchanges", to_currency="EUR", amount=10_001).status_code == 409
        assert shop.trial_balance(tenant)["USD"] == 0

    def test_is_at_the_quoted_rate_or_not_at_all(self, giver, purse, rate):
        quoted = giver.client.get(
            f"{RATES}/quote", {"from_currency": "USD", "to_currency": "EUR", "amount": 1_000}
        ).json()
        body = {"to_currency": "EUR", "amount": 1_000}

        stale = giver.move(purse, "exchanges", exchange_rate_id=uuid7(), **body)
        taken = giver.move(purse, "exchanges", exchange_rate_id=quoted["exchange_rate_id"], **body)

        assert quoted["bought"] == 666
        assert (stale.status_code, taken.status_code) == (409, 201)

    def test_asked_for_again_is_the_same_though_the_rate_has_changed(
        self, tenant, giver, boss, purse, rate
    ):
        first = giver.move(purse, "exchanges", "k", to_currency="EUR", amount=900).json()
        assert change(boss, rate, valid_until=later(seconds=0)).status_code == 200
        made(boss, price=1, amount=5, valid_from=later(seconds=0))
        with binding.bind(tenant, writes="commerce"), connections["commerce"].cursor() as cursor:
            cursor.execute("DELETE FROM idempotency_keys")

        again = giver.move(purse, "exchanges", "k", to_currency="EUR", amount=900)

        assert again.json()["id"] == first["id"]
        assert shop.balance(tenant, purse) == (9_100, 0)

    def test_can_be_reversed(self, tenant, giver, boss, purse, rate):
        done = giver.move(purse, "exchanges", to_currency="EUR", amount=900).json()

        assert boss.client.post(f"{people.TRANSACTIONS}/{done['id']}/reversals").status_code == 201
        assert shop.balance(tenant, purse) == (10_000, 0)
        assert shop.trial_balance(tenant) == {"USD": 0, "EUR": 0}


class TestRates:
    def test_of_a_pair_are_valid_one_at_a_time(self, boss, rate):
        body = {"from_currency": "USD", "to_currency": "EUR", "price": 1, "amount": 1}

        reply = boss.client.post(RATES, body)

        assert reply.status_code == 409
        assert reply.json()["type"] == "/problems/exchange-rates-overlap"
        made(boss, from_currency="EUR", to_currency="USD")

    def test_follow_one_another(self, boss, rate):
        end = later(hours=1)
        change(boss, rate, valid_until=end)

        assert made(boss, price=5, valid_from=end)["price"] == 5

    def test_change_while_nobody_has_used_them(self, boss, rate):
        assert change(boss, rate, price=4).json()["price"] == 4
        assert boss.client.delete(f"{RATES}/{rate['id']}").status_code == 204
        assert boss.client.get(f"{RATES}/{rate['id']}").status_code == 404

    @pytest.mark.parametrize(
        "changes",
        [
            {"price": 4},
            {"amount": 9},
            {"to_currency": "GBP"},
            {"valid_from": "2020-01-01T00:00:00Z"},
        ],
    )
    def test_that_were_used_stay_what_they_were(self, giver, boss, purse, rate, changes):
        giver.move(purse, "exchanges", to_currency="EUR", amount=900)

        assert change(boss, rate, **changes).status_code == 409
        assert boss.client.delete(f"{RATES}/{rate['id']}").status_code == 409

    def test_that_were_used_end_after_that(self, giver, boss, purse, rate):
        used = giver.move(purse, "exchanges", to_currency="EUR", amount=900).json()

        past = change(boss, rate, valid_until=used["effective_at"])
        assert past.status_code == 400
        assert errors_of(past) == {"valid_until"}
        assert change(boss, rate, name="Old").status_code == 200
        assert change(boss, rate, valid_until=later(seconds=0)).status_code == 200

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"to_currency": "USD"}, "to_currency"),
            ({"to_currency": "ABC"}, "to_currency"),
            ({"price": 0}, "price"),
            ({"amount": -1}, "amount"),
            ({"price": 1.5}, "price"),
            ({"valid_until": "2020-01-01T00:00:00Z"}, "valid_until"),
            ({"colour": "red"}, "colour"),
        ],
    )
    def test_refuse_nonsense_by_name(self, boss, values, field):
        body = {"from_currency": "USD", "to_currency": "EUR", "price": 1, "amount": 1, **values}

        reply = boss.client.post(RATES, body)

        assert (reply.status_code, errors_of(reply)) == (400, {field})

    def test_are_read_by_all_and_made_by_admins(self, tenant, rival, giver, helper, rate):
        anybody = client_of(tenant)
        body = {"from_currency": "USD", "to_currency": "GBP", "price": 1, "amount": 1}

        assert anybody.get(f"{RATES}/{rate['id']}").status_code == 200
        assert client_of(rival).get(f"{RATES}/{rate['id']}").status_code == 404
        assert giver.client.post(RATES, body).status_code == 403
        assert helper.client.patch(f"{RATES}/{rate['id']}", {"price": 9}).status_code == 403
        assert anybody.get(RATES, {"valid_at": later(days=-9)}).json()["results"] == []


class TestCurrencies:
    def test_are_those_of_iso_4217_and_the_tenants_own(self, tenant, rival, boss):
        reply = boss.client.post(CURRENCIES, {"code": "STR", "name": "Stars", "decimals": 1})

        assert reply.status_code == 201, reply.content
        listed = {each["code"]: each for each in client_of(tenant).get(CURRENCIES).json()}
        assert listed["STR"] == {
            "code": "STR",
            "name": "Stars",
            "decimals": 1,
            "is_virtual": True,
        }
        assert (listed["USD"]["decimals"], listed["JPY"]["decimals"]) == (2, 0)
        assert "STR" not in {each["code"] for each in client_of(rival).get(CURRENCIES).json()}

    def test_are_exchanged_like_any(self, tenant, boss, giver, purse):
        boss.client.post(CURRENCIES, {"code": "STR", "name": "Stars"})
        made(boss, to_currency="STR", price=100, amount=3)

        assert giver.move(purse, "exchanges", to_currency="STR", amount=100).status_code == 201

    def test_take_no_code_twice(self, boss):
        body = {"code": "STR", "name": "Stars"}
        boss.client.post(CURRENCIES, body)

        assert boss.client.post(CURRENCIES, body).status_code == 409
        assert errors_of(boss.client.post(CURRENCIES, {**body, "code": "EUR"})) == {"code"}

    def test_stay_while_something_is_in_them(self, boss, giver):
        boss.client.post(CURRENCIES, {"code": "STR", "name": "Stars"})
        renamed = boss.client.patch(f"{CURRENCIES}/STR", {"name": "Gold stars"})
        giver.client.post(people.WALLETS, {"currency": "STR"})

        assert renamed.json()["name"] == "Gold stars"
        assert boss.client.delete(f"{CURRENCIES}/STR").status_code == 409
        boss.client.post(CURRENCIES, {"code": "GEM", "name": "Gems"})
        assert boss.client.delete(f"{CURRENCIES}/GEM").status_code == 204
        assert boss.client.delete(f"{CURRENCIES}/GEM").status_code == 404

    def test_are_made_by_admins(self, giver, helper):
        for somebody in (giver, helper):
            reply = somebody.client.post(CURRENCIES, {"code": "STR", "name": "Stars"})
            assert reply.status_code == 403
