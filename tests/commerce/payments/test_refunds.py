"""Refunds at the provider: sent once, and booked back where the provider gives nothing."""

import pytest
from django.utils import timezone

from apps.commerce.models import Payment, ProviderRefund
from apps.commerce.operations import ledger, wallets
from apps.commerce.operations.payments import accounts
from apps.commerce.ports import payments as ports
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.api import errors_of
from tests.commerce import shop
from tests.commerce.payments import paying
from tests.commerce.payments.stripe_fake import Fault

REFUNDS = "/v1/refunds"
API = "/api/v1/provider-refunds"


@pytest.fixture
def paid(tenant, account, buyer, poster):
    """A purchase that was paid for."""
    payment = paying.check_out(tenant, buyer, poster)
    account.confirm(paying.begin(tenant, account, payment))
    paying.sweep(tenant)
    return payment


def reload(tenant, refund) -> ProviderRefund:
    with binding.bind(tenant):
        return ProviderRefund.objects.get(id=refund.id)


class TestSendingRefunds:
    def test_gives_back_once(self, tenant, stripe, account, paid):
        refund = paying.refund(tenant, paid, 400)

        paying.sweep(tenant)
        paying.sweep(tenant)

        assert reload(tenant, refund).state == "SUCCEEDED"
        assert account.taken() == 600
        assert stripe.asked("POST", REFUNDS) == 1
        assert paying.books(tenant) == {"clearing:stripe:USD": -600, "revenue:USD": 600}
        [made] = account.all("refund")
        assert made["metadata"] == {"tenant_id": str(tenant.id), "refund_id": str(refund.id)}

    @pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name.lower())
    @pytest.mark.parametrize("is_forgotten", [False, True], ids=["remembered", "forgotten"])
    def test_comes_to_one_refund_whatever_fails(
        self, tenant, stripe, account, settings, paid, fault, is_forgotten
    ):
        settings.PAYMENT_TIMEOUT_SECONDS = 2.0 if fault == Fault.SILENCE_AFTER else 30.0
        refund = paying.refund(tenant, paid, 400)
        stripe.fail(REFUNDS, fault)
        paying.sweep(tenant)
        settings.PAYMENT_TIMEOUT_SECONDS = 30.0
        assert reload(tenant, refund).state == "CREATED"
        if is_forgotten:
            account.answered.clear()

        paying.sweep(tenant)

        assert reload(tenant, refund).state == "SUCCEEDED"
        assert account.taken() == 600
        assert len(account.all("refund")) == 1

    def test_is_done_once_by_two_who_send_it_at_the_same_moment(self, tenant, account, paid):
        intent_id = paying.reload(tenant, paid).provider_payment_id
        with binding.bind(tenant):
            provider = ports.connect(accounts.keys_of("stripe"))
        request = ports.RefundRequest(
            tenant_id=tenant.id,
            refund_id=uuid7(),
            provider_payment_id=intent_id,
            amount=400,
            currency="USD",
            reason="REQUESTED",
        )

        assert provider.refund(request) == provider.refund(request)

        assert account.taken() == 600

    def test_is_not_done_again_by_what_stripe_tells_of_it(self, tenant, account, paid):
        paying.refund(tenant, paid, 400)
        paying.sweep(tenant)

        paying.deliver_all(tenant, account)

        assert paying.books(tenant) == {"clearing:stripe:USD": -600, "revenue:USD": 600}
        with binding.bind(tenant):
            assert ProviderRefund.objects.count() == 1

    def test_is_known_by_an_event_that_is_there_before_the_answer(
        self, tenant, stripe, account, paid
    ):
        refund = paying.refund(tenant, paid, 400)
        stripe.fail(REFUNDS, Fault.RESET_AFTER)
        paying.sweep(tenant)

        paying.deliver_all(tenant, account)

        assert reload(tenant, refund).state == "SUCCEEDED"
        assert paying.books(tenant) == {"clearing:stripe:USD": -600, "revenue:USD": 600}


