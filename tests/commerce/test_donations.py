"""Donations: out of a wallet, onto a board, and into its leaderboard."""

import threading

import pytest
from django.db import connections
from django.utils import timezone

from apps.commerce.models import (
    DomainEvent,
    Donation,
    LedgerTransaction,
    OutboxEntry,
    UserWallet,
    VirtualCurrency,
)
from apps.commerce.operations import donations
from apps.kernel.ids import uuid7
from apps.platform import operations as platform
from apps.platform.models import BoardScore
from apps.tenancy import binding, erasure, relay
from apps.users import operations as users
from tests.api import Caller, client_of, errors_of, signed_in
from tests.commerce import shop
from tests.platform.crowd import GROUPS, group_of, person

URL = "/api/v1/donations"
NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def ann(tenant):
    """Somebody with 100 dollars."""
    somebody = person(tenant)
    shop.fund(tenant, somebody.id, 10_000)
    return somebody


@pytest.fixture
def bob(tenant):
    return person(tenant)


@pytest.fixture
def board(tenant, ann, bob):
    return group_of(tenant, ann, bob, group_type="MESSAGE_BOARD")


def give(somebody, board, amount=500, *, headers=None, **values):
    body = {"board_id": str(board.id), "amount": amount, "currency": "USD", **values}
    return somebody.client.post(URL, body, headers=headers)


def leaders(somebody, board):
    reply = somebody.client.get(f"{GROUPS}/{board.id}/leaderboard")
    assert reply.status_code == 200, reply.content
    return [(row["user_id"], row["added"], row["points"]) for row in reply.json()["results"]]


def deliver(tenant):
    relay.relay(tenant=tenant, context="commerce")


def wallet_of(tenant, somebody):
    with binding.bind(tenant):
        return UserWallet.objects.get(user_id=somebody.id)


def written(tenant):
    """How many donations, and transactions of the ledger, there are."""
    with binding.bind(tenant):
        return Donation.objects.count(), LedgerTransaction.objects.count()


class TestGiving:
    def test_takes_from_the_wallet_and_gives_points(self, tenant, ann, bob, board):
        reply = give(ann, board, 1_250)

        assert reply.status_code == 201, reply.content
        assert shop.balance(tenant, wallet_of(tenant, ann)) == (8_750, 0)
        assert shop.trial_balance(tenant) == {"USD": 0}
        assert leaders(bob, board) == []
        deliver(tenant)
        assert leaders(bob, board) == [(str(ann.id), 120, 120)]
        shown = ann.client.get(reply["Location"]).json()
        assert shown == reply.json()
        assert (shown["board_id"], shown["user_id"]) == (str(board.id), str(ann.id))

    def test_is_booked_as_what_the_tenant_was_given(self, tenant, ann, board):
        made = give(ann, board, 300).json()

        with binding.bind(tenant):
            posted = LedgerTransaction.objects.get(id=made["transaction_id"])
            with connections["commerce"].cursor() as cursor:
                cursor.execute(
                    "SELECT a.code, e.amount FROM ledger_entries e "
                    "JOIN ledger_accounts a ON a.id = e.account_id "
                    "WHERE e.transaction_id = %s ORDER BY e.leg",
                    [posted.id],
                )
                legs = cursor.fetchall()
        wallet = wallet_of(tenant, ann)
        assert legs == [(f"wallet:{wallet.id}", -300), ("donations:USD", 300)]
        assert posted.idempotency_key == f"donation:{made['id']}"
        assert (posted.user_id, posted.created_by_id) == (ann.id, ann.keycloak_id)

    def test_is_not_reversed_while_its_board_counts_it(self, tenant, ann, board):
        made = give(ann, board, 300).json()
        admin = client_of(tenant, Caller(role="admin"))

        reply = admin.post(f"/api/v1/transactions/{made['transaction_id']}/reversals")

        assert reply.status_code == 400, reply.content
        assert "A donation is not reversed" in reply.json()["detail"]
        assert shop.balance(tenant, wallet_of(tenant, ann)) == (9_700, 0)

    def test_adds_to_points_for_messages(self, tenant, ann, bob, board):
        ann.say(board)
        give(ann, board, 100)
        give(ann, board, 199)
        deliver(tenant)
        deliver(tenant)

        assert leaders(bob, board) == [(str(ann.id), 20, 30)]

    def test_gives_no_points_for_less_than_a_unit(self, tenant, ann, board):
        give(ann, board, 99)
        deliver(tenant)

        assert leaders(ann, board) == []

    def test_gives_no_points_anonymously(self, tenant, ann, bob, board):
        assert give(ann, board, 500, is_anonymous=True).json()["is_anonymous"] is True
        deliver(tenant)

        assert leaders(bob, board) == []
        assert shop.balance(tenant, wallet_of(tenant, ann)) == (9_500, 0)

    def test_counts_units_of_the_tenant_s_own_currency(self, tenant, ann, bob, board):
        with binding.bind(tenant, writes="commerce"):
            VirtualCurrency.objects.create(code="QTC", name="Coins", decimals=0)
        shop.fund(tenant, bob.id, 40, currency="QTC")

        assert give(bob, board, 7, currency="QTC").status_code == 201
        deliver(tenant)
        assert leaders(ann, board) == [(str(bob.id), 70, 70)]

    def test_under_one_key_is_done_once(self, tenant, ann, bob, board):
        key = {"Idempotency-Key": "the same"}
        first, again = (give(ann, board, 500, headers=key) for _ in range(2))

        assert first.status_code == again.status_code == 201
        assert first.json() == again.json()
        assert again["Idempotency-Replayed"] == "true"
        deliver(tenant)
        assert shop.balance(tenant, wallet_of(tenant, ann)) == (9_500, 0)
        assert leaders(bob, board) == [(str(ann.id), 50, 50)]
        assert give(ann, board, 501, headers=key).status_code == 422

    def test_a_message_that_comes_twice_counts_once(self, tenant, ann, board):
        give(ann, board, 500)
        deliver(tenant)
        with binding.bind(tenant, writes="commerce"):
            event = DomainEvent.objects.get(kind="commerce.DonationMade")
            OutboxEntry.objects.create(
                event_id=event.id,
                handler="platform.count_donations",
                aggregate_type=event.aggregate_type,
                aggregate_id=event.aggregate_id,
                version=event.version,
                due_at=event.occurred_at,
            )
        assert relay.relay(tenant=tenant, context="commerce") == 1

        assert leaders(ann, board) == [(str(ann.id), 50, 50)]


