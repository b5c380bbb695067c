"""Payments by the API: paying, going on, looking, and what is simulated."""

import pytest

from apps.commerce.models import IdempotencyKey, Payment
from apps.commerce.operations.payments import sweeping
from apps.tenancy import binding
from tests.api import client_of, errors_of
from tests.commerce import shop
from tests.commerce.payments import paying
from tests.commerce.payments.paying import PAYMENTS
from tests.commerce.payments.stripe_fake import Fault
from tests.commerce.purchases import buying

ACCOUNTS = "/api/v1/provider-accounts"
INTENTS = "/v1/payment_intents"
KEYS = {
    "secret_key": "sk_test_mine",
    "webhook_secret": "whsec_mine",
    "publishable_key": "pk_test_1",
}


def payments(tenant) -> list[Payment]:
    with binding.bind(tenant):
        return list(Payment.objects.order_by("id"))


class TestCheckingOut:
    def test_shows_what_the_payment_is_made_with(self, tenant, account, anna, poster):
        bought = anna.buy(poster, provider="stripe")

        [intent] = account.all("payment_intent")
        assert bought["state"] == "PENDING"
        assert bought["payment"] == {
            "id": intent["metadata"]["payment_id"],
            "state": "PENDING",
            "failure": None,
            "client_secret": intent["client_secret"],
            "publishable_key": "pk_test_1",
            "redirect_url": None,
        }

    def test_ends_when_stripe_says_so(self, tenant, account, anna, poster):
        bought = anna.buy(poster, provider="stripe")
        account.confirm(account.all("payment_intent")[0]["id"])

        paying.deliver_all(tenant, account)

        read = anna.client.get(f"{buying.PURCHASES}/{bought['id']}").json()
        assert (read["state"], read["captured"]) == ("COMPLETED", 1_000)

    def test_with_the_same_key_is_done_once(self, tenant, account, anna, poster):
        cart = anna.cart(poster)

        first, second = (anna.check_out(cart, "stripe", key="once") for _ in range(2))

        assert (first.status_code, second.status_code) == (201, 201)
        assert second["Idempotency-Replayed"] == "true"
        assert first.json() == second.json()
        assert first["Location"] == second["Location"]
        assert len(account.all("payment_intent")) == 1

    def test_says_that_stripe_does_not_answer_and_goes_on_later(
        self, tenant, stripe, account, anna, poster
    ):
        cart = anna.cart(poster)
        stripe.fail(INTENTS, Fault.RESET_AFTER)

        failed = anna.check_out(cart, "stripe", key="once")
        asked = anna.client.get("/api/v1/idempotency-keys/once")
        again = anna.check_out(cart, "stripe", key="once")

        assert failed.status_code == 503
        assert failed["Content-Type"] == "application/problem+json"
        assert failed.json()["type"].endswith("provider-unavailable")
        assert asked.status_code == 409
        assert asked.json()["type"].endswith("idempotency-key-in-flight")
        assert (again.status_code, again.json()["payment"]["state"]) == (201, "PENDING")
        assert len(payments(tenant)) == len(account.all("payment_intent")) == 1

    def test_says_that_the_keys_are_wrong(self, tenant, stripe, account, anna, poster):
        stripe.accounts.clear()

        refused = anna.check_out(anna.cart(poster), "stripe")

        assert refused.status_code == 502
        assert refused.json()["type"].endswith("provider-misconfigured")

    def test_keeps_no_secret_in_the_open(self, tenant, account, anna, poster):
        bought = anna.check_out(anna.cart(poster), "stripe", key="once").json()

        with binding.bind(tenant):
            kept = bytes(IdempotencyKey.objects.get(key="once").reply)
        secret = bought["payment"]["client_secret"]
        told = anna.client.get("/api/v1/idempotency-keys/once")
        assert secret.encode() not in kept
        assert (told.status_code, told.json()["status_code"]) == (200, 201)
        assert told.json()["reply"] is None
        assert secret not in told.content.decode()

    def test_refuses_a_currency_that_stripe_does_not_have(self, tenant, account, anna, seller):
        odd = shop.make_item(tenant, seller, quantity=1, currency="CLF", price=10_000)

        refused = anna.check_out(anna.cart(odd, currency="CLF"), "stripe")

        assert (refused.status_code, errors_of(refused)) == (400, {"currency"})
        assert buying.stock_of(tenant, odd) == (0, 0)