class TestRefundsThatFail:
    @pytest.fixture
    def failed(self, tenant, account, paid):
        """A refund that a bank has refused, days after Stripe had made it."""
        refund = paying.refund(tenant, paid)
        paying.sweep(tenant)
        account.fail_refund(reload(tenant, refund).provider_refund_id)
        paying.deliver_all(tenant, account)
        return reload(tenant, refund)

    def test_are_owed_to_the_buyer(self, tenant, failed):
        assert (failed.state, failed.failure) == ("FAILED", "expired_or_canceled_card")
        assert paying.books(tenant) == {
            "clearing:stripe:USD": -1_000,
            "refunds-unpaid:USD": 1_000,
        }

    def test_stay_failed_whatever_comes_again(self, tenant, account, failed):
        paying.deliver_all(tenant, account, [*account.events, *account.events])
        paying.sweep(tenant)

        assert paying.books(tenant)["refunds-unpaid:USD"] == 1_000

    def test_of_what_stripe_refuses_at_once_are_owed_too(self, tenant, account, paid):
        intent_id = paying.reload(tenant, paid).provider_payment_id
        refund = paying.refund(tenant, paid, 400)
        account.refund(intent_id, 1_000)

        paying.sweep(tenant)

        assert reload(tenant, refund).state == "FAILED"
        assert reload(tenant, refund).failure == "charge_already_refunded"
        assert paying.books(tenant)["refunds-unpaid:USD"] == 400

    def test_are_owed_no_more_once_they_are_made_again_at_stripe(
        self, tenant, account, paid, admin, failed
    ):
        intent_id = paying.reload(tenant, paid).provider_payment_id

        again = account.refund(intent_id, 1_000)
        for _ in range(2):
            paying.deliver_all(tenant, account)

        there = reload(tenant, failed)
        assert (there.state, there.provider_refund_id) == ("SUCCEEDED", again["id"])
        assert paying.books(tenant) == {}
        assert admin.post(f"{API}/{failed.id}/pay-into-wallet").status_code == 409
        assert set(paying.outcomes(tenant).values()) == {"booked: SUCCEEDED"}

    def test_are_owed_again_when_those_fail_too(self, tenant, account, paid, failed):
        again = account.refund(paying.reload(tenant, paid).provider_payment_id, 1_000)
        paying.deliver_all(tenant, account)

        account.fail_refund(again["id"])
        for _ in range(2):
            paying.deliver_all(tenant, account)

        assert reload(tenant, failed).state == "FAILED"
        assert paying.books(tenant) == {
            "clearing:stripe:USD": -1_000,
            "refunds-unpaid:USD": 1_000,
        }

    def test_and_were_given_into_the_wallet_are_not_made_up_for(
        self, tenant, account, admin, paid, failed
    ):
        assert admin.post(f"{API}/{failed.id}/pay-into-wallet").status_code == 200

        again = account.refund(paying.reload(tenant, paid).provider_payment_id, 1_000)
        for _ in range(2):
            paying.deliver_all(tenant, account)

        # Paid out twice: once into the wallet, and once there.
        assert reload(tenant, failed).state == "FAILED"
        assert set(paying.outcomes(tenant).values()) == {"booked: SUCCEEDED"}
        assert paying.books(tenant) == {"chargebacks:USD": -1_000}
        account.fail_refund(again["id"])
        for _ in range(2):
            paying.deliver_all(tenant, account)
        assert paying.books(tenant) == {"clearing:stripe:USD": -1_000}

    def test_are_given_into_the_wallet_once(self, tenant, admin, buyer, failed):
        for _ in range(2):
            reply = admin.post(f"{API}/{failed.id}/pay-into-wallet")
            assert reply.status_code == 200, reply.content

        assert paying.books(tenant) == {"clearing:stripe:USD": -1_000}
        with binding.bind(tenant):
            wallet = shop.UserWallet.objects.get(user_id=buyer.id)
        assert shop.balance(tenant, wallet) == (1_000, 0)

    def test_only_are_given_into_the_wallet(self, tenant, admin, paid):
        refund = paying.refund(tenant, paid, 400)
        paying.sweep(tenant)

        reply = admin.post(f"{API}/{refund.id}/pay-into-wallet")

        assert reply.status_code == 409
        assert reply.json()["type"].endswith("refund-not-failed")

    def test_are_shown_to_the_staff_alone(self, tenant, admin, support, anna, failed):
        listed = support.get(f"{API}?state=FAILED").json()["results"]

        assert [(row["id"], row["failure"]) for row in listed] == [(str(failed.id), failed.failure)]
        assert support.get(f"{API}/{failed.id}").status_code == 200
        assert support.post(f"{API}/{failed.id}/pay-into-wallet").status_code == 403
        assert anna.client.get(API).status_code == 403