class TestRefusals:
    def test_more_than_there_is(self, tenant, ann, board):
        before = written(tenant)

        reply = give(ann, board, 10_001)

        assert reply.status_code == 409
        assert reply.json()["type"].endswith("insufficient-funds")
        assert written(tenant) == before
        assert shop.balance(tenant, wallet_of(tenant, ann)) == (10_000, 0)

    def test_without_a_wallet(self, tenant, bob, board):
        reply = give(bob, board, 1)

        assert reply.status_code == 409
        with binding.bind(tenant):
            assert not UserWallet.objects.filter(user_id=bob.id).exists()

    def test_by_all_at_once_more_than_there_is(self, tenant, ann, board):
        together, codes = threading.Barrier(4), []

        def work():
            try:
                together.wait()
                with binding.bind(tenant, writes="commerce"):
                    donations.donate(
                        board_id=board.id,
                        user_id=ann.id,
                        amount=4_000,
                        currency="USD",
                        is_anonymous=False,
                        given_at=timezone.now(),
                        created_by_id=None,
                    )
                codes.append(201)
            except donations.ledger.InsufficientFunds:
                codes.append(409)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(codes) == [201, 201, 409, 409]
        assert shop.balance(tenant, wallet_of(tenant, ann)) == (2_000, 0)

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"amount": 0}, "amount"),
            ({"amount": -1}, "amount"),
            ({"amount": 10**12 + 1}, "amount"),
            ({"amount": 10**40}, "amount"),
            ({"amount": "many"}, "amount"),
            ({"amount": 1.5}, "amount"),
            ({"currency": "usd"}, "currency"),
            ({"currency": "XXX"}, "currency"),
            ({"currency": "QQQ"}, "currency"),
            ({"currency": "US\x00"}, "currency"),
            ({"board_id": "none"}, "board_id"),
            ({"board_id": NOBODY}, "board_id"),
            ({"is_anonymous": "maybe"}, "is_anonymous"),
            ({"user_id": NOBODY}, "user_id"),
        ],
        ids=str,
    )
    def test_names_the_field_that_is_wrong(self, tenant, ann, board, values, field):
        reply = give(ann, board, **values)

        assert reply.status_code == 400, reply.content
        assert errors_of(reply) == {field}

    def test_a_group_that_is_no_board(self, tenant, ann, bob):
        reply = give(ann, group_of(tenant, ann, bob))

        assert errors_of(reply) == {"board_id"}

    def test_a_board_by_invitation_that_they_are_not_in(self, tenant, ann, bob):
        hidden = group_of(tenant, bob, group_type="MESSAGE_BOARD", joining="INVITED")
        shop.fund(tenant, bob.id, 1_000)

        assert errors_of(give(ann, hidden)) == {"board_id"}
        assert give(bob, hidden).status_code == 201

    def test_a_board_that_was_deleted(self, tenant, ann, board):
        with binding.bind(tenant, writes="platform"):
            platform.delete_group(group_id=board.id, deleted_at=timezone.now())

        assert errors_of(give(ann, board)) == {"board_id"}
        assert shop.balance(tenant, wallet_of(tenant, ann)) == (10_000, 0)

    def test_a_board_of_another_tenant(self, tenant, rival, ann):
        other = person(rival)
        board = group_of(rival, other, group_type="MESSAGE_BOARD")

        assert errors_of(give(ann, board)) == {"board_id"}

    def test_who_has_no_profile(self, tenant, board):
        client = client_of(tenant, Caller())
        body = {"board_id": str(board.id), "amount": 1, "currency": "USD"}

        assert client.post(URL, body).json()["type"].endswith("no-profile")
        assert client_of(tenant).post(URL, body).status_code == 401


