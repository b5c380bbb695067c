"""Codes: what they take off, when they are refused, and that they are used no more often than they can be."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from apps.commerce.models import CodeItem, DiscountCode, DiscountCodeUsage, DomainEvent
from apps.commerce.operations import discounts
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.inventory.crowd import all_at_once, make_fans

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def make_code(tenant, *items, **values):
    """A tenth off everything, as often as one likes, if nothing else is said."""
    kind = values.get("kind", "PERCENT")
    defaults = {
        "code": "SPRING",
        "kind": kind,
        "percent": 1_000 if kind == "PERCENT" else None,
        "currency": "" if kind == "PERCENT" else "USD",
        "max_uses_per_user": None,
    }
    with binding.bind(tenant, writes="commerce"):
        code = DiscountCode.objects.create(**{**defaults, **values})
        CodeItem.objects.bulk_create(CodeItem(code=code, item=item) for item in items)
    return code


def quote(tenant, code="SPRING", *, user_id=None, currency="USD", at=NOON, lines=None):
    with binding.bind(tenant):
        found = discounts.quote(
            code=code, user_id=user_id, currency=currency, lines=lines or {uuid7(): 1_000}, at=at
        )
    return found.discount


def claim(code, user_id, *, purchase_id=None, at=NOON):
    purchase_id = purchase_id or uuid7()
    discounts.claim(
        code_id=code.id, user_id=user_id, purchase_id=purchase_id, amount=100, used_at=at
    )
    return purchase_id


def uses_of(tenant, code):
    """How often a code is used, which is how many uses are written down."""
    with binding.bind(tenant):
        used = DiscountCode.objects.get(id=code.id).used
        assert DiscountCodeUsage.objects.filter(code=code).count() == used
    return used


class TestQuote:
    @pytest.mark.parametrize(
        ("percent", "total", "discount"),
        [
            (1_000, 1_000, 100),
            (1_250, 999, 124),  # 124.875: parts of a cent stay the house's
            (1, 19_999, 1),
            (10_000, 12_345, 12_345),
        ],
    )
    def test_of_a_share_is_rounded_down(self, tenant, percent, total, discount):
        make_code(tenant, percent=percent)
        assert quote(tenant, lines={uuid7(): total}) == discount

    def test_of_an_amount_is_never_more_than_what_is_bought(self, tenant):
        make_code(tenant, kind="AMOUNT", amount=500)
        assert quote(tenant) == 500
        assert quote(tenant, lines={uuid7(): 300}) == 300

    def test_reads_a_code_however_it_is_written(self, tenant):
        make_code(tenant)
        assert quote(tenant, " spring ") == 100

    def test_counts_only_the_items_that_the_code_names(self, tenant, seller):
        named, other = (shop.make_item(tenant, seller) for _ in range(2))
        make_code(tenant, named, percent=5_000)
        assert quote(tenant, lines={named.id: 400, other.id: 10_000}) == 200
        with pytest.raises(discounts.CodeNotForItems):
            quote(tenant, lines={other.id: 10_000})

    def test_holds_the_minimum_against_what_the_code_is_for(self, tenant, seller):
        named, other = (shop.make_item(tenant, seller) for _ in range(2))
        make_code(tenant, named, minimum=500, currency="USD")
        assert quote(tenant, lines={named.id: 500, other.id: 1}) == 50
        with pytest.raises(discounts.MinimumNotReached, match="at least 500") as refusal:
            quote(tenant, lines={named.id: 499, other.id: 10_000})
        assert refusal.value.extra == {"minimum": 500, "total": 499, "currency": "USD"}

    @pytest.mark.parametrize(
        ("at", "refusal"),
        [
            (NOON - timedelta(seconds=1), discounts.CodeNotYet),
            (NOON, None),
            (NOON + timedelta(days=1, seconds=-1), None),
            (NOON + timedelta(days=1), discounts.CodeExpired),
        ],
    )
    def test_is_given_from_the_start_until_the_end(self, tenant, at, refusal):
        make_code(tenant, starts_at=NOON, ends_at=NOON + timedelta(days=1))
        if refusal is None:
            assert quote(tenant, at=at) == 100
        else:
            with pytest.raises(refusal, match="2026-05-0"):
                quote(tenant, at=at)

    @pytest.mark.parametrize(
        ("values", "asked", "refusal"),
        [
            ({}, {"code": "AUTUMN"}, discounts.CodeUnknown),
            ({"is_active": False}, {}, discounts.CodeUnknown),
            ({"kind": "CREDIT", "amount": 500}, {}, discounts.CodeWrongKind),
            ({"kind": "AMOUNT", "amount": 5}, {"currency": "EUR"}, discounts.CodeWrongCurrency),
            ({"currency": "USD"}, {"currency": "EUR"}, discounts.CodeWrongCurrency),
            ({"percent": 1}, {}, discounts.CodeTakesNothingOff),
            ({"max_uses": 3, "used": 3}, {}, discounts.CodeUsedUp),
        ],
    )
    def test_says_why_there_is_none(self, tenant, values, asked, refusal):
        make_code(tenant, **values)
        with pytest.raises(refusal) as refused:
            quote(tenant, **asked)
        assert refused.value.status == 409
        assert asked.get("code", "SPRING") in refused.value.detail

    def test_is_of_the_tenant_s_own_codes(self, tenant, rival):
        make_code(rival)
        with pytest.raises(discounts.CodeUnknown):
            quote(tenant)


class TestClaim:
    def test_uses_a_code_once_per_person_unless_it_says_otherwise(self, tenant, buyer, stranger):
        code = make_code(tenant, max_uses_per_user=1)
        with binding.bind(tenant, writes="commerce"):
            claim(code, buyer.id)
        with pytest.raises(discounts.CodeUsedBefore, match="once"):
            quote(tenant, user_id=buyer.id)
        assert quote(tenant, user_id=stranger.id) == 100
        with (
            pytest.raises(discounts.CodeUsedBefore),
            binding.bind(tenant, writes="commerce"),
        ):
            claim(code, buyer.id)
        assert uses_of(tenant, code) == 1

    def test_is_given_back_by_a_purchase_that_comes_to_nothing(self, tenant, buyer):
        code = make_code(tenant, max_uses=2, max_uses_per_user=2)
        with binding.bind(tenant, writes="commerce"):
            first, _ = claim(code, buyer.id), claim(code, buyer.id)
            assert discounts.release(purchase_id=first)
            assert not discounts.release(purchase_id=first)
            claim(code, buyer.id)
            turns = DiscountCodeUsage.objects.values_list("turn", flat=True)
            assert sorted(turns) == [1, 2]
        assert uses_of(tenant, code) == 2

    def test_of_the_same_purchase_counts_once(self, tenant, buyer):
        code, other = make_code(tenant, max_uses=1), make_code(tenant, code="OTHER")
        purchase = uuid7()
        with binding.bind(tenant, writes="commerce"):
            for each in (code, code, other):
                claim(each, buyer.id, purchase_id=purchase)
        assert (uses_of(tenant, code), uses_of(tenant, other)) == (0, 1)

    def test_refuses_what_has_expired_since_it_was_quoted(self, tenant, buyer):
        code = make_code(tenant, ends_at=NOON)
        assert quote(tenant, at=NOON - timedelta(minutes=1)) == 100
        with pytest.raises(discounts.CodeExpired), binding.bind(tenant, writes="commerce"):
            claim(code, buyer.id)

    def test_of_10_uses_lets_10_of_50_racers_win(self, tenant):
        code = make_code(tenant, max_uses=10)

        def use(user_id):
            with binding.bind(tenant, writes="commerce"):
                claim(code, user_id)

        outcome = all_at_once(use, make_fans(tenant, 50), threads=16)

        assert outcome == {"done": 10, "CodeUsedUp": 40}
        assert uses_of(tenant, code) == 10

    def test_lets_one_person_win_as_often_as_anybody_may(self, tenant, buyer):
        code = make_code(tenant, max_uses_per_user=2)

        def use(_):
            with binding.bind(tenant, writes="commerce"):
                claim(code, buyer.id)

        assert all_at_once(use, range(16), threads=8) == {"done": 2, "CodeUsedBefore": 14}
        assert uses_of(tenant, code) == 2

    def test_and_release_of_many_at_once_keep_count(self, tenant):
        code = make_code(tenant, max_uses=5)

        def use(user_id):
            with binding.bind(tenant, writes="commerce"):
                return claim(code, user_id)

        def use_and_release(numbered):
            number, user_id = numbered
            purchase_id = use(user_id)
            if number % 2:
                with binding.bind(tenant, writes="commerce"):
                    discounts.release(purchase_id=purchase_id)

        outcome = all_at_once(use_and_release, enumerate(make_fans(tenant, 40)), threads=8)

        assert set(outcome) <= {"done", "CodeUsedUp"}
        left = 5 - uses_of(tenant, code)
        outcome = all_at_once(use, make_fans(tenant, left + 1), threads=1)
        assert (outcome["done"], outcome["CodeUsedUp"]) == (left, 1)

    def test_is_released_once_however_many_try(self, tenant, buyer):
        code = make_code(tenant)
        with binding.bind(tenant, writes="commerce"):
            purchase_id, _ = claim(code, buyer.id), claim(code, buyer.id)

        def release(_):
            with binding.bind(tenant, writes="commerce"):
                if not discounts.release(purchase_id=purchase_id):
                    raise LookupError

        assert all_at_once(release, range(8), threads=8) == {"done": 1, "LookupError": 7}
        assert uses_of(tenant, code) == 1

    def test_and_release_of_one_person_never_wait_in_a_circle(self, tenant, buyer):
        code = make_code(tenant)

        def use_and_release(_):
            with binding.bind(tenant, writes="commerce"):
                purchase_id = claim(code, buyer.id)
            with binding.bind(tenant, writes="commerce"):
                discounts.release(purchase_id=purchase_id)

        assert all_at_once(use_and_release, range(48), threads=8) == {"done": 48}
        assert uses_of(tenant, code) == 0


class TestRedeem:
    def redeem(self, tenant, person, code="GIFT"):
        with binding.bind(tenant, writes="commerce"):
            return discounts.redeem(
                code=code,
                user_id=person.id,
                redeemed_at=NOON,
                created_by_id=person.keycloak_id,
            )

    def test_fills_the_wallet_once_per_person(self, tenant, buyer, stranger):
        make_code(tenant, code="GIFT", kind="CREDIT", amount=700, max_uses_per_user=1)
        self.redeem(tenant, buyer, "gift")
        with pytest.raises(discounts.CodeUsedBefore):
            self.redeem(tenant, buyer)
        self.redeem(tenant, stranger)

        for person in (buyer, stranger):
            assert shop.balance(tenant, shop.fund(tenant, person.id, 1)) == (701, 0)
        assert shop.trial_balance(tenant) == {"USD": 0}
        with binding.bind(tenant):
            told = DomainEvent.objects.filter(kind="commerce.WalletChanged")
            assert [event.payload["amount"] for event in told] == [700, 700]

    def test_adds_up_where_one_person_may_do_it_again(self, tenant, buyer):
        make_code(tenant, code="GIFT", kind="CREDIT", amount=700, max_uses_per_user=2)
        self.redeem(tenant, buyer)
        self.redeem(tenant, buyer)
        assert shop.balance(tenant, shop.fund(tenant, buyer.id, 1)) == (1_401, 0)

    def test_happens_once_however_often_it_is_tried_at_once(self, tenant, buyer):
        code = make_code(tenant, code="GIFT", kind="CREDIT", amount=700, max_uses_per_user=1)

        outcome = all_at_once(lambda _: self.redeem(tenant, buyer), range(12), threads=8)

        assert outcome == {"done": 1, "CodeUsedBefore": 11}
        assert shop.balance(tenant, shop.fund(tenant, buyer.id, 1)) == (701, 0)
        assert uses_of(tenant, code) == 1

    def test_refuses_a_code_that_makes_purchases_cheaper(self, tenant, buyer):
        make_code(tenant)
        with pytest.raises(discounts.CodeWrongKind, match="with a cart"):
            self.redeem(tenant, buyer, "SPRING")


class TestTheDatabase:
    """It keeps count by itself, whatever the code does."""

    @pytest.mark.parametrize(
        "change",
        [
            "used = 4",
            "used = -1",
            "max_uses = 0",
            "max_uses_per_user = 0",
            "percent = NULL",
            "percent = 10001",
            "amount = 5",
            "kind = 'AMOUNT', percent = NULL, currency = 'USD'",
            "kind = 'GIFT'",
            "minimum = 5, currency = ''",
            "minimum = -5",
            "currency = 'usd'",
            "code = 'spring'",
            "starts_at = now(), ends_at = now()",
        ],
    )
    def test_refuses_what_makes_no_sense(self, tenant, change):
        make_code(tenant, max_uses=3)
        with (
            pytest.raises(IntegrityError, match="discount_codes_"),
            binding.bind(tenant, writes="commerce"),
            connections["commerce"].cursor() as cursor,
        ):
            cursor.execute(f"UPDATE discount_codes SET {change}")

    def test_refuses_the_same_turn_twice(self, tenant, buyer):
        code = make_code(tenant)
        values = {"code": code, "user_id": buyer.id, "turn": 1, "amount": 1, "used_on": NOON}
        with (
            pytest.raises(IntegrityError, match="discount_codes_usage_turn"),
            binding.bind(tenant, writes="commerce"),
        ):
            for _ in range(2):
                DiscountCodeUsage.objects.create(**values)

    def test_logs_each_use(self, tenant, buyer):
        code = make_code(tenant)
        with binding.bind(tenant, writes="commerce"):
            claim(code, buyer.id, at=timezone.now())
        with binding.bind(tenant), connections["commerce"].cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM audit_log WHERE entity_type = 'discount_codes_usage'"
            )
            assert cursor.fetchone() == (1,)
