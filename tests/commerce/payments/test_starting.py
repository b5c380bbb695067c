"""Asking a provider: whatever fails or dies in between, there is one charge, and it is booked once."""

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connections

from apps.commerce.models import Payment, ProviderCustomer
from apps.commerce.operations.payments import creating, starting
from apps.commerce.ports import payments as ports
from apps.commerce.ports.payments import ProviderMisconfigured, ProviderUnavailable
from apps.kernel.errors import Invalid, NotFound
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.payments import paying
from tests.commerce.payments.stripe_fake import Fault
from tests.commerce.purchases import buying

INTENTS = "/v1/payment_intents"
CUSTOMERS = "/v1/customers"


def assert_charged_once(tenant, account, payment, *, amount=1_000):
    """One intent, paid once, and one capture in the books."""
    [intent] = account.all("payment_intent")
    assert intent["metadata"]["payment_id"] == str(payment.id)
    assert (intent["status"], account.taken()) == ("succeeded", amount)
    assert paying.reload(tenant, payment).state == "SUCCEEDED"
    assert paying.purchase_state(tenant, payment.purchase_id) == "COMPLETED"
    assert paying.books(tenant) == {"clearing:stripe:USD": -amount, "revenue:USD": amount}
    assert len(account.all("customer")) == 1