class TestBoardsThatChange:
    def test_a_board_deleted_before_the_message_comes_stops_nothing(self, tenant, ann, bob, board):
        other = group_of(tenant, ann, bob, group_type="MESSAGE_BOARD")
        give(ann, board, 500)
        give(ann, other, 300)
        with binding.bind(tenant, writes="platform"):
            platform.delete_group(group_id=board.id, deleted_at=timezone.now())

        deliver(tenant)

        assert leaders(bob, other) == [(str(ann.id), 30, 30)]
        with binding.bind(tenant):
            assert not BoardScore.objects.filter(group_id=board.id).exists()
            assert not OutboxEntry.objects.exists()

    def test_who_is_erased_has_no_points_left(self, tenant, ann, bob, board):
        give(ann, board, 500)
        deliver(tenant)
        give(ann, board, 300)
        with binding.bind(tenant, writes="users"):
            users.erase_person(keycloak_id=ann.keycloak_id, erased_at=timezone.now())

        for context in ("users", "commerce", "users"):
            relay.relay(tenant=tenant, context=context)

        assert leaders(bob, board) == []

    def test_a_rebuilt_board_keeps_what_was_given(self, tenant, ann, bob, board):
        give(ann, board, 500)
        deliver(tenant)
        with binding.bind(tenant, writes="platform"):
            assert platform.rebuild_board(group_id=board.id) == 0

        assert leaders(bob, board) == [(str(ann.id), 50, 50)]


class TestListing:
    def test_shows_buyers_their_own_and_support_all(self, tenant, ann, bob, board):
        shop.fund(tenant, bob.id, 1_000)
        other = group_of(tenant, ann, bob, group_type="MESSAGE_BOARD")
        mine, theirs = give(ann, board).json(), give(bob, other).json()
        support, viewer = (client_of(tenant, Caller(role=role)) for role in ("support", "viewer"))

        def listed(client, query=""):
            return [row["id"] for row in client.get(f"{URL}{query}").json()["results"]]

        assert listed(ann.client) == [mine["id"]]
        assert listed(support) == [theirs["id"], mine["id"]]
        assert listed(viewer) == []
        assert listed(support, f"?board={board.id}") == [mine["id"]]
        assert listed(support, "?currency=EUR") == []
        assert ann.client.get(f"{URL}/{theirs['id']}").status_code == 404
        expanded = support.get(f"{URL}/{mine['id']}?expand=board,user").json()
        assert expanded["board"]["name"] == board.name
        assert expanded["user"]["id"] == str(ann.id)

    def test_keeps_tenants_apart(self, tenant, rival, ann, board):
        made = give(ann, board).json()
        theirs = client_of(rival, Caller(role="owner"))

        assert theirs.get(URL).json()["results"] == []
        assert theirs.get(f"{URL}/{made['id']}").content == (theirs.get(f"{URL}/{uuid7()}").content)
        deliver(rival)
        assert leaders(ann, board) == []

    def test_is_shown_to_admins_and_changed_by_nobody(self, tenant, ann, board):
        made = give(ann, board).json()
        staff = signed_in(tenant, "admin")

        page = staff.get("/admin/commerce/donation/")
        assert page.status_code == 200
        assert str(board.id).encode() in page.content
        assert staff.get(f"/admin/commerce/donation/{made['id']}/change/").status_code == 200
        assert staff.post(f"/admin/commerce/donation/{made['id']}/delete/").status_code == 403


class TestErasing:
    def test_leaves_the_books_as_they_are(self, tenant, ann, board):
        give(ann, board, 500)

        erasure.erase_in_tenant(tenant=tenant, person_id=ann.keycloak_id, erased_at=timezone.now())

        assert written(tenant)[0] == 1
        assert shop.trial_balance(tenant) == {"USD": 0}