class TestTopUps:
    def top_up(self, tenant, anna, *, key, amount=2_000, provider="stripe"):
        with binding.bind(tenant, writes="commerce"):
            wallet = sweeping.settling.wallets.open_wallet(
                user_id=anna.id, currency="USD", opened_at=sweeping.due.now()
            )
        return anna.client.post(
            f"/api/v1/wallets/{wallet.id}/top-ups",
            {"amount": amount, "provider": provider},
            format="json",
            headers={"Idempotency-Key": key},
        )

    def test_with_the_same_key_are_one_payment_whatever_fails(self, tenant, stripe, account, anna):
        stripe.fail(INTENTS, Fault.ERROR_AFTER)

        replies = [self.top_up(tenant, anna, key="once") for _ in range(3)]
        other = self.top_up(tenant, anna, key="once", amount=1)

        assert [reply.status_code for reply in replies] == [503, 201, 201]
        assert replies[1].json() == replies[2].json()
        assert other.status_code == 422
        assert len(payments(tenant)) == len(account.all("payment_intent")) == 1

    def test_with_another_body_are_refused_while_the_first_is_under_way(
        self, tenant, stripe, account, anna
    ):
        stripe.fail(INTENTS, Fault.ERROR_BEFORE)
        self.top_up(tenant, anna, key="once")

        assert self.top_up(tenant, anna, key="once", amount=1_999).status_code == 422
        assert len(payments(tenant)) == 1

    def test_are_in_the_wallet_once_stripe_has_them(self, tenant, account, anna):
        shown = self.top_up(tenant, anna, key="once").json()
        account.confirm(account.all("payment_intent")[0]["id"])

        for _ in range(2):
            paying.deliver_all(tenant, account)
            paying.sweep(tenant)

        with binding.bind(tenant):
            wallet = shop.UserWallet.objects.get(id=shown["id"])
        assert shop.balance(tenant, wallet) == (2_000, 0)
        assert payments(tenant)[0].transaction_id is not None


class TestPayments:
    @pytest.fixture
    def payment(self, tenant, account, anna, poster):
        anna.buy(poster, provider="stripe")
        return payments(tenant)[0]

    def test_are_shown_to_their_buyer_and_to_support(
        self, tenant, anna, support, stranger, payment
    ):
        other = buying.shopper(tenant, stranger).client

        for client in (anna.client, support):
            [row] = client.get(PAYMENTS).json()["results"]
            assert (row["id"], row["amount"], row["state"]) == (str(payment.id), 1_000, "PENDING")
            assert client.get(f"{PAYMENTS}/{payment.id}").json() == row
        assert other.get(PAYMENTS).json()["results"] == []
        assert client_of(tenant).get(PAYMENTS).status_code == 401

    def test_of_others_are_not_there(self, tenant, rival, anna, stranger, payment):
        other = buying.shopper(tenant, stranger).client
        nobody = anna.client.get(f"{PAYMENTS}/{shop.uuid7()}")

        for reply in (
            other.get(f"{PAYMENTS}/{payment.id}"),
            other.post(f"{PAYMENTS}/{payment.id}/resume"),
            other.post(f"{PAYMENTS}/{payment.id}/simulate", {"outcome": "FAILED"}),
            buying.staff(rival, "admin").get(f"{PAYMENTS}/{payment.id}"),
        ):
            assert (reply.status_code, reply.content) == (404, nobody.content)

    def test_show_no_secret_unless_they_are_resumed(self, tenant, account, anna, support, payment):
        secret = account.all("payment_intent")[0]["client_secret"]

        read = anna.client.get(f"{PAYMENTS}/{payment.id}")
        resumed = anna.client.post(f"{PAYMENTS}/{payment.id}/resume")

        assert secret not in read.content.decode()
        assert resumed.status_code == 200
        assert resumed.json()["payment"]["client_secret"] == secret
        # It is the buyer who pays: nobody else is given what that is done with.
        assert support.post(f"{PAYMENTS}/{payment.id}/resume").status_code == 404

    def test_are_settled_when_they_are_resumed(self, tenant, account, anna, payment):
        account.confirm(account.all("payment_intent")[0]["id"])

        resumed = anna.client.post(f"{PAYMENTS}/{payment.id}/resume").json()

        assert (resumed["state"], resumed["payment"]["state"]) == ("SUCCEEDED", "SUCCEEDED")
        assert resumed["payment"]["client_secret"] is None

    def test_are_filtered(self, tenant, anna, payment):
        for query, found in (
            ("state=PENDING", 1),
            ("state=FAILED", 0),
            (f"purchase_id={payment.purchase_id}", 1),
            ("purpose=TOP_UP", 0),
        ):
            assert len(anna.client.get(f"{PAYMENTS}?{query}").json()["results"]) == found
        assert anna.client.get(f"{PAYMENTS}?state=PAID").status_code == 400