class TestOtherAmountsThanWhatFailed:
    """Made at Stripe, after a bank has refused 400 of 1,000 that were paid."""

    @pytest.fixture
    def failed(self, tenant, account, paid):
        refund = paying.refund(tenant, paid, 400)
        paying.sweep(tenant)
        account.fail_refund(reload(tenant, refund).provider_refund_id)
        paying.deliver_all(tenant, account)
        return reload(tenant, refund)

    def give_back(self, tenant, account, paid, amount):
        made = account.refund(paying.reload(tenant, paid).provider_payment_id, amount)
        self.tell(tenant, account)
        return made

    def tell(self, tenant, account):
        for _ in range(2):
            paying.deliver_all(tenant, account)
        assert set(paying.outcomes(tenant).values()) == {"booked: SUCCEEDED"}

    def test_more_pays_off_what_is_owed_and_the_rest_is_another_refund(
        self, tenant, account, paid, failed
    ):
        made = self.give_back(tenant, account, paid, 1_000)

        assert paying.books(tenant) == {}
        assert paying.purchase_state(tenant, paid.purchase_id) == "REFUNDED"
        assert reload(tenant, failed).state == "SUCCEEDED"
        account.fail_refund(made["id"])
        self.tell(tenant, account)
        assert paying.books(tenant) == {
            "clearing:stripe:USD": -1_000,
            "refunds-unpaid:USD": 1_000,
        }
        with binding.bind(tenant):
            owed = ProviderRefund.objects.order_by("id").values_list("state", "refund__amount")
            assert list(owed) == [("FAILED", 400), ("FAILED", 600)]

    def test_less_leaves_the_rest_owed_which_the_wallet_is_given(
        self, tenant, account, paid, failed, admin, buyer
    ):
        self.give_back(tenant, account, paid, 300)
        assert paying.books(tenant) == {
            "clearing:stripe:USD": -700,
            "refunds-unpaid:USD": 100,
            "revenue:USD": 600,
        }
        assert reload(tenant, failed).state == "FAILED"

        for _ in range(2):
            assert admin.post(f"{API}/{failed.id}/pay-into-wallet").status_code == 200

        assert paying.books(tenant) == {"clearing:stripe:USD": -700, "revenue:USD": 600}
        with binding.bind(tenant):
            wallet = shop.UserWallet.objects.get(user_id=buyer.id)
        assert shop.balance(tenant, wallet) == (100, 0)

    def test_parts_pay_it_off_together_and_are_owed_again_one_by_one(
        self, tenant, account, paid, failed
    ):
        parts = [self.give_back(tenant, account, paid, amount) for amount in (300, 100)]
        assert paying.books(tenant) == {"clearing:stripe:USD": -600, "revenue:USD": 600}
        assert reload(tenant, failed).state == "SUCCEEDED"

        for part, owed in zip(parts, (300, 400), strict=True):
            account.fail_refund(part["id"])
            self.tell(tenant, account)

            assert paying.books(tenant)["refunds-unpaid:USD"] == owed
            assert reload(tenant, failed).state == "FAILED"

    def test_what_the_wallet_was_given_and_more_than_was_left_is_lost(
        self, tenant, account, paid, failed, admin
    ):
        assert admin.post(f"{API}/{failed.id}/pay-into-wallet").status_code == 200

        self.give_back(tenant, account, paid, 1_000)

        assert paying.purchase_state(tenant, paid.purchase_id) == "REFUNDED"
        assert paying.books(tenant) == {"chargebacks:USD": -400}

    def test_is_not_decided_before_another_refund_is(self, tenant, account, paid):
        mine = paying.refund(tenant, paid, 400)
        account.refund(paying.reload(tenant, paid).provider_payment_id, 1_000)
        paying.deliver_all(tenant, account)
        assert paying.outcomes(tenant)["refund.created"] == "waits: refund-too-high"

        paying.sweep(tenant)

        assert reload(tenant, mine).state == "SUCCEEDED"
        assert paying.books(tenant) == {}
        self.tell(tenant, account)


