"""What is said in groups: by whom, to whom, and what is left of it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apps.audit.models import AuditSalt
from apps.kernel.errors import Problem
from apps.platform import operations
from apps.platform.models import (
    DomainEvent,
    GroupMember,
    GroupMessage,
    Joining,
    StreamEvent,
)
from apps.tenancy import binding, erasure
from apps.users import operations as users
from tests.api import Caller, client_of, errors_of
from tests.factories import CommentFactory, GroupMessageFactory
from tests.platform.crowd import (
    GROUPS,
    group_of,
    message_at,
    person,
    put_into,
    told,
    wait_until_somebody_waits,
)


@pytest.fixture
def host(tenant):
    return person(tenant)


@pytest.fixture
def guest(tenant):
    return person(tenant)


@pytest.fixture
def chat(tenant, host, guest):
    return group_of(tenant, host, guest)


class TestPosting:
    def test_is_heard_by_members_the_newest_first(self, host, guest, chat):
        for text in ("One", "Two", "Three"):
            assert host.say(chat, text).status_code == 201

        rows = guest.client.get(f"{GROUPS}/{chat.id}/messages?page_size=2&expand=author").json()

        assert [row["message_content"] for row in rows["results"]] == ["Three", "Two"]
        assert rows["results"][0]["author"]["id"] == str(host.id)
        rest = guest.client.get(rows["next"]).json()["results"]
        assert [row["message_content"] for row in rest] == ["One"]

    def test_answers_with_the_message_where_it_is(self, guest, chat):
        reply = guest.say(chat, "Hi", meta_data={"mood": "fine"})

        row = guest.client.get(reply["Location"]).json()
        assert row == reply.json()
        assert (row["author_id"], row["meta_data"]) == (str(guest.id), {"mood": "fine"})
        assert (row["message_content_type"], row["liked_by_me"]) == ("TEXT", False)
        assert "Location" in guest.client.post(
            f"{GROUPS}/{chat.id}/messages?fields=message_content", {"message_content": "Hi"}
        )

    def test_is_done_once_per_key(self, guest, chat):
        url, body = f"{GROUPS}/{chat.id}/messages", {"message_content": "Once"}
        key = {"Idempotency-Key": "k"}
        replies = [guest.client.post(url, body, headers=key) for _ in range(2)]

        assert replies[0].json() == replies[1].json()
        assert guest.hears(chat) == ["Once"]
        other = guest.client.post(url, {"message_content": "Twice"}, headers=key)
        assert other.status_code == 422

    def test_is_for_members_who_have_not_left(self, tenant, host, guest, chat):
        stranger = person(tenant)
        guest.leave(chat)
        for outsider in (stranger, guest):
            for reply in (
                outsider.say(chat),
                outsider.client.get(f"{GROUPS}/{chat.id}/messages"),
            ):
                assert reply.status_code == 403
                assert reply.json()["type"].endswith("not-a-member")
        assert host.hears(chat) == []

    def test_of_announcements_is_for_moderators(self, tenant, host, guest):
        news = group_of(tenant, host, guest, group_type="SSE")

        assert host.say(news, "News").status_code == 201
        refused = guest.say(news)
        assert refused.status_code == 403
        assert refused.json()["type"].endswith("not-a-moderator")
        assert guest.hears(news) == ["News"]

    @pytest.mark.parametrize(
        ("kind", "content", "status"),
        [
            ("TEXT", "Ünïcødé \N{HONEYBEE}", 201),
            ("TEXT", " \n ", 400),
            ("TEXT", "a\x00b", 400),
            ("TEXT", "\ud800", 400),
            ("TEXT", "x" * 20_000, 201),
            ("TEXT", "x" * 20_001, 400),
            ("TEXT", 7, 201),
            ("TEXT", ["x"], 400),
            ("TEXT", None, 400),
            ("IMAGE", "https://pictures.example/a.png", 201),
            ("IMAGE", "http://pictures.example/a.png", 400),
            ("IMAGE", "https://a b", 400),
            ("VIDEO", "javascript:alert(1)", 400),
            ("VIDEO", "https://" + "x" * 2_000, 400),
            ("RICH", '{"type": "doc"}', 201),
            ("RICH", "[]", 201),
            ("RICH", "not json", 400),
            ("RICH", '"text"', 400),
            ("RICH", "[" * 11 + "]" * 11, 400),
            ("RICH", "[" * 10_000, 400),
            ("RICH", "[" * 900 + "]" * 900, 400),
            ("RICH", '["\\ud800"]', 400),
            ("RICH", "NaN", 400),
        ],
    )
    def test_checks_the_content_by_its_type(self, guest, chat, kind, content, status):
        body = json.dumps({"message_content": content, "message_content_type": kind})
        reply = guest.client.post(
            f"{GROUPS}/{chat.id}/messages", body, content_type="application/json"
        )

        assert reply.status_code == status, reply.content
        if status == 400:
            assert errors_of(reply) <= {"message_content"}

    def test_refuses_what_is_too_large_or_too_deep(self, guest, chat):
        assert guest.say(chat, "x" * 2**20).status_code in {400, 413}
        assert guest.say(chat, "x" * 1_000_000).status_code == 400
        assert errors_of(guest.say(chat, meta_data={"a": "x" * 20_000})) == {"meta_data"}
        deep: dict = {}
        for _ in range(12):
            deep = {"a": deep}
        assert errors_of(guest.say(chat, meta_data=deep)) == {"meta_data"}
        assert guest.hears(chat) == []

    def test_is_told_to_the_group_and_recorded_with_ids_alone(self, tenant, guest, chat):
        row = guest.say(chat, "Live and in colour").json()

        ((kind, payload),) = told(tenant)
        assert kind == "group_message.posted"
        assert payload["id"] == row["id"]
        assert payload["message_content"] == "Live and in colour"
        with binding.bind(tenant):
            event = StreamEvent.objects.get()
            assert (event.audience, event.audience_id) == ("GROUP", chat.id)
            recorded = DomainEvent.objects.get()
        assert recorded.kind == "platform.GroupMessagePosted"
        assert recorded.payload == {
            "message_id": row["id"],
            "group_id": str(chat.id),
            "author_id": str(guest.id),
            "content_type": "TEXT",
        }


class TestReading:
    def test_by_invitation_begins_with_coming(self, tenant, host, guest):
        group = group_of(tenant, host, joining=Joining.INVITED)
        host.say(group, "Before")
        with binding.bind(tenant, writes="platform"):
            put_into(group, guest, at=timezone.now())
        host.say(group, "After")

        assert guest.hears(group) == ["After"]
        assert host.hears(group) == ["Before", "After"]

    def test_of_an_open_group_goes_back_to_its_beginning(self, host, tenant, chat):
        host.say(chat, "Before")
        late = person(tenant)
        late.join(chat)

        assert late.hears(chat) == ["Before"]

    @pytest.mark.parametrize("is_blocker", [True, False])
    def test_leaves_out_whom_one_is_kept_apart_from(self, tenant, host, guest, chat, is_blocker):
        third = person(tenant)
        third.join(chat)
        address = message_at(chat, host.say(chat, "Blocked"))
        third.say(chat, "Heard")
        blocker, blocked = (host, guest) if is_blocker else (guest, host)
        with binding.bind(tenant, writes="users"):
            users.block(blocker_id=blocker.id, blocked_id=blocked.id, blocked_at=timezone.now())

        assert guest.hears(chat) == ["Heard"]
        for reply in (
            guest.client.get(f"/api/v1/{address}"),
            guest.client.get(f"/api/v1/{address}/comments"),
            guest.like(address),
        ):
            assert reply.status_code == 404
        assert third.hears(chat) == host.hears(chat) == ["Blocked", "Heard"]

    def test_takes_no_query_per_row(self, tenant, host, guest, chat, django_assert_max_num_queries):
        with binding.bind(tenant, writes="platform"):
            member = GroupMember.objects.get(user_id=host.id)
            for message in GroupMessageFactory.create_batch(15, member=member):
                CommentFactory(target_id=message.id, author_id=guest.id)
                operations.like(
                    target=_target(message, host),
                    user_id=guest.id,
                    own_ids={guest.id},
                    apart_from=(),
                    liked_at=timezone.now(),
                )

        with (
            django_assert_max_num_queries(6, using="platform"),
            django_assert_max_num_queries(5, using="users"),
        ):
            page = guest.client.get(f"{GROUPS}/{chat.id}/messages?expand=author").json()["results"]
        assert len(page) == 15
        assert {(row["like_count"], row["comment_count"]) for row in page} == {(1, 1)}
        assert all(row["liked_by_me"] for row in page)
        assert not any(
            row["liked_by_me"]
            for row in host.client.get(f"{GROUPS}/{chat.id}/messages").json()["results"]
        )


def _target(message, owner):
    from apps.platform.models import TargetType
    from apps.platform.queries import Target

    return Target(
        type=TargetType.GROUP_MESSAGE,
        id=message.id,
        owner_id=owner.id,
        group_id=message.group_id,
    )


class TestEditing:
    def test_is_the_authors_alone_and_says_so(self, tenant, host, guest, chat):
        address = message_at(chat, guest.say(chat, "Helo"))
        url = f"/api/v1/{address}"

        assert host.client.patch(url, {"message_content": "No"}).status_code == 403
        edited = guest.client.patch(url, {"message_content": "Hello"}).json()
        assert edited["message_content"] == "Hello"
        assert edited["edited_at"] is not None
        assert [kind for kind, _ in told(tenant)][-1] == "group_message.edited"
        assert "Helo" not in str(told(tenant))

    def test_keeps_to_the_type(self, guest, chat):
        address = message_at(
            chat, guest.say(chat, "https://a.example/b", message_content_type="IMAGE")
        )

        reply = guest.client.patch(f"/api/v1/{address}", {"message_content": "words"})

        assert errors_of(reply) == {"message_content"}

    def test_is_not_done_behind_somebodys_back(self, guest, chat):
        url = f"/api/v1/{message_at(chat, guest.say(chat))}"
        etag = guest.client.get(url)["ETag"]
        guest.client.patch(url, {"message_content": "Other"})

        stale = {"If-Match": etag}
        assert guest.client.patch(url, {"message_content": "X"}, headers=stale).status_code == 412
        assert guest.client.delete(url, headers=stale).status_code == 412

    def test_ends_with_taking_back(self, guest, chat):
        url = f"/api/v1/{message_at(chat, guest.say(chat))}"
        guest.client.delete(url)

        assert guest.client.patch(url, {"message_content": "Back"}).status_code == 409


class TestTakingBack:
    def test_empties_the_content_everywhere_and_keeps_the_place(self, tenant, host, guest, chat):
        address = message_at(chat, guest.say(chat, "Regret", meta_data={"a": "Regret"}))

        assert [guest.client.delete(f"/api/v1/{address}").status_code for _ in range(2)] == [
            204,
            204,
        ]

        row = host.client.get(f"/api/v1/{address}").json()
        assert (row["message_content"], row["meta_data"]) == ("", {})
        assert row["deleted_at"] is not None
        events = told(tenant)
        assert [kind for kind, _ in events] == ["group_message.posted", "group_message.deleted"]
        assert "Regret" not in str(events)
        with binding.bind(tenant):
            assert DomainEvent.objects.filter(kind="platform.GroupMessageDeleted").count() == 1

    def test_is_for_authors_moderators_and_editors_in_the_group(self, tenant, host, guest, chat):
        third, editor, outside = person(tenant), person(tenant, role="editor"), person(tenant)
        third.join(chat)
        editor.join(chat)
        for somebody, status in ((third, 403), (outside, 403), (host, 204), (editor, 204)):
            address = message_at(chat, guest.say(chat))
            assert somebody.client.delete(f"/api/v1/{address}").status_code == status

    def test_finds_a_message_in_its_own_group_only(self, tenant, host, guest, chat):
        other = group_of(tenant, host, guest)
        message = guest.say(chat).json()

        address = f"{GROUPS}/{other.id}/messages/{message['id']}"
        for reply in (
            guest.client.get(address),
            guest.client.delete(address),
            host.client.put(f"{address}/like"),
        ):
            assert reply.status_code == 404


class TestManyAtOnce:
    """Real threads, real transactions."""

    def test_all_are_kept_and_told_in_order(self, tenant, host, guest, chat):
        def say(number: int) -> None:
            try:
                with binding.bind(tenant, writes="platform"):
                    operations.post_message(
                        group_id=chat.id,
                        own_ids={(host, guest)[number % 2].id},
                        values={"message_content": f"Message {number}"},
                        posted_at=timezone.now(),
                    )
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(say, range(24)))

        with binding.bind(tenant):
            assert GroupMessage.objects.count() == 24
            positions = list(StreamEvent.objects.values_list("position", flat=True))
        assert sorted(positions) == list(range(1, 25))

    def test_who_is_put_out_speaks_before_or_not_at_all(self, tenant, host, guest, chat):
        held, posted = threading.Event(), []

        def put_out() -> None:
            try:
                with binding.bind(tenant, writes="platform"):
                    operations.remove_member(
                        group_id=chat.id, profile_id=guest.id, removed_on=timezone.now()
                    )
                    held.set()
                    wait_until_somebody_waits()
            finally:
                connections.close_all()

        def speak() -> None:
            held.wait(60)
            try:
                with binding.bind(tenant, writes="platform"):
                    operations.post_message(
                        group_id=chat.id,
                        own_ids={guest.id},
                        values={"message_content": "Too late"},
                        posted_at=timezone.now(),
                    )
                posted.append(True)
            except Problem as problem:
                posted.append(problem.slug)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            for work in [pool.submit(put_out), pool.submit(speak)]:
                work.result(60)

        assert posted == ["not-a-member"]


class TestErasure:
    def test_leaves_nothing_that_a_person_said(self, tenant, host, guest, chat):
        secret = "Guests own words"
        address = message_at(chat, guest.say(chat, secret, meta_data={"mood": secret}))
        host.comment(address, "Whose?")
        own = guest.comment(message_at(chat, host.say(chat, "Mine")), secret).json()
        guest.like(f"groups/{chat.id}/messages/{host.say(chat).json()['id']}")
        guest.client.patch(f"{GROUPS}/{chat.id}/members/{guest.id}", {"name": secret})

        with binding.bind(tenant):
            salts = AuditSalt.objects.using("platform").filter(id=guest.id)
            assert salts.exists()

        erasure.erase_in_tenant(
            tenant=tenant, person_id=guest.keycloak_id, erased_at=timezone.now()
        )

        with binding.bind(tenant):
            assert not AuditSalt.objects.using("platform").filter(id=guest.id).exists()
            for model in _tables_of_platform():
                found = [row for row in model.objects.values() if secret in str(row)]
                assert found == [], model
            assert not GroupMember.objects.active().filter(user_id=guest.id).exists()
        assert host.hears(chat) == ["", "Mine", "Hello"]
        assert host.client.get(f"/api/v1/comments/{own['id']}").json()["body"] == ""
        assert {row["like_count"] for row in _rows(host, chat)} == {0}
        kind, payload = told(tenant)[-1]
        assert (kind, payload) == ("profile.erased", {"user_ids": [str(guest.id)]})
        # What others said about it is theirs.
        assert host.client.get(f"/api/v1/{address}/comments").json()["results"]

    def test_does_the_same_twice(self, tenant, guest, chat):
        guest.say(chat)
        at = timezone.now()
        with binding.bind(tenant, writes="platform"):
            first = operations.erase_person(keycloak_id=guest.keycloak_id, erased_at=at)
            again = operations.erase_person(keycloak_id=guest.keycloak_id, erased_at=at)

        assert first["group_messages"] == 1
        assert set(again.values()) == {0}


def _rows(somebody, group):
    return somebody.client.get(f"{GROUPS}/{group.id}/messages").json()["results"]


def _tables_of_platform():
    from django.apps import apps

    return [model for model in apps.get_app_config("platform").get_models() if model._meta.managed]


class TestStrangers:
    def test_of_other_tenants_hear_nothing(self, tenant, rival, host, chat):
        address = message_at(chat, host.say(chat))
        client = client_of(rival, Caller(role="owner"))

        for url in (f"{GROUPS}/{chat.id}", f"/api/v1/{address}", f"/api/v1/{address}/like"):
            assert client.get(url).status_code == 404
        assert client.get(GROUPS).json()["results"] == []


class TestTime:
    def test_of_stopping_is_read_at_the_post(self, tenant, host):
        group = group_of(tenant, host, stops_on=timezone.now() + timedelta(days=1))
        with binding.bind(tenant, writes="platform"), pytest.raises(Problem) as refusal:
            operations.post_message(
                group_id=group.id,
                own_ids={host.id},
                values={"message_content": "Late"},
                posted_at=timezone.now() + timedelta(days=2),
            )
        assert refusal.value.slug == "group-closed"