class TestTheLocalProvider:
    def buy(self, tenant, anna, seller, price):
        return anna.buy(shop.make_item(tenant, seller, quantity=1, price=price), provider="local")

    @pytest.mark.parametrize(
        ("price", "state"), [(1_000, "COMPLETED"), (1_002, "FAILED"), (1_003, "PENDING")]
    )
    def test_does_what_the_amount_says(self, tenant, anna, seller, price, state):
        assert self.buy(tenant, anna, seller, price)["state"] == state

    def test_is_silent_for_an_amount(self, tenant, anna, seller):
        item = shop.make_item(tenant, seller, quantity=1, price=1_006)

        assert anna.check_out(anna.cart(item), "local").status_code == 503

    @pytest.mark.parametrize(
        ("outcome", "state"),
        [("SUCCEEDED", "COMPLETED"), ("FAILED", "FAILED"), ("CANCELLED", "FAILED")],
    )
    def test_is_steered(self, tenant, anna, seller, outcome, state):
        bought = self.buy(tenant, anna, seller, 1_003)

        for _ in range(2):
            reply = anna.client.post(
                f"{PAYMENTS}/{bought['payment']['id']}/simulate", {"outcome": outcome}
            )
            assert (reply.status_code, reply.json()["state"]) == (200, outcome)

        assert buying.purchase_of(tenant, bought["id"]).state == state

    def test_has_disputes(self, tenant, anna, seller):
        bought = self.buy(tenant, anna, seller, 1_000)
        url = f"{PAYMENTS}/{bought['payment']['id']}/simulate"

        opened = anna.client.post(url, {"outcome": "DISPUTED"}).json()
        lost = anna.client.post(url, {"outcome": "DISPUTE_LOST"}).json()

        assert (opened["dispute_state"], lost["dispute_state"]) == ("OPEN", "LOST")
        assert buying.purchase_of(tenant, bought["id"]).state == "CHARGED_BACK"

    def test_disputes_nothing_that_was_not_paid(self, tenant, anna, seller):
        bought = self.buy(tenant, anna, seller, 1_003)

        reply = anna.client.post(
            f"{PAYMENTS}/{bought['payment']['id']}/simulate", {"outcome": "DISPUTED"}
        )

        assert reply.status_code == 409

    def test_refuses_a_refund_for_an_amount(self, tenant, anna, seller):
        bought = self.buy(tenant, anna, seller, 1_005)
        [payment] = payments(tenant)
        refund = paying.refund(tenant, payment)

        paying.sweep(tenant)

        assert bought["state"] == "COMPLETED"
        with binding.bind(tenant):
            refund.refresh_from_db()
        assert refund.state == "FAILED"
        assert paying.books(tenant)["refunds-unpaid:USD"] == 1_005

    def test_is_no_more_where_it_is_off(self, tenant, anna, seller, settings):
        bought = self.buy(tenant, anna, seller, 1_003)
        item = shop.make_item(tenant, seller, quantity=1)
        settings.LOCAL_PAYMENTS = False

        refused = anna.check_out(anna.cart(item), "local")
        steered = anna.client.post(
            f"{PAYMENTS}/{bought['payment']['id']}/simulate", {"outcome": "SUCCEEDED"}
        )

        assert (refused.status_code, steered.status_code) == (409, 403)
        assert payments(tenant)[0].state == "PENDING"

    def test_alone_is_steered(self, tenant, account, anna, poster):
        bought = anna.buy(poster, provider="stripe")

        reply = anna.client.post(
            f"{PAYMENTS}/{bought['payment']['id']}/simulate", {"outcome": "SUCCEEDED"}
        )

        assert reply.status_code == 403
        assert payments(tenant)[0].state == "PENDING"


