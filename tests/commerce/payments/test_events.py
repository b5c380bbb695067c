"""What Stripe tells: believed if it is signed, kept once, and worked off to the same end in any order."""

import hmac
import json
import random
import time
from datetime import timedelta
from hashlib import sha256

import pytest
from django.utils import timezone

from apps.commerce.models import Payment, ProviderAccount, ProviderEvent, ProviderRefund
from apps.commerce.operations import ledger, wallets
from apps.commerce.operations.payments import accounts, events
from apps.tenancy import binding
from tests.api import client_of
from tests.commerce import shop
from tests.commerce.payments import paying
from tests.commerce.payments.stripe_fake.server import signed
from tests.commerce.purchases import buying


@pytest.fixture
def paid(tenant, account, buyer, poster):
    """A payment that its buyer has made, and nobody has told of."""
    payment = paying.check_out(tenant, buyer, poster)
    account.confirm(paying.begin(tenant, account, payment))
    return payment


@pytest.fixture
def event(account, paid):
    """That it was made."""
    return next(each for each in account.events if each["type"] == "payment_intent.succeeded")


def kept(tenant) -> list[str]:
    with binding.bind(tenant):
        return list(ProviderEvent.objects.values_list("event_id", flat=True))


def assert_refused(reply, slug, status=400):
    assert reply.status_code == status, reply.content
    assert reply["Content-Type"] == "application/problem+json"
    assert reply.json()["type"].endswith(slug)


class TestReceiving:
    def test_keeps_an_event_and_works_it_off(self, tenant, account, event, paid):
        reply = paying.deliver(tenant, event, secret=account.webhook_secret)

        assert (reply.status_code, reply.json()) == (200, {"received": True})
        assert paying.reload(tenant, paid).state == "PENDING"
        assert events.work_off_events(tenant=tenant) == 1
        assert paying.reload(tenant, paid).state == "SUCCEEDED"
        assert paying.outcomes(tenant) == {"payment_intent.succeeded": "booked: SUCCEEDED"}

    def test_keeps_it_once(self, tenant, account, event):
        for _ in range(3):
            reply = paying.deliver(tenant, event, secret=account.webhook_secret)
            assert reply.status_code == 200

        assert kept(tenant) == [event["id"]]

    def test_refuses_another_secret(self, tenant, account, event):
        reply = paying.deliver(tenant, event, secret="whsec_of_somebody_else")

        assert_refused(reply, "bad-signature")
        assert kept(tenant) == []

    def test_refuses_what_was_changed_on_the_way(self, tenant, account, event):
        body, signature = signed(event, secret=account.webhook_secret)

        reply = paying.post_event(client_of(tenant), body.replace(b"usd", b"eur"), signature)

        assert_refused(reply, "bad-signature")
        assert kept(tenant) == []

    @pytest.mark.parametrize("seconds", [301, 100_000])
    def test_refuses_what_is_old(self, tenant, account, event, seconds):
        reply = paying.deliver(
            tenant, event, secret=account.webhook_secret, at=time.time() - seconds
        )

        assert_refused(reply, "bad-signature")

    def test_takes_what_is_a_little_late(self, tenant, account, event):
        reply = paying.deliver(tenant, event, secret=account.webhook_secret, at=time.time() - 200)

        assert reply.status_code == 200

    @pytest.mark.parametrize(
        "signature",
        [
            "",
            "t=",
            "t=1,v1=",
            "v1=abc",
            "t=x,v1=y",
            "t=1,v1=é",
            "t=" + "9" * 5_000 + ",v1=a",
            ",=,",
        ],
        ids=range(8),
    )
    def test_refuses_signatures_that_are_none(self, tenant, account, event, signature):
        body, _ = signed(event, secret=account.webhook_secret)

        assert_refused(paying.post_event(client_of(tenant), body, signature), "bad-signature")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"null",
            b"[]",
            b'"text"',
            b"{}",
            b"\xff\xfe",
            b'{"id": 1, "object": "event", "type": "x", "created": 1, "data": {"object": {}}}',
            b'{"id": "e", "object": "event", "type": "x", "created": "y", "data": {"object": {}}}',
            b'{"id": "e", "object": "event", "type": "x", "created": 1e99, "data": {"object": {}}}',
            b'{"id": "e\\u0000", "object": "event", "type": "x", "created": 1, "data": {"object": {}}}',
            b'{"id": "e", "object": "event", "type": "x", "created": 1, "data": null}',
            b'{"id": "e", "object": "v2.core.event", "type": "x", "created": 1, "data": {"object": {}}}',
            b'{"id": "e", "object": "event", "type": "x", "created": 1, "data": {"object": '
            b'{"object": "refund", "payment_intent": 7}}}',
        ],
        ids=range(14),
    )
    def test_refuses_what_is_signed_and_no_event(self, tenant, account, body):
        moment = int(time.time())
        mac = hmac.new(account.webhook_secret.encode(), f"{moment}.".encode() + body, sha256)

        reply = paying.post_event(client_of(tenant), body, f"t={moment},v1={mac.hexdigest()}")

        assert reply.status_code == 400, reply.content
        assert kept(tenant) == []

    def test_refuses_what_is_too_large(self, tenant, account, event, settings):
        event["data"]["more"] = "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE

        reply = paying.deliver(tenant, event, secret=account.webhook_secret)

        assert_refused(reply, "body-too-large", 413)

    def test_is_not_there_for_a_tenant_without_stripe(self, rival, account, event):
        reply = paying.deliver(rival, event, secret=account.webhook_secret)

        assert_refused(reply, "not-found", 404)

    def test_reads_no_idempotency_key(self, tenant, account, event):
        body, signature = signed(event, secret=account.webhook_secret)
        client = client_of(tenant)

        replies = [
            client.generic(
                "POST",
                paying.EVENTS,
                each,
                content_type="text/plain",
                headers={"Stripe-Signature": signature, "Idempotency-Key": "same"},
            ).status_code
            for each in (body, b"other")
        ]

        assert replies == [200, 400]


