"""Message boards: scores that are kept with every message and like, and never drift."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.utils import timezone

from apps.kernel import demo
from apps.kernel.errors import NotFound
from apps.platform import operations
from apps.platform.models import BoardScore, GroupMessage, RealtimeGroup, TargetType
from apps.platform.queries import Target
from apps.tenancy import binding, erasure
from tests.api import errors_of
from tests.platform.crowd import GROUPS, group_of, message_at, person, wait_until_somebody_waits


@pytest.fixture
def ann(tenant):
    return person(tenant)


@pytest.fixture
def bob(tenant):
    return person(tenant)


@pytest.fixture
def board(tenant, ann, bob):
    return group_of(tenant, ann, bob, group_type="MESSAGE_BOARD")


def leaders(somebody, board, query: str = "") -> list[tuple]:
    reply = somebody.client.get(f"{GROUPS}/{board.id}/leaderboard{query}")
    assert reply.status_code == 200, reply.content
    return [
        (row["rank"], row["user_id"], row["messages"], row["likes"], row["points"])
        for row in reply.json()["results"]
    ]


def kept(tenant) -> list[tuple]:
    with binding.bind(tenant):
        return sorted(BoardScore.objects.values_list("user_id", "messages", "likes", "points"))


def rebuilt(tenant, board) -> int:
    with binding.bind(tenant, writes="platform"):
        return operations.rebuild_board(group_id=board.id)


class TestLeaderboard:
    def test_counts_messages_and_likes_of_others(self, tenant, ann, bob, board):
        first = message_at(board, ann.say(board))
        ann.say(board)
        bob.say(board)
        bob.like(first)
        bob.like(first)

        assert leaders(ann, board) == [
            (1, str(ann.id), 2, 1, 25),
            (2, str(bob.id), 1, 0, 10),
        ]
        bob.unlike(first)
        bob.unlike(first)
        assert leaders(bob, board)[0] == (1, str(ann.id), 2, 0, 20)

    def test_takes_off_what_is_taken_back_with_its_likes(self, tenant, ann, bob, board):
        address = message_at(board, ann.say(board))
        bob.like(address)
        ann.client.delete(f"/api/v1/{address}")
        ann.client.delete(f"/api/v1/{address}")
        bob.unlike(address)

        assert leaders(ann, board) == [(1, str(ann.id), 0, 0, 0)]
        assert rebuilt(tenant, board) == 0

    def test_puts_who_was_first_ahead_and_numbers_on_over_pages(self, tenant, ann, bob, board):
        third = person(tenant)
        third.join(board)
        for somebody in (bob, third, ann):
            somebody.say(board)

        expected = [(1, bob.id), (2, third.id), (3, ann.id)]
        seen, url = [], f"{GROUPS}/{board.id}/leaderboard?page_size=1&expand=user"
        while url:
            page = ann.client.get(url).json()
            seen += [(row["rank"], row["user_id"]) for row in page["results"]]
            last, url = page, page["next"]
        assert seen == [(rank, str(id_)) for rank, id_ in expected]
        back = ann.client.get(last["previous"]).json()["results"]
        assert [(row["rank"], row["user_id"]) for row in back] == [(2, str(third.id))]
        for rank, somebody in ((1, bob), (2, third), (3, ann)):
            own = somebody.client.get(f"{GROUPS}/{board.id}/leaderboard/me").json()
            assert (own["rank"], own["user_id"]) == (rank, str(somebody.id))

    def test_has_no_place_for_who_has_no_score(self, ann, bob, board):
        assert bob.client.get(f"{GROUPS}/{board.id}/leaderboard/me").status_code == 404

    def test_is_of_boards_alone(self, tenant, ann, bob):
        chat = group_of(tenant, ann, bob)
        bob.like(message_at(chat, ann.say(chat)))

        for address in ("leaderboard", "leaderboard/me"):
            reply = ann.client.get(f"{GROUPS}/{chat.id}/{address}")
            assert reply.status_code == 409
            assert reply.json()["type"].endswith("not-a-board")
        assert kept(tenant) == []
        with binding.bind(tenant, writes="platform"):
            for work in (
                lambda: operations.rebuild_board(group_id=chat.id),
                lambda: operations.add_points(
                    group_id=chat.id, user_id=ann.id, points=1, added_at=timezone.now()
                ),
            ):
                with pytest.raises(NotFound):
                    work()

    def test_refuses_another_order(self, ann, board):
        reply = ann.client.get(f"{GROUPS}/{board.id}/leaderboard?ordering=points")
        assert errors_of(reply) == {"ordering"}


class TestPoints:
    def test_that_were_added_outlive_a_rebuilding(self, tenant, ann, bob, board):
        ann.say(board)
        with binding.bind(tenant, writes="platform"):
            operations.add_points(
                group_id=board.id, user_id=bob.id, points=250, added_at=timezone.now()
            )

        assert leaders(ann, board) == [(1, str(bob.id), 0, 0, 250), (2, str(ann.id), 1, 0, 10)]
        assert rebuilt(tenant, board) == 0
        assert leaders(ann, board)[0] == (1, str(bob.id), 0, 0, 250)

    def test_are_set_right_by_a_rebuilding(self, tenant, ann, bob, board):
        bob.like(message_at(board, ann.say(board)))
        bob.say(board)
        before = kept(tenant)
        with binding.bind(tenant, writes="platform"):
            BoardScore.objects.filter(user_id=ann.id).update(messages=7, likes=0, points=70)
            BoardScore.objects.filter(user_id=bob.id).delete()

        assert rebuilt(tenant, board) == 2
        assert kept(tenant) == before
        assert rebuilt(tenant, board) == 0

    def test_stay_as_they_are_in_another_board(self, tenant, ann, bob, board):
        other = group_of(tenant, ann, bob, group_type="MESSAGE_BOARD")
        bob.like(message_at(board, ann.say(board)))
        ann.say(other)

        assert leaders(ann, other) == [(1, str(ann.id), 1, 0, 10)]
        assert rebuilt(tenant, other) == rebuilt(tenant, board) == 0


class TestManyAtOnce:
    """Real threads, real transactions: whatever is said, liked and taken back, the scores are right."""

    def test_never_drifts(self, tenant, ann, bob, board):
        people = [ann, bob, *(person(tenant) for _ in range(3))]
        for somebody in people[2:]:
            somebody.join(board)
        addresses = [message_at(board, people[n % 5].say(board)) for n in range(10)]
        with binding.bind(tenant):
            rows = list(GroupMessage.objects.values_list("id", "author_id"))
        assert len(addresses) == len(rows)

        def work(seed: int) -> None:
            chance = random.Random(seed)
            try:
                for _ in range(12):
                    with binding.bind(tenant, writes="platform"):
                        act(chance, board, people, rows)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(6)))

        before = kept(tenant)
        assert sum(likes for _, _, likes, _ in before) > 0
        assert rebuilt(tenant, board) == 0
        assert kept(tenant) == before

    def test_takes_off_a_like_that_came_while_it_was_taken_back(self, tenant, ann, bob, board):
        ann.say(board)
        with binding.bind(tenant):
            message = GroupMessage.objects.get()
        liked = threading.Event()

        def like() -> None:
            try:
                with binding.bind(tenant, writes="platform"):
                    operations.like(
                        target=_target(message),
                        user_id=bob.id,
                        own_ids={bob.id},
                        apart_from=(),
                        liked_at=timezone.now(),
                    )
                    liked.set()
                    wait_until_somebody_waits()
            finally:
                connections.close_all()

        def take_back() -> None:
            liked.wait(60)
            try:
                with binding.bind(tenant, writes="platform"):
                    operations.delete_message(message_id=message.id, deleted_at=timezone.now())
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            for work in [pool.submit(like), pool.submit(take_back)]:
                work.result(60)

        assert kept(tenant) == [(ann.id, 0, 0, 0)]

    def test_keeps_a_first_score_once(self, tenant, ann, bob, board):
        def add(number: int) -> None:
            try:
                with binding.bind(tenant, writes="platform"):
                    operations.add_points(
                        group_id=board.id, user_id=bob.id, points=1, added_at=timezone.now()
                    )
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(add, range(18)))

        assert kept(tenant) == [(bob.id, 0, 0, 18)]


def _target(message) -> Target:
    return Target(
        type=TargetType.GROUP_MESSAGE,
        id=message.id,
        owner_id=message.author_id,
        group_id=message.group_id,
    )


def act(chance, board, people, rows) -> None:
    """Say, like, unlike or take back something, as chance has it."""
    somebody, (message_id, author_id) = chance.choice(people), chance.choice(rows)
    what = chance.choice(["say", "like", "like", "like", "unlike", "delete"])
    if what == "say":
        operations.post_message(
            group_id=board.id,
            own_ids={somebody.id},
            values={"message_content": "Hello"},
            posted_at=timezone.now(),
        )
    elif what == "delete" and chance.random() < 0.3:
        operations.delete_message(message_id=message_id, deleted_at=timezone.now())
    elif somebody.id != author_id:
        target = Target(
            type=TargetType.GROUP_MESSAGE, id=message_id, owner_id=author_id, group_id=board.id
        )
        if what == "unlike":
            operations.unlike(target=target, own_ids={somebody.id}, unliked_at=timezone.now())
        else:
            operations.like(
                target=target,
                user_id=somebody.id,
                own_ids={somebody.id},
                apart_from=(),
                liked_at=timezone.now(),
            )


class TestErasure:
    def test_takes_a_persons_likes_and_score_off_the_board(self, tenant, ann, bob, board):
        of_ann, of_bob = (message_at(board, each.say(board)) for each in (ann, bob))
        bob.like(of_ann)
        ann.like(of_bob)

        erasure.erase_in_tenant(tenant=tenant, person_id=bob.keycloak_id, erased_at=timezone.now())

        assert leaders(ann, board) == [(1, str(ann.id), 1, 0, 10)]
        assert rebuilt(tenant, board) == 0


class TestDemo:
    def test_has_groups_that_talk_and_a_board_that_adds_up(self, make_tenant):
        tenant = make_tenant()
        # In memory alone: the content is found by the slug.
        tenant.slug = "demo"
        for _ in range(2):
            demo.load_all(tenant=tenant, size=60, report=lambda _: None)

        with binding.bind(tenant):
            groups = list(RealtimeGroup.objects.all())
            assert {group.group_type for group in groups} == {"SSE", "MESSAGE_BOARD", "CHAT"}
            assert len(groups) == 4
            board = next(group for group in groups if group.group_type == "MESSAGE_BOARD")
            assert BoardScore.objects.filter(group=board, points__gt=0).count() > 5
        assert rebuilt(tenant, board) == 0