class TestProviders:
    def test_are_listed_for_anybody(self, tenant, account, settings):
        listed = client_of(tenant).get("/api/v1/payment-providers").json()

        assert listed == [
            {"provider": "wallet", "publishable_key": None},
            {"provider": "stripe", "publishable_key": "pk_test_1"},
            {"provider": "local", "publishable_key": None},
        ]

    def test_are_those_that_are_enabled(self, tenant, admin, account, settings):
        settings.LOCAL_PAYMENTS = False
        for provider in ("wallet", "stripe"):
            reply = admin.put(f"{ACCOUNTS}/{provider}", {"is_enabled": False}, format="json")
            assert reply.status_code == 200, reply.content

        assert client_of(tenant).get("/api/v1/payment-providers").json() == []

    def test_that_are_disabled_still_settle_what_was_begun(
        self, tenant, admin, account, anna, poster
    ):
        anna.buy(poster, provider="stripe")
        admin.put(f"{ACCOUNTS}/stripe", {"is_enabled": False}, format="json")
        account.confirm(account.all("payment_intent")[0]["id"])

        paying.deliver_all(tenant, account)

        assert payments(tenant)[0].state == "SUCCEEDED"
        refused = anna.check_out(anna.cart(poster), "stripe")
        assert refused.json()["type"].endswith("provider-not-enabled")


class TestProviderAccounts:
    def test_take_keys_and_never_show_them(self, tenant, admin):
        put = admin.put(f"{ACCOUNTS}/stripe", KEYS, format="json")
        replies = [put, admin.get(f"{ACCOUNTS}/stripe"), admin.get(ACCOUNTS)]

        assert [reply.status_code for reply in replies] == [200, 200, 200]
        for reply in replies:
            assert "mine" not in reply.content.decode()
        assert put.json()["has_secret_key"]
        assert put.json()["webhook_secrets"] == [{"valid_until": None}]

    def test_rotate_their_webhook_secret(self, tenant, admin):
        admin.put(f"{ACCOUNTS}/stripe", KEYS, format="json")

        reply = admin.post(
            f"{ACCOUNTS}/stripe/rotate-webhook-secret",
            {"webhook_secret": "whsec_other"},
            format="json",
        )

        newest, former = reply.json()["webhook_secrets"]
        assert newest["valid_until"] is None
        assert former["valid_until"] is not None

    @pytest.mark.parametrize(
        ("provider", "body", "status"),
        [
            ("stripe", {**KEYS, "secret_key": "pk_test_mine"}, 400),
            ("stripe", {**KEYS, "webhook_secret": "secret"}, 400),
            ("stripe", {**KEYS, "secret_key": "sk_\nx"}, 400),
            ("stripe", {"publishable_key": "pk_test_1"}, 400),
            ("local", KEYS, 400),
            ("stripe", {"other": 1}, 400),
            ("paypal", KEYS, 404),
        ],
    )
    def test_refuse_what_is_no_key(self, tenant, admin, provider, body, status):
        reply = admin.put(f"{ACCOUNTS}/{provider}", body, format="json")

        assert reply.status_code == status, reply.content
        assert admin.get(ACCOUNTS).json() == []

    def test_are_the_admins(self, tenant, support, anna):
        for client in (support, anna.client):
            assert client.put(f"{ACCOUNTS}/stripe", KEYS, format="json").status_code == 403
            assert client.get(ACCOUNTS).status_code == 403