class TestSecrets:
    def rotate(self, tenant, secret):
        with binding.bind(tenant, writes="commerce"):
            accounts.rotate_webhook_secret(
                provider="stripe", webhook_secret=secret, rotated_at=timezone.now()
            )

    def test_are_two_for_a_day(self, tenant, account, event):
        self.rotate(tenant, "whsec_new")

        for secret in (account.webhook_secret, "whsec_new"):
            assert paying.deliver(tenant, event, secret=secret).status_code == 200

    def test_end(self, tenant, account, event):
        self.rotate(tenant, "whsec_new")
        with binding.bind(tenant, writes="commerce"):
            row = ProviderAccount.objects.get()
            row.sealed_keys["webhook_secrets"][1]["valid_until"] = (
                timezone.now() - timedelta(seconds=1)
            ).isoformat()
            row.save()

        assert paying.deliver(tenant, event, secret="whsec_new").status_code == 200
        assert_refused(
            paying.deliver(tenant, event, secret=account.webhook_secret), "bad-signature"
        )

    def test_end_at_once_when_another_is_put(self, tenant, account, event):
        with binding.bind(tenant, writes="commerce"):
            accounts.put_account(
                provider="stripe",
                values={"webhook_secret": "whsec_new"},
                put_at=timezone.now(),
            )

        assert_refused(
            paying.deliver(tenant, event, secret=account.webhook_secret), "bad-signature"
        )

    def test_are_kept_sealed(self, tenant, account):
        with binding.bind(tenant):
            kept = json.dumps(ProviderAccount.objects.get().sealed_keys)

        assert account.secret_key not in kept
        assert account.webhook_secret not in kept