class TestRefundsTooFine:
    @pytest.fixture
    def dinars(self, tenant, account, buyer, seller):
        """100 dinars of Kuwait, which Stripe takes in steps of 10 fils."""
        item = shop.make_item(tenant, seller, quantity=1, currency="KWD", price=100_000)
        payment = paying.check_out(tenant, buyer, item)
        account.confirm(paying.begin(tenant, account, payment))
        paying.sweep(tenant)
        return payment

    @pytest.mark.parametrize(
        ("amount", "said"), [(1_001, "1000 or 1010, not 1001"), (5, "units: 10, not 5")]
    )
    def test_are_refused_at_once_and_told_the_step(self, tenant, support, dinars, amount, said):
        reply = support.post(
            f"/api/v1/purchases/{dinars.purchase_id}/refunds",
            {"amount": amount, "reason": "REQUESTED"},
            format="json",
        )

        assert (reply.status_code, errors_of(reply)) == (400, {"amount"})
        assert said in reply.content.decode()
        with binding.bind(tenant):
            assert ProviderRefund.objects.count() == 0
        assert paying.books(tenant) == {"clearing:stripe:KWD": -100_000, "revenue:KWD": 100_000}

    def test_others_are_sent(self, tenant, account, dinars):
        refund = paying.refund(tenant, dinars, 1_010)

        paying.sweep(tenant)

        assert reload(tenant, refund).state == "SUCCEEDED"


class TestRefundsMadeAtStripe:
    def test_are_booked(self, tenant, account, paid):
        intent_id = paying.reload(tenant, paid).provider_payment_id

        account.refund(intent_id, 400, reason="fraudulent")
        paying.deliver_all(tenant, account)

        assert paying.books(tenant) == {"clearing:stripe:USD": -600, "revenue:USD": 600}
        with binding.bind(tenant):
            [refund] = ProviderRefund.objects.select_related("refund")
        assert (refund.state, refund.refund.reason, refund.due_at) == ("SUCCEEDED", "FRAUD", None)
        assert len(account.all("refund")) == 1

    def test_of_a_top_up_are_the_tenants_loss(self, tenant, account, buyer):
        top_up = paying.ask_for_top_up(tenant, buyer)
        intent_id = paying.begin(tenant, account, top_up)
        account.confirm(intent_id)
        account.refund(intent_id, 500)

        for _ in range(2):
            paying.deliver_all(tenant, account)

        assert paying.books(tenant) == {"clearing:stripe:USD": -1_500, "chargebacks:USD": -500}
        with binding.bind(tenant):
            assert Payment.objects.get(id=top_up.id).state == "SUCCEEDED"

    def test_of_a_top_up_that_fail_after_all_are_no_loss(self, tenant, account, buyer):
        top_up = paying.ask_for_top_up(tenant, buyer)
        intent_id = paying.begin(tenant, account, top_up)
        account.confirm(intent_id)
        refund = account.refund(intent_id, 500)
        paying.deliver_all(tenant, account)

        account.fail_refund(refund["id"])
        for _ in range(2):
            paying.deliver_all(tenant, account)

        assert paying.books(tenant) == {"clearing:stripe:USD": -2_000}

    def test_of_a_top_up_that_the_staff_has_reversed_are_in_the_books(self, tenant, account, buyer):
        top_up = paying.ask_for_top_up(tenant, buyer)
        intent_id = paying.begin(tenant, account, top_up)
        account.confirm(intent_id)
        paying.deliver_all(tenant, account)
        with binding.bind(tenant, writes="commerce"):
            received = Payment.objects.get(id=top_up.id).transaction_id
            cause = ledger.Cause(key="reversal", at=timezone.now())
            wallets.reverse(transaction_id=received, cause=cause)

        account.refund(intent_id, 2_000)
        paying.deliver_all(tenant, account)

        assert paying.books(tenant) == {}
        assert paying.outcomes(tenant)["refund.created"] == "booked: SUCCEEDED"
