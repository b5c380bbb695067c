"""Comments and likes, on messages, comments and profiles."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.utils import timezone

from apps.kernel.ids import uuid7
from apps.platform import operations
from apps.platform.models import DomainEvent, Like, TargetType
from apps.platform.queries import Target
from apps.tenancy import binding
from apps.users import operations as users
from tests.api import Caller, client_of, errors_of
from tests.factories import CelebrityFactory, FanFactory, GroupFactory
from tests.platform.crowd import group_of, message_at, person


@pytest.fixture
def host(tenant):
    return person(tenant)


@pytest.fixture
def guest(tenant):
    return person(tenant)


@pytest.fixture
def star(tenant):
    """The address of a celebrity's profile."""
    with binding.bind(tenant, writes="users"):
        return f"profiles/{CelebrityFactory().id}"


@pytest.fixture
def message(tenant, host, guest):
    """The address of a message of the host, in a chat with the guest."""
    chat = group_of(tenant, host, guest)
    return message_at(chat, host.say(chat))


@pytest.fixture
def address(request, star, message, host):
    """Each kind of thing that can be commented on and liked, in turn; none is the guest's."""
    if request.param == "comment":
        return f"comments/{host.comment(star).json()['id']}"
    return {"profile": star, "message": message}[request.param]


EVERYTHING = pytest.mark.parametrize("address", ["profile", "message", "comment"], indirect=True)


def bodies(somebody, address: str, query: str = "") -> list[str]:
    reply = somebody.client.get(f"/api/v1/{address}/comments{query}")
    assert reply.status_code == 200, reply.content
    return [row["body"] for row in reply.json()["results"]]