class TestEventsOfOthers:
    def test_of_a_tenant_with_the_same_stripe_account_change_nothing(
        self, tenant, rival, stripe, account, event, paid
    ):
        # Two tenants of one company: Stripe tells both of everything.
        with binding.bind(rival, writes="commerce"):
            accounts.put_account(
                provider="stripe",
                values={
                    "secret_key": account.secret_key,
                    "webhook_secret": account.webhook_secret,
                },
                put_at=timezone.now(),
            )

        paying.deliver_all(rival, account, [event])

        assert paying.outcomes(rival) == {"payment_intent.succeeded": events.NOT_OURS}
        with binding.bind(rival):
            assert Payment.objects.count() == 0
        assert paying.reload(tenant, paid).state == "PENDING"
        assert paying.books(rival) == {}

    def test_of_an_intent_that_claims_to_be_a_payment_change_nothing(self, tenant, account, paid):
        known = paying.reload(tenant, paid)
        for claimed in (str(known.id), "nonsense"):
            intent = account.create_intent(
                {
                    "amount": "50",
                    "currency": "usd",
                    "metadata": {"tenant_id": str(tenant.id), "payment_id": claimed},
                }
            )
            account.confirm(intent["id"])
        told = [
            each
            for each in account.events
            if each["type"] == "payment_intent.succeeded"
            and each["data"]["object"]["id"] != known.provider_payment_id
        ]

        paying.deliver_all(tenant, account, told)

        with binding.bind(tenant):
            said = set(ProviderEvent.objects.values_list("outcome", flat=True))
        assert (len(told), said) == (2, {events.NOT_OURS})
        assert paying.reload(tenant, paid).state == "PENDING"

    def test_of_what_the_keys_can_not_read_are_ignored(self, tenant, account, event):
        event["data"]["object"]["id"] = "pi_of_another_account"

        paying.deliver_all(tenant, account, [event])

        assert paying.outcomes(tenant) == {
            "payment_intent.succeeded": "ignored: nothing follows from it"
        }

    def test_of_other_kinds_are_kept_and_ignored(self, tenant, stripe, account, event, paid):
        asked = len(stripe.requests)
        event["type"] = "customer.created"

        paying.deliver_all(tenant, account, [event])

        assert paying.outcomes(tenant) == {"customer.created": "ignored: nothing follows from it"}
        assert len(stripe.requests) == asked


