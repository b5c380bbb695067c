"""Top-ups: a provider is asked, and what it has taken is in the wallet once."""

import pytest
from django.utils import timezone

from apps.commerce.models import Payment, PaymentState, TransactionType
from apps.commerce.operations import wallets
from apps.commerce.operations.payments.settling import settle_payment
from apps.commerce.ports.payments import PaymentOutcome
from apps.tenancy import binding
from apps.users.models import Profile
from tests.api import errors_of
from tests.commerce import shop
from tests.commerce.wallets import people
from tests.commerce.wallets.people import TRANSACTIONS


@pytest.fixture(autouse=True)
def local_payments(settings):
    settings.LOCAL_PAYMENTS = True


def settle(tenant, payment_id, state=PaymentState.SUCCEEDED):
    with binding.bind(tenant, writes="commerce"):
        known = Payment.objects.get(id=payment_id).provider_payment_id
        outcome = PaymentOutcome(state=state, provider_payment_id=known)
        settle_payment(payment_id=payment_id, outcome=outcome, at=timezone.now())


def ask(giver, purse):
    """Ask for a top-up that waits, as amounts do that end in 03; return the payment's id."""
    reply = giver.move(purse, "top-ups", amount=2_003, provider="local")
    assert reply.status_code == 201, reply.content
    return reply.json()["payment"]["id"]


class TestTopUp:
    def test_is_in_the_wallet_once_the_provider_has_it(self, tenant, giver, purse):
        reply = giver.move(purse, "top-ups", amount=2_000, provider="local")

        assert reply.status_code == 201, reply.content
        assert reply.json()["id"] == str(purse.id)
        assert reply.json()["payment"]["state"] == PaymentState.SUCCEEDED
        assert reply.json()["balance"] == 12_000
        assert shop.balance(tenant, purse) == (12_000, 0)
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_is_not_there_before(self, tenant, giver, purse):
        payment_id = ask(giver, purse)

        assert shop.balance(tenant, purse) == (10_000, 0)
        settle(tenant, payment_id)
        assert shop.balance(tenant, purse) == (12_003, 0)

    def test_is_received_once_however_often_it_is_told(self, tenant, giver, purse):
        payment_id = ask(giver, purse)
        for _ in range(3):
            settle(tenant, payment_id)
        with binding.bind(tenant, writes="commerce"):
            payment = Payment.objects.get(id=payment_id)
            again = wallets.receive_top_up(payment=payment, received_at=timezone.now())

        assert shop.balance(tenant, purse) == (12_003, 0)
        assert payment.transaction_id == again
        row = giver.client.get(f"{TRANSACTIONS}/{again}").json()
        assert (row["transaction_type"], row["amount"]) == (TransactionType.CREDIT, 2_003)

    def test_that_failed_leaves_nothing(self, tenant, giver, purse):
        settle(tenant, ask(giver, purse), PaymentState.FAILED)
        declined = giver.move(purse, "top-ups", amount=2_002, provider="local")

        assert declined.json()["payment"]["state"] == PaymentState.FAILED
        assert shop.balance(tenant, purse) == (10_000, 0)

    def test_of_somebody_who_was_shut_out_since_is_theirs_all_the_same(self, tenant, giver, purse):
        payment_id = ask(giver, purse)
        with binding.bind(tenant, writes="users"):
            Profile.objects.filter(id=giver.id).update(status="SUSPENDED")
        settle(tenant, payment_id)

        assert shop.balance(tenant, purse) == (12_003, 0)
        assert giver.move(purse, "top-ups", amount=5, provider="local").status_code == 403

    @pytest.mark.parametrize("provider", ["wallet", "paypal", "", None])
    def test_is_by_a_provider_that_takes_money(self, giver, purse, provider):
        reply = giver.client.post(
            f"{people.WALLETS}/{purse.id}/top-ups", {"amount": 100, "provider": provider}
        )

        assert (reply.status_code, errors_of(reply)) == (400, {"provider"})

    def test_is_of_ones_own_wallet(self, taker, helper, purse):
        assert taker.move(purse, "top-ups", amount=5, provider="local").status_code == 404
        assert helper.move(purse, "top-ups", amount=5, provider="local").status_code == 403

    def test_is_asked_for_once_under_one_key(self, tenant, giver, purse):
        for _ in range(2):
            reply = giver.move(purse, "top-ups", "k", amount=2_000, provider="local")
            assert reply.status_code == 201
        other = giver.move(purse, "top-ups", "k", amount=3_000, provider="local")

        assert other.status_code == 422
        with binding.bind(tenant):
            assert Payment.objects.count() == 1