class TestStartPayment:
    def test_asks_for_an_intent_that_says_whose_it_is(self, tenant, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)

        started = paying.start(tenant, payment)

        [intent] = account.all("payment_intent")
        assert started.state == "PENDING"
        assert started.client_secret == intent["client_secret"]
        assert started.publishable_key == "pk_test_1"
        assert (intent["amount"], intent["currency"]) == (1_000, "usd")
        assert intent["metadata"]["tenant_id"] == str(tenant.id)
        assert intent["metadata"]["payment_id"] == str(payment.id)
        [customer] = account.all("customer")
        assert intent["customer"] == customer["id"]
        assert customer["metadata"] == {"tenant_id": str(tenant.id), "user_id": str(buyer.id)}

    def test_makes_a_customer_once(self, tenant, account, buyer, poster):
        for _ in range(2):
            paying.start(tenant, paying.check_out(tenant, buyer, poster))

        assert len(account.all("customer")) == 1
        assert len(account.all("payment_intent")) == 2

    def test_twice_asks_how_it_stands(self, tenant, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)

        first, second = paying.start(tenant, payment), paying.start(tenant, payment)

        assert first == second
        assert len(account.all("payment_intent")) == 1

    def test_at_once_from_many_places_charges_once(self, tenant, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)

        def ask(_):
            try:
                return paying.start(tenant, payment).client_secret
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            secrets = set(pool.map(ask, range(6)))

        assert len(secrets) == 1
        account.confirm(account.all("payment_intent")[0]["id"])
        paying.deliver_all(tenant, account)
        assert_charged_once(tenant, account, payment)

    def test_by_two_who_ask_at_the_same_moment_charges_once(
        self, tenant, stripe, account, buyer, poster
    ):
        payment = paying.check_out(tenant, buyer, poster)
        meet = Barrier(2, timeout=20)
        provider = ports.connect(starting.begin(tenant=tenant, payment_id=payment.id).keys)
        request = ports.PaymentRequest(
            tenant_id=tenant.id,
            payment_id=payment.id,
            amount=1_000,
            currency="USD",
            customer_id=account.create_customer({})["id"],
        )

        def ask(_):
            meet.wait()
            return provider.create_payment(request).provider_payment_id

        with ThreadPoolExecutor(2) as pool:
            ids = set(pool.map(ask, range(2)))

        assert len(ids) == len(account.all("payment_intent")) == 1

    def test_returns_what_is_settled_without_asking(self, tenant, stripe, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        account.confirm(paying.begin(tenant, account, payment))
        paying.start(tenant, payment)
        asked = len(stripe.requests)

        started = paying.start(tenant, payment)

        assert (started.state, started.client_secret) == ("SUCCEEDED", "")
        assert len(stripe.requests) == asked

    def test_fails_for_good_what_stripe_never_takes(self, tenant, account, buyer, seller):
        cheap = shop.make_item(tenant, seller, quantity=1, price=49)
        payment = paying.check_out(tenant, buyer, cheap)

        started = paying.start(tenant, payment)

        assert (started.state, started.failure) == ("FAILED", "amount_too_small")
        assert paying.purchase_state(tenant, payment.purchase_id) == "FAILED"
        assert buying.stock_of(tenant, cheap) == (0, 0)

    def test_does_not_find_another_tenants_payment(self, tenant, rival, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)

        with pytest.raises(NotFound):
            paying.start(rival, payment)

    def test_waits_while_the_keys_are_wrong(self, tenant, stripe, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        stripe.accounts.clear()

        with pytest.raises(ProviderMisconfigured):
            paying.start(tenant, payment)

        stripe.accounts[account.secret_key] = account
        paying.sweep(tenant)
        assert paying.reload(tenant, payment).state == "PENDING"
        assert len(account.all("payment_intent")) == 1


class TestCreatePayment:
    def test_refuses_who_is_not_asked(self, tenant, account, buyer):
        with pytest.raises(Invalid):
            paying.ask_for_top_up(tenant, buyer, provider="wallet")

    def test_refuses_a_provider_without_keys(self, tenant, stripe, buyer):
        with pytest.raises(creating.accounts.ProviderNotEnabled):
            paying.ask_for_top_up(tenant, buyer)

    def test_refuses_the_local_provider_where_it_is_off(self, tenant, settings, buyer):
        settings.LOCAL_PAYMENTS = False

        with pytest.raises(creating.accounts.ProviderNotEnabled):
            paying.ask_for_top_up(tenant, buyer, provider="local")


class TestFaults:
    @pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name.lower())
    @pytest.mark.parametrize("path", [CUSTOMERS, INTENTS])
    def test_end_in_one_charge(  # noqa: PLR0917 - fixtures are not positional
        self, tenant, stripe, account, settings, buyer, poster, path, fault
    ):
        settings.PAYMENT_TIMEOUT_SECONDS = 2.0 if fault == Fault.SILENCE_AFTER else 30.0
        payment = paying.check_out(tenant, buyer, poster)
        stripe.fail(path, fault)

        with pytest.raises(ProviderUnavailable):
            paying.start(tenant, payment)
        settings.PAYMENT_TIMEOUT_SECONDS = 30.0
        assert paying.reload(tenant, payment).state == "CREATED"
        paying.sweep(tenant)

        assert paying.reload(tenant, payment).state == "PENDING"
        account.confirm(account.all("payment_intent")[0]["id"])
        paying.sweep(tenant)
        assert_charged_once(tenant, account, payment)

    def test_of_keys_that_stripe_has_forgotten_charge_once(
        self, tenant, stripe, account, buyer, poster
    ):
        payment = paying.check_out(tenant, buyer, poster)
        stripe.fail(INTENTS, Fault.RESET_AFTER)
        with pytest.raises(ProviderUnavailable):
            paying.start(tenant, payment)
        account.answered.clear()

        paying.sweep(tenant)

        assert len(account.all("payment_intent")) == 1
        assert paying.reload(tenant, payment).state == "PENDING"

    def test_of_one_payment_leave_the_others_alone(self, tenant, stripe, account, buyer, poster):
        broken = paying.check_out(tenant, buyer, poster)
        other = paying.check_out(tenant, buyer, poster)
        paying.make_due(tenant)
        stripe.fail(CUSTOMERS, Fault.ERROR_BEFORE)

        paying.sweep(tenant)

        assert paying.reload(tenant, broken).state == "CREATED"
        assert paying.reload(tenant, other).state == "PENDING"
        paying.sweep(tenant)
        assert paying.reload(tenant, broken).state == "PENDING"


def _start_in_process(tenant, payment_id: UUID) -> None:
    connections.close_all()
    starting.start_payment(tenant=tenant, payment_id=payment_id)


class TestDeath:
    def test_before_anybody_was_asked_leaves_it_to_the_sweep(self, tenant, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)

        paying.sweep(tenant)

        account.confirm(account.all("payment_intent")[0]["id"])
        paying.sweep(tenant)
        assert_charged_once(tenant, account, payment)

    @pytest.mark.parametrize("path", [CUSTOMERS, INTENTS])
    def test_while_asking_ends_in_one_charge(self, tenant, stripe, account, buyer, poster, path):
        payment = paying.check_out(tenant, buyer, poster)
        connections.close_all()
        process = multiprocessing.get_context("fork").Process(
            target=_start_in_process, args=(tenant, payment.id)
        )

        killed, pids = [], Queue()

        def kill(at: str) -> None:
            # The work is done, and whoever asked for it never learns of that. Waited for below alone: of two
            # threads that wait for one process, one is not told how it ended.
            if at == path and not killed:
                killed.append(path)
                os.kill(pids.get(timeout=60), signal.SIGKILL)

        stripe.after_work = kill
        process.start()
        pids.put(process.pid)
        process.join(timeout=120)

        assert process.exitcode == -signal.SIGKILL
        assert paying.reload(tenant, payment).state == "CREATED"
        paying.sweep(tenant)
        account.confirm(account.all("payment_intent")[0]["id"])
        paying.sweep(tenant)
        assert_charged_once(tenant, account, payment)

    def test_after_the_money_was_taken_is_found_without_any_event(
        self, tenant, account, buyer, poster
    ):
        payment = paying.check_out(tenant, buyer, poster)
        account.confirm(paying.begin(tenant, account, payment))

        paying.sweep(tenant)

        assert_charged_once(tenant, account, payment)
        with binding.bind(tenant):
            assert Payment.objects.get(id=payment.id).due_at is None


class TestWithoutTheBuyer:
    @pytest.fixture
    def renewal(self, tenant, account, buyer):
        """What makes a payment of a subscription's, taken from a method that is kept."""

        def make(method):
            top_up = paying.ask_for_top_up(tenant, buyer)
            paying.start(tenant, top_up)
            with binding.bind(tenant, writes="commerce"):
                customer = ProviderCustomer.objects.get(user_id=buyer.id)
                customer.provider_method_id = method
                customer.save()
            if method:
                account.methods[customer.provider_customer_id] = {method}
            return paying.ask_for_top_up(tenant, buyer, amount=3_000)

        return make

    def test_takes_it_from_what_is_kept(self, tenant, account, renewal):
        payment = renewal("pm_card_visa")

        started = paying.start(tenant, payment, off_session=True)

        assert started.state == "SUCCEEDED"
        assert account.taken() == 3_000

    @pytest.mark.parametrize(
        ("method", "failure"),
        [
            ("pm_card_chargeDeclined", "generic_decline"),
            ("pm_card_authenticationRequired", "authentication_required"),
            ("", "no_payment_method"),
        ],
    )
    def test_fails_and_can_not_be_paid_later(self, tenant, account, renewal, method, failure):
        payment = renewal(method)

        started = paying.start(tenant, payment, off_session=True)
        paying.sweep(tenant)

        assert (started.state, started.failure) == ("FAILED", failure)
        ours = [
            intent["status"]
            for intent in account.all("payment_intent")
            if intent["metadata"]["payment_id"] == str(payment.id)
        ]
        assert set(ours) <= {"canceled"}
        assert account.taken() == 0

    def test_is_asked_for_in_the_same_words_by_the_sweep(self, tenant, stripe, account, renewal):
        payment = renewal("pm_card_visa")
        stripe.fail(INTENTS, Fault.ERROR_BEFORE)
        with pytest.raises(ProviderUnavailable):
            paying.start(tenant, payment, off_session=True)

        paying.sweep(tenant)

        assert paying.reload(tenant, payment).state == "SUCCEEDED"
        assert account.taken() == 3_000


def test_ids_tell_when_they_were_made():
    made = creating.due.made_at(uuid7())

    assert abs((creating.due.now() - made).total_seconds()) < 60