class TestWorkingOff:
    def test_asks_and_does_not_believe_what_came(self, tenant, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        intent_id = paying.begin(tenant, account, payment)
        told = json.loads(json.dumps(account.events[0]))
        told["type"] = "payment_intent.succeeded"
        told["data"]["object"] |= {"id": intent_id, "status": "succeeded"}

        paying.deliver_all(tenant, account, [told])

        assert paying.reload(tenant, payment).state == "PENDING"
        assert paying.books(tenant) == {}

    def test_waits_while_stripe_does_not_answer(self, tenant, stripe, account, event, paid):
        stripe.accounts.clear()
        paying.deliver_all(tenant, account, [event])
        assert paying.outcomes(tenant) == {
            "payment_intent.succeeded": "waits: provider-misconfigured"
        }

        stripe.accounts[account.secret_key] = account
        paying.sweep(tenant)

        assert paying.reload(tenant, paid).state == "SUCCEEDED"

    def test_knows_a_payment_whose_intent_was_not_recorded(self, tenant, account, paid, event):
        with binding.bind(tenant, writes="commerce"):
            Payment.objects.filter(id=paid.id).update(provider_payment_id="", state="CREATED")

        paying.deliver_all(tenant, account, [event])

        assert paying.reload(tenant, paid).state == "SUCCEEDED"
        assert paying.reload(tenant, paid).provider_payment_id == event["data"]["object"]["id"]

    def test_leaves_a_declined_payment_open_for_another_card(self, tenant, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        intent_id = paying.begin(tenant, account, payment)

        account.confirm(intent_id, "pm_card_chargeDeclined")
        paying.deliver_all(tenant, account)
        declined = paying.reload(tenant, payment)
        account.confirm(intent_id)
        paying.deliver_all(tenant, account)

        assert (declined.state, declined.failure) == ("PENDING", "generic_decline")
        assert paying.reload(tenant, payment).state == "SUCCEEDED"
        assert paying.reload(tenant, payment).failure == ""

    def test_of_a_payment_that_takes_days_waits(self, tenant, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        account.process(paying.begin(tenant, account, payment))

        paying.deliver_all(tenant, account)

        assert paying.reload(tenant, payment).state == "PENDING"

    def test_of_a_cancelled_intent_ends_the_purchase(self, tenant, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        account.cancel_intent(paying.begin(tenant, account, payment))

        paying.deliver_all(tenant, account)

        assert paying.reload(tenant, payment).state == "CANCELLED"
        assert paying.purchase_state(tenant, payment.purchase_id) == "FAILED"
        assert buying.stock_of(tenant, poster) == (0, 0)


class TestDisputes:
    @pytest.mark.parametrize(("is_won", "state"), [(True, "COMPLETED"), (False, "CHARGED_BACK")])
    def test_are_opened_and_decided(self, tenant, account, paid, is_won, state):
        intent_id = paying.reload(tenant, paid).provider_payment_id
        dispute = account.dispute(intent_id)
        paying.deliver_all(tenant, account)
        assert paying.purchase_state(tenant, paid.purchase_id) == "DISPUTED"
        assert paying.books(tenant) == {"disputed:stripe:USD": -1_000, "revenue:USD": 1_000}

        account.close_dispute(dispute["id"], is_won=is_won)
        paying.deliver_all(tenant, account)

        assert paying.purchase_state(tenant, paid.purchase_id) == state
        assert paying.reload(tenant, paid).dispute_state == ("WON" if is_won else "LOST")
        assert paying.books(tenant) == (
            {"clearing:stripe:USD": -1_000, "revenue:USD": 1_000} if is_won else {}
        )

    def test_are_booked_also_where_a_refund_can_not_be(self, tenant, account, paid):
        intent_id = paying.reload(tenant, paid).provider_payment_id
        paying.sweep(tenant)
        paying.refund(tenant, paid, 400)
        account.refund(intent_id, 700)
        paying.deliver_all(tenant, account)
        assert paying.outcomes(tenant)["refund.created"] == "waits: refund-too-high"

        account.dispute(intent_id)
        paying.deliver_all(tenant, account)

        assert paying.books(tenant)["disputed:stripe:USD"] == -1_000
        assert paying.purchase_state(tenant, paid.purchase_id) == "DISPUTED"
        assert paying.outcomes(tenant)["charge.dispute.created"].startswith("waits: ")

    def test_that_are_won_let_refunds_be_booked_that_came_with_it(self, tenant, account, paid):
        intent_id = paying.reload(tenant, paid).provider_payment_id
        dispute = account.dispute(intent_id)
        paying.deliver_all(tenant, account)

        account.close_dispute(dispute["id"], is_won=True)
        account.refund(intent_id, 300)
        # Of all that is told, one thing comes through.
        paying.deliver_all(tenant, account, account.events[-1:])

        assert paying.purchase_state(tenant, paid.purchase_id) == "COMPLETED"
        assert paying.books(tenant) == {"clearing:stripe:USD": -700, "revenue:USD": 700}

    @pytest.mark.parametrize("is_won", [True, False])
    def test_of_a_top_up_are_the_tenants_loss(self, tenant, account, buyer, is_won):
        top_up = paying.ask_for_top_up(tenant, buyer)
        intent_id = paying.begin(tenant, account, top_up)
        account.confirm(intent_id)
        paying.deliver_all(tenant, account)
        dispute = account.dispute(intent_id)
        account.close_dispute(dispute["id"], is_won=is_won)

        paying.deliver_all(tenant, account)

        lost = {"chargebacks:USD": -2_000}
        assert paying.books(tenant) == ({"clearing:stripe:USD": -2_000} if is_won else lost)
        assert set(shop.trial_balance(tenant).values()) == {0}


class TestDisputesOfWhatTheStaffReversed:
    @pytest.fixture
    def topped_up(self, tenant, account, buyer):
        """The payment intent of a top-up of 20 dollars."""
        intent_id = paying.begin(tenant, account, paying.ask_for_top_up(tenant, buyer))
        account.confirm(intent_id)
        paying.deliver_all(tenant, account)
        return intent_id

    def reverse(self, tenant):
        with binding.bind(tenant, writes="commerce"):
            received = Payment.objects.get(purpose="TOP_UP").transaction_id
            cause = ledger.Cause(key="reversal", at=timezone.now())
            wallets.reverse(transaction_id=received, cause=cause)

    @pytest.mark.parametrize("is_won", [True, False])
    def test_are_in_the_books_already(self, tenant, account, topped_up, is_won):
        self.reverse(tenant)
        assert paying.books(tenant) == {}

        dispute = account.dispute(topped_up)
        paying.deliver_all(tenant, account)
        assert paying.books(tenant) == {}
        account.close_dispute(dispute["id"], is_won=is_won)
        paying.deliver_all(tenant, account)

        assert paying.books(tenant) == {}
        assert set(paying.outcomes(tenant).values()) == {"booked: SUCCEEDED"}

    @pytest.mark.parametrize("is_lost", [False, True], ids=["open", "lost"])
    def test_forbid_to_reverse_it(self, tenant, account, topped_up, is_lost):
        dispute = account.dispute(topped_up)
        if is_lost:
            account.close_dispute(dispute["id"], is_won=False)
        paying.deliver_all(tenant, account)

        with pytest.raises(wallets.Disputed):
            self.reverse(tenant)

    def test_that_are_won_let_it_be_reversed(self, tenant, account, topped_up):
        dispute = account.dispute(topped_up)
        account.close_dispute(dispute["id"], is_won=True)
        paying.deliver_all(tenant, account)

        self.reverse(tenant)

        assert paying.books(tenant) == {}


class TestAnyOrder:
    """Provider events shuffled and tripled, worked off whenever: the same final state."""

    # What becomes of a payment of 1,000, and of the books: the purchase, and what is left of the money.
    STORIES = {
        "paid": ("COMPLETED", 1_000),
        "refunded": ("REFUNDED", 0),
        "refunded in part": ("COMPLETED", 600),
        "won, then refunded in part": ("COMPLETED", 700),
        "lost": ("CHARGED_BACK", 0),
    }

    def happen(self, account, intent_id, story) -> None:
        if story == "refunded":
            account.refund(intent_id, 1_000)
        elif story == "refunded in part":
            account.refund(intent_id, 400, reason="duplicate")
        elif story != "paid":
            dispute = account.dispute(intent_id)
            account.close_dispute(dispute["id"], is_won=story.startswith("won"))
            if story.startswith("won"):
                account.refund(intent_id, 300)

    def deliver_shuffled(self, tenant, account, dice) -> None:
        told = account.events * 3
        dice.shuffle(told)
        # By the operation: that the view comes to it is tested above, and this is many.
        for event in told:
            body, signature = signed(event, secret=account.webhook_secret)
            events.receive_event(
                tenant=tenant,
                provider="stripe",
                body=body,
                headers={"Stripe-Signature": signature},
                received_at=timezone.now(),
            )
            if dice.random() < 0.1:
                events.work_off_events(tenant=tenant)
        events.work_off_events(tenant=tenant)

    @pytest.mark.parametrize("story", STORIES)
    @pytest.mark.parametrize(
        "seeds", [range(2), pytest.param(range(2, 20), marks=pytest.mark.storm)], ids=len
    )
    def test_comes_to_the_same(self, make_tenant, stripe, story, seeds):
        state, left = self.STORIES[story]
        for seed in seeds:
            dice = random.Random(f"{story} {seed}")
            tenant = make_tenant()
            account = paying.put_account(tenant, stripe)
            buyer, seller = shop.make_buyer(tenant), shop.make_seller(tenant)
            item = shop.make_item(tenant, seller, quantity=1)
            payment = paying.check_out(tenant, buyer, item)
            intent_id = paying.begin(tenant, account, payment)
            account.confirm(intent_id, "pm_card_chargeDeclined")
            account.confirm(intent_id)
            if dice.random() < 0.5:
                paying.sweep(tenant)
            self.happen(account, intent_id, story)

            self.deliver_shuffled(tenant, account, dice)

            assert paying.purchase_state(tenant, payment.purchase_id) == state, seed
            assert paying.books(tenant) == (
                {"clearing:stripe:USD": -left, "revenue:USD": left} if left else {}
            ), seed
            with binding.bind(tenant):
                assert ProviderEvent.objects.filter(due_at__isnull=False).count() == 0
                assert ProviderEvent.objects.count() == len(account.events)
                refunds = ProviderRefund.objects.filter(state="SUCCEEDED")
                assert refunds.count() == len(account.all("refund"))
            buying.assert_adds_up(tenant)