class TestComments:
    @EVERYTHING
    def test_are_made_on_everything_and_listed_newest_first(self, host, guest, address):
        made = guest.comment(address, "First")
        host.comment(address, "Second")

        assert made.status_code == 201
        assert guest.client.get(made["Location"]).json() == made.json()
        assert made.json()["author_id"] == str(guest.id)
        assert bodies(guest, address) == ["Second", "First"]
        assert bodies(guest, address, "?ordering=created_at&page_size=1") == ["First"]

    def test_are_edited_by_their_author_alone(self, tenant, host, guest, star):
        url = guest.comment(star, "Helo")["Location"]
        editor = person(tenant, role="editor")

        for other in (host, editor):
            assert other.client.patch(url, {"body": "No"}).status_code == 403
        edited = guest.client.patch(url, {"body": "Hello"}).json()
        assert (edited["body"], edited["edited_at"] is None) == ("Hello", False)
        assert guest.client.patch(url, {"body": ""}).status_code == 400
        etag = guest.client.get(url)["ETag"]
        guest.client.patch(url, {"body": "Hi"})
        stale = guest.client.patch(url, {"body": "Ho"}, headers={"If-Match": etag})
        assert stale.status_code == 412

    def test_are_taken_back_by_author_and_moderators(self, tenant, host, guest, message):
        third, editor = person(tenant), person(tenant, role="editor")
        url = guest.comment(message)["Location"]
        assert third.client.delete(url).status_code == 403
        group_id = message.split("/")[1]
        for other in (third, editor):
            other.client.post(f"/api/v1/groups/{group_id}/join")
        assert third.client.delete(url).status_code == 403

        for somebody in (guest, host, editor):
            url = guest.comment(message, "Oops")["Location"]
            assert somebody.client.delete(url).status_code == 204
            row = guest.client.get(url).json()
            assert (row["body"], row["deleted_at"] is None) == ("", False)
            assert guest.client.patch(url, {"body": "Back"}).status_code == 409
            assert somebody.client.delete(url).status_code == 204

    def test_on_ones_own_profile_are_ones_own_to_take_away(self, host, guest):
        url = guest.comment(f"profiles/{host.id}")["Location"]
        other = guest.comment(f"profiles/{guest.id}")["Location"]

        assert host.client.delete(url).status_code == 204
        assert host.client.delete(other).status_code == 403

    def test_are_answered_once(self, host, guest, star):
        comment = f"comments/{guest.comment(star).json()['id']}"
        answer = f"comments/{host.comment(comment, 'Thanks').json()['id']}"

        refused = guest.comment(answer)
        assert refused.status_code == 409
        assert refused.json()["type"].endswith("answers-end-here")
        assert guest.like(answer).status_code == 200

    def test_are_only_seen_where_what_they_are_about_is(self, tenant, host, guest, message):
        comment = guest.comment(message).json()["id"]
        answer = host.comment(f"comments/{comment}").json()["id"]
        stranger = person(tenant)

        for address in (message, f"comments/{comment}", f"comments/{answer}"):
            for reply in (
                stranger.client.get(f"/api/v1/{address}/comments"),
                stranger.client.get(f"/api/v1/{address}/like"),
                stranger.like(address),
                stranger.comment(address),
            ):
                assert reply.status_code == 403, address
        assert stranger.client.get(f"/api/v1/comments/{answer}").status_code == 403

    def test_are_not_made_on_what_is_not_there_to_see(self, tenant, guest, host):
        with binding.bind(tenant, writes="users"):
            hidden = [
                CelebrityFactory(status="PENDING").id,
                CelebrityFactory(is_deleted=True, deleted_on=timezone.now()).id,
                uuid7(),
            ]
            pending = hidden[0]
        for id_ in hidden:
            assert guest.comment(f"profiles/{id_}").status_code == 404
            assert guest.like(f"profiles/{id_}").status_code == 404
        assert guest.comment(f"comments/{uuid7()}").status_code == 404
        staff = person(tenant, role="viewer")
        assert staff.comment(f"profiles/{pending}").status_code == 201

    def test_are_not_made_or_liked_on_what_was_taken_back(self, host, guest, message):
        guest.comment(message, "While it stood")
        guest.like(message)
        host.client.delete(f"/api/v1/{message}")

        for reply in (guest.comment(message), host.like(message), guest.like(message)):
            assert reply.status_code in {400, 409}
        assert guest.comment(message).json()["type"].endswith("taken-back")
        assert bodies(guest, message) == ["While it stood"]
        assert guest.unlike(message).json()["like_count"] == 0

    def test_of_people_kept_apart_are_left_out_and_refused(self, tenant, host, guest, star):
        profile = f"profiles/{host.id}"
        comment = f"comments/{host.comment(star, 'Blocked').json()['id']}"
        guest.comment(star, "Heard")
        with binding.bind(tenant, writes="users"):
            users.block(blocker_id=host.id, blocked_id=guest.id, blocked_at=timezone.now())

        assert bodies(guest, star) == ["Heard"]
        assert bodies(person(tenant), star) == ["Heard", "Blocked"]
        assert guest.client.get(f"/api/v1/{comment}").status_code == 404
        assert guest.comment(comment).status_code == guest.like(comment).status_code == 404
        for reply in (guest.comment(profile), guest.like(profile)):
            assert reply.status_code == 403
            assert reply.json()["type"].endswith("blocked")

    @pytest.mark.parametrize("body", ["", " ", "a\x00", "\ud800", "x" * 5_001, None, ["x"], {}])
    def test_hold_text_within_limits(self, guest, star, body):
        reply = guest.client.post(
            f"/api/v1/{star}/comments", json.dumps({"body": body}), content_type="application/json"
        )

        assert reply.status_code == 400
        assert errors_of(reply) <= {"body"}

    def test_need_a_profile(self, tenant, star):
        nobody = client_of(tenant, Caller())

        for reply in (
            nobody.post(f"/api/v1/{star}/comments", {"body": "x"}),
            nobody.put(f"/api/v1/{star}/like"),
        ):
            assert reply.status_code == 409
            assert reply.json()["type"].endswith("no-profile")
        assert nobody.get(f"/api/v1/{star}/comments").status_code == 200
        assert client_of(tenant).get(f"/api/v1/{star}/comments").status_code == 401

    def test_are_made_once_per_key(self, guest, star):
        url, key = f"/api/v1/{star}/comments", {"Idempotency-Key": "k"}
        replies = [guest.client.post(url, {"body": "Once"}, headers=key) for _ in range(2)]

        assert replies[0].json() == replies[1].json()
        assert bodies(guest, star) == ["Once"]

    def test_are_recorded_with_ids_alone(self, tenant, guest, star):
        comment = guest.comment(star, "Very personal").json()["id"]
        guest.client.patch(f"/api/v1/comments/{comment}", {"body": "Less personal"})
        guest.client.delete(f"/api/v1/comments/{comment}")

        with binding.bind(tenant):
            payloads = list(DomainEvent.objects.order_by("version").values_list("payload"))
        assert [payload["change"] for (payload,) in payloads] == ["POSTED", "EDITED", "DELETED"]
        assert "personal" not in str(payloads)
        assert payloads[0][0]["target_owner_id"] == star.split("/")[1]

    def test_take_no_query_per_row(self, host, guest, star, django_assert_max_num_queries):
        for number in range(8):
            address = f"comments/{host.comment(star, f'Comment {number}').json()['id']}"
            guest.like(address)
            guest.comment(address)

        with (
            django_assert_max_num_queries(5, using="platform"),
            django_assert_max_num_queries(6, using="users"),
        ):
            page = guest.client.get(f"/api/v1/{star}/comments?expand=author").json()["results"]
        assert {(row["like_count"], row["comment_count"]) for row in page} == {(1, 1)}
        assert all(row["liked_by_me"] for row in page)


