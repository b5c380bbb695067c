"""Groups: who sees, joins, runs and leaves them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.kernel.ids import uuid7
from apps.platform import interface
from apps.platform.models import DomainEvent, GroupMember, Joining, RealtimeGroup
from apps.tenancy import binding
from tests.api import Caller, client_of, errors_of
from tests.factories import CelebrityFactory
from tests.platform.crowd import GROUPS, group_of, person, told

CHAT = {"name": "Bee keepers", "group_type": "CHAT"}


@pytest.fixture
def host(tenant):
    return person(tenant)


@pytest.fixture
def guest(tenant):
    return person(tenant)


def names(somebody, query: str = "") -> list[str]:
    reply = somebody.client.get(f"{GROUPS}{query}")
    assert reply.status_code == 200, reply.content
    return sorted(row["name"] for row in reply.json()["results"])


class TestGroups:
    def test_have_their_creator_as_moderator(self, tenant, host):
        made = host.client.post(GROUPS, CHAT)

        assert made.status_code == 201
        row = made.json()
        assert (row["created_by_id"], row["joining"]) == (str(host.id), "OPEN")
        assert (row["member_count"], row["is_member"], row["is_moderator"]) == (1, True, True)
        assert host.client.get(made["Location"]).json() == row
        with binding.bind(tenant):
            assert interface.group_ids_of(profile_ids={host.id}) == {
                host.id: set(RealtimeGroup.objects.values_list("id", flat=True))
            }
            event = DomainEvent.objects.get()
        assert event.payload == {"group_id": row["id"], "change": "CREATED"}

    def test_are_made_once_per_key(self, host):
        replies = [
            host.client.post(GROUPS, CHAT, headers={"Idempotency-Key": "one"}) for _ in range(2)
        ]

        assert replies[0].json() == replies[1].json()
        assert names(host) == ["Bee keepers"]

    def test_need_a_profile_to_be_made_or_joined(self, tenant, host):
        nobody = client_of(tenant, Caller())
        group = group_of(tenant, host)
        for reply in (nobody.post(GROUPS, CHAT), nobody.post(f"{GROUPS}/{group.id}/join")):
            assert reply.status_code == 409
            assert reply.json()["type"].endswith("no-profile")
            assert "POST /api/v1/me" in reply.json()["detail"]

    def test_are_listed_by_type_name_and_membership(self, tenant, host, guest):
        group_of(tenant, host, guest, name="Chess club")
        group_of(tenant, host, name="Chess wall", group_type="MESSAGE_BOARD")
        group_of(tenant, host, name="Opera")

        assert names(guest) == ["Chess club", "Chess wall", "Opera"]
        assert names(guest, "?search=chess") == ["Chess club", "Chess wall"]
        assert names(guest, "?group_type=MESSAGE_BOARD") == ["Chess wall"]
        assert names(guest, "?is_member=true") == ["Chess club"]
        assert names(guest, "?is_member=false&search=chess") == ["Chess wall"]
        assert guest.client.get(f"{GROUPS}?topic=x").status_code == 400

    def test_by_invitation_are_for_their_members_and_editors_to_see(self, tenant, host, guest):
        group = group_of(tenant, host, name="Green room", joining=Joining.INVITED)
        editor, support = person(tenant, role="editor"), person(tenant, role="support")

        for somebody, sees in ((host, True), (guest, False), (editor, True), (support, False)):
            assert names(somebody) == (["Green room"] if sees else [])
            for address in ("", "/members", "/messages", "/leaderboard"):
                reply = somebody.client.get(f"{GROUPS}/{group.id}{address}")
                assert (reply.status_code == 404) is not sees, address
        for action in ("join", "leave"):
            assert guest.client.post(f"{GROUPS}/{group.id}/{action}").status_code == 404

    def test_need_signing_in(self, tenant):
        assert client_of(tenant).get(GROUPS).status_code == 401

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": " "}, "name"),
            ({"name": "a\x00"}, "name"),
            ({"name": "x" * 256}, "name"),
            ({"group_type": "PARTY"}, "group_type"),
            ({"joining": "MAYBE"}, "joining"),
            ({"meta_data": []}, "meta_data"),
            ({"starts_on": "soon"}, "starts_on"),
            (
                {"starts_on": "2026-05-02T00:00:00Z", "stops_on": "2026-05-01T00:00:00Z"},
                "stops_on",
            ),
            ({"created_by_id": str(uuid7())}, "created_by_id"),
        ],
    )
    def test_name_the_field_that_is_wrong(self, host, body, field):
        reply = host.client.post(GROUPS, {**CHAT, **body})

        assert reply.status_code == 400
        assert errors_of(reply) == {field}

    def test_are_changed_by_creator_moderators_and_editors(self, tenant, host, guest):
        group = group_of(tenant, host, guest)
        url = f"{GROUPS}/{group.id}"
        stranger, editor = person(tenant), person(tenant, role="editor")

        for somebody in (guest, stranger, person(tenant, role="support")):
            assert somebody.client.patch(url, {"name": "Mine"}).status_code == 403
        for somebody in (host, editor):
            changed = somebody.client.patch(url, {"name": "Ours"})
            assert (changed.status_code, changed.json()["name"]) == (200, "Ours")
        host.leave(group)
        assert host.client.patch(url, {"name": "Still mine"}).status_code == 200
        assert errors_of(host.client.patch(url, {"group_type": "SSE"})) == {"group_type"}
        assert told(tenant)[0] == (
            "group.changed",
            {"group_id": str(group.id), "changed": ["name"]},
        )

    def test_are_not_changed_behind_somebodys_back(self, tenant, host):
        group = group_of(tenant, host)
        url = f"{GROUPS}/{group.id}"
        etag = host.client.get(url)["ETag"]
        host.client.patch(url, {"name": "First"})

        assert (
            host.client.patch(url, {"name": "Second"}, headers={"If-Match": etag}).status_code
            == 412
        )
        assert host.client.delete(url, headers={"If-Match": etag}).status_code == 412

    def test_are_deleted_by_creator_and_admins_and_gone_for_all(self, tenant, host, guest):
        admin = person(tenant, role="admin")
        for deleter in (host, admin):
            group = group_of(tenant, host, guest)
            url = f"{GROUPS}/{group.id}"
            for other in (guest, person(tenant, role="editor")):
                assert other.client.delete(url).status_code == 403
            assert deleter.client.delete(url).status_code == 204
            for reply in (host.client.get(url), guest.join(group), guest.say(group)):
                assert reply.status_code == 404
        with binding.bind(tenant):
            assert interface.group_ids_of(profile_ids={host.id, guest.id}) == {}
            assert RealtimeGroup.objects.exclude(deleted_at=None).count() == 2

    def test_take_no_query_per_row(self, tenant, host, django_assert_max_num_queries):
        for number in range(12):
            group_of(tenant, host, name=f"Chat {number}")

        with django_assert_max_num_queries(4, using="platform"):
            assert len(names(host)) == 12


class TestMembership:
    def test_begins_and_ends_as_often_as_one_likes(self, tenant, host, guest):
        group = group_of(tenant, host)

        first, again = guest.join(group), guest.join(group)
        assert (first.status_code, again.status_code) == (200, 200)
        assert first.json() == again.json()
        assert [guest.leave(group).status_code for _ in range(2)] == [204, 204]
        assert guest.join(group).json()["id"] != first.json()["id"]

        with binding.bind(tenant):
            rows = GroupMember.objects.filter(user_id=guest.id)
            assert (rows.count(), rows.active().count()) == (2, 1)
        kinds = [kind for kind, _ in told(tenant)]
        assert kinds == ["group_member.joined", "group_member.left", "group_member.joined"]

    def test_is_one_for_a_person_with_two_profiles(self, tenant, host, guest):
        group = group_of(tenant, host, guest)
        with binding.bind(tenant, writes="users"):
            CelebrityFactory(keycloak_id=guest.keycloak_id)

        assert guest.join(group).json()["user_id"] == str(guest.id)
        assert guest.say(group).json()["author_id"] == str(guest.id)
        guest.leave(group)
        assert guest.join(group).json()["user_id"] != str(guest.id)

    def test_is_shown_to_members_and_editors(self, tenant, host, guest):
        group = group_of(tenant, host)
        url = f"{GROUPS}/{group.id}/members"

        assert guest.client.get(url).status_code == 403
        guest.join(group)
        editor = person(tenant, role="editor")
        for somebody in (guest, editor):
            rows = somebody.client.get(f"{url}?expand=user").json()["results"]
            assert [row["user_id"] for row in rows] == [str(guest.id), str(host.id)]
            assert rows[0]["user"]["display_name"]
            assert somebody.client.get(f"{url}/{host.id}").json()["is_moderator"] is True

    def test_by_invitation_is_given_by_moderators_and_editors(self, tenant, host, guest):
        group = group_of(tenant, host, joining=Joining.INVITED)
        url = f"{GROUPS}/{group.id}/members"
        editor, third = person(tenant, role="editor"), person(tenant)

        added = host.client.post(url, {"user_id": str(guest.id)})
        assert added.status_code == 201
        assert host.client.get(added["Location"]).json() == added.json()
        assert guest.client.post(url, {"user_id": str(third.id)}).status_code == 403
        assert editor.client.post(url, {"user_id": str(third.id)}).status_code == 201
        assert guest.say(group).status_code == 201
        assert errors_of(host.client.post(url, {"user_id": str(uuid7())})) == {"user_id"}

    def test_of_an_open_group_is_given_to_nobody(self, tenant, host, guest):
        group = group_of(tenant, host)

        reply = host.client.post(f"{GROUPS}/{group.id}/members", {"user_id": str(guest.id)})

        assert reply.status_code == 409
        assert reply.json()["type"].endswith("group-is-open")

    def test_is_taken_by_moderators_and_oneself(self, tenant, host, guest):
        third = person(tenant)
        group = group_of(tenant, host, guest, third)
        url = f"{GROUPS}/{group.id}/members"

        assert guest.client.delete(f"{url}/{third.id}").status_code == 403
        assert third.client.delete(f"{url}/{third.id}").status_code == 204
        assert host.client.delete(f"{url}/{guest.id}").status_code == 204
        assert host.client.delete(f"{url}/{guest.id}").status_code == 404
        assert guest.say(group).status_code == 403

    def test_has_a_name_and_moderators_make_moderators(self, tenant, host, guest):
        group = group_of(tenant, host, guest)
        url = f"{GROUPS}/{group.id}/members/{guest.id}"

        assert guest.client.patch(url, {"name": "Bee"}).json()["name"] == "Bee"
        assert guest.client.patch(url, {"is_moderator": True}).status_code == 403
        assert host.client.patch(url, {"is_moderator": True}).json()["is_moderator"] is True
        # Opening it would show everybody what was said before they came.
        refused = guest.client.patch(f"{GROUPS}/{group.id}", {"joining": "INVITED"})
        assert refused.status_code == 403
        assert host.client.patch(f"{GROUPS}/{group.id}", {"joining": "OPEN"}).status_code == 200
        assert guest.client.patch(f"{GROUPS}/{group.id}", {"name": "X"}).status_code == 200
        assert guest.client.patch(f"{url[:-36]}{host.id}", {"name": "Boss"}).status_code == 200

    def test_is_told_with_ids_alone(self, tenant, host, guest):
        group = group_of(tenant, host, guest)
        guest.client.patch(f"{GROUPS}/{group.id}/members/{guest.id}", {"name": "Secret name"})
        guest.leave(group)

        with binding.bind(tenant):
            payloads = list(DomainEvent.objects.order_by("version").values_list("payload"))
        assert [payload["change"] for (payload,) in payloads] == ["CHANGED", "LEFT"]
        assert "Secret" not in str(payloads) + str(told(tenant))

    @pytest.mark.parametrize(
        "values", [{"status": "PENDING"}, {"is_deleted": True, "deleted_on": timezone.now()}]
    )
    def test_is_given_to_nobody_who_is_out_of_sight(self, tenant, host, values):
        group = group_of(tenant, host, joining=Joining.INVITED)
        url = f"{GROUPS}/{group.id}/members"
        with binding.bind(tenant, writes="users"):
            hidden, nobody = CelebrityFactory(**values).id, uuid7()

        refused = host.client.post(url, {"user_id": str(hidden)})
        unknown = host.client.post(url, {"user_id": str(nobody)})

        assert refused.status_code == unknown.status_code == 400
        assert (
            refused.content.replace(str(hidden).encode(), str(nobody).encode()) == unknown.content
        )

    def test_is_not_forced_on_who_has_blocked_somebody(self, tenant, host, guest):
        group = group_of(tenant, host, joining=Joining.INVITED)
        assert guest.client.put(f"/api/v1/blocks/{host.id}").status_code < 300

        refused = host.client.post(f"{GROUPS}/{group.id}/members", {"user_id": str(guest.id)})

        assert refused.status_code == 403
        assert refused.json()["type"].endswith("blocked")
        assert told(tenant) == []


class TestWindow:
    @pytest.mark.parametrize(
        ("starts", "stops", "status"),
        [(-1, 1, 201), (1, 2, 409), (-2, -1, 409), (None, -1, 409), (None, None, 201)],
    )
    def test_bounds_when_something_is_posted(self, tenant, host, starts, stops, status):
        now = timezone.now()
        span = {
            name: None if days is None else now + timedelta(days=days)
            for name, days in (("starts_on", starts), ("stops_on", stops))
        }
        group = group_of(tenant, host, **span)

        reply = host.say(group)

        assert reply.status_code == status
        if status == 409:
            assert reply.json()["type"].endswith("group-closed")
        assert len(host.hears(group)) == (status == 201)
