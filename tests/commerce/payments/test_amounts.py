"""Amounts at Stripe: which are none of ISO 4217's minor units there."""

import pytest

from apps.commerce.ports.payments import ProviderRefused
from apps.commerce.ports.payments.stripe_amounts import from_stripe, to_stripe
from tests.commerce import shop
from tests.commerce.payments import paying


class TestAmounts:
    @pytest.mark.parametrize(
        ("ours", "currency", "theirs"),
        [
            (1_050, "USD", 1_050),
            (1_050, "JPY", 1_050),
            (1_050, "KRW", 1_050),
            (1_500, "MGA", 15),
            (15, "ISK", 1_500),
            (15, "UGX", 1_500),
            (12_340, "KWD", 12_340),
            (1_050, "HUF", 1_050),
        ],
    )
    def test_are_written_as_stripe_does_and_read_back(self, ours, currency, theirs):
        assert to_stripe(ours, currency) == theirs
        assert from_stripe(theirs, currency) == ours

    @pytest.mark.parametrize(
        ("ours", "currency", "code"),
        [
            (12_345, "KWD", "amount_too_fine"),
            (1_050, "MGA", "amount_too_fine"),
            (100, "CLF", "currency_not_supported"),
            (100, "GEM", "currency_not_supported"),
            (10**12, "USD", "amount_too_large"),
        ],
    )
    def test_that_can_not_be_written_are_refused(self, ours, currency, code):
        with pytest.raises(ProviderRefused, match=code):
            to_stripe(ours, currency)

    @pytest.mark.parametrize(
        ("price", "currency", "theirs"),
        [(1_050, "JPY", 1_050), (15, "ISK", 1_500), (990, "KWD", 990)],
    )
    def test_come_to_stripe_and_back(self, tenant, account, buyer, seller, price, currency, theirs):
        item = shop.make_item(tenant, seller, quantity=1, price=price, currency=currency)
        payment = paying.check_out(tenant, buyer, item)
        intent_id = paying.begin(tenant, account, payment)
        account.confirm(intent_id)
        paying.sweep(tenant)

        account.refund(intent_id, theirs)
        paying.deliver_all(tenant, account)

        assert account.get(intent_id, "payment_intent")["amount"] == theirs
        assert paying.purchase_state(tenant, payment.purchase_id) == "REFUNDED"
        assert paying.books(tenant) == {}