class TestLikes:
    @EVERYTHING
    def test_count_once_however_often_it_is_said(self, tenant, host, guest, address):
        replies = [guest.like(address).json() for _ in range(2)]

        assert replies[0] == replies[1]
        assert (replies[0]["like_count"], replies[0]["liked_by_me"]) == (1, True)
        assert guest.client.get(f"/api/v1/{address}/like").json() == replies[0]
        assert host.client.get(f"/api/v1/{address}/like").json()["liked_by_me"] is False
        for _ in range(2):
            gone = guest.unlike(address).json()
            assert (gone["like_count"], gone["liked_by_me"]) == (0, False)
        with binding.bind(tenant):
            changes = DomainEvent.objects.filter(kind="platform.LikeChanged").order_by("version")
            assert [event.payload["is_liked"] for event in changes] == [True, False]

    def test_are_a_persons_not_a_profiles(self, tenant, guest, star):
        guest.like(star)
        with binding.bind(tenant, writes="users"):
            CelebrityFactory(keycloak_id=guest.keycloak_id)

        assert guest.like(star).json()["like_count"] == 1
        assert guest.unlike(star).json()["like_count"] == 0

    def test_are_not_for_ones_own(self, host, message):
        for address in (message, f"profiles/{host.id}"):
            reply = host.like(address)
            assert reply.status_code == 400
            assert errors_of(reply) == {"target_id"}

    def test_are_for_groups_too(self, tenant, guest):
        with binding.bind(tenant, writes="users"):
            band = GroupFactory()

        assert guest.like(f"profiles/{band.id}").json()["like_count"] == 1

    def test_at_once_are_one(self, tenant, guest, star):
        target = Target(type=TargetType.PROFILE, id=uuid7(), owner_id=uuid7())

        def like(number: int) -> None:
            try:
                with binding.bind(tenant, writes="platform"):
                    operations.like(
                        target=target,
                        user_id=guest.id,
                        own_ids={guest.id},
                        apart_from=(),
                        liked_at=timezone.now(),
                    )
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(like, range(12)))

        with binding.bind(tenant):
            assert Like.objects.count() == 1
            assert DomainEvent.objects.filter(kind="platform.LikeChanged").count() == 1


class TestActing:
    def test_is_as_the_celebrity_once_staff_made_it_active(self, tenant, star):
        caller = Caller()
        client = client_of(tenant, caller)
        with binding.bind(tenant, writes="users"):
            fan = FanFactory(keycloak_id=caller.id)
            own = CelebrityFactory(keycloak_id=caller.id, status="PENDING")
        url = f"/api/v1/{star}/comments"

        assert client.post(url, {"body": "Hello"}).json()["author_id"] == str(fan.id)
        with binding.bind(tenant, writes="users"):
            users.change_status(profile_id=own.id, status="ACTIVE", updated_at=timezone.now())
        assert client.post(url, {"body": "Hello"}).json()["author_id"] == str(own.id)
