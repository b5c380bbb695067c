"""What a tenant's staff sees of groups, comments, notifications, webhooks, flags and tags, and may change."""

from typing import Any

import pytest
from django.test import Client

from apps.kernel.ids import uuid7
from apps.platform.models import (
    BoardScore,
    FeatureFlag,
    GroupMessage,
    NotificationTemplate,
    RealtimeGroup,
    Suppression,
)
from apps.tenancy import binding
from tests.api import signed_in
from tests.factories import (
    CommentFactory,
    GroupMessageFactory,
    NotificationFactory,
    RealtimeGroupFactory,
    TagFactory,
    WebhookDeliveryFactory,
    WebhookEndpointFactory,
)
from tests.platform.crowd import person

FOR_VIEWERS = ["boardscore", "comment", "groupmember", "groupmessage", "realtimegroup", "tag"]
FOR_ADMINS = [
    "featureflag",
    "notification",
    "notificationtemplate",
    "suppression",
    "webhookdelivery",
    "webhookendpoint",
]
PAGES = sorted(FOR_VIEWERS + FOR_ADMINS)
ADDED = {"tag": "editor", "featureflag": "admin"}
CHANGED = {"realtimegroup": "editor", **ADDED}
DELETED = dict.fromkeys(("comment", "featureflag", "groupmessage", "realtimegroup", "tag"), "admin")
ROLES = ["viewer", "support", "editor", "admin", "owner"]
SECRET = "wolpertinger"
NONSENSE = [
    "?q=%00",
    "?q=%F0%9F%8E%AD%27%22%3B--",
    "?p=abc",
    "?p=99999999999999999999",
    "?o=99.-abc",
    "?e=1",
    "?none__exact=1",
    "?id__exact=none",
    "?created_on__gte=never",
    "?group__id__exact=%00",
    "?status__exact=%00&channel__exact=%00&state__exact=%00",
    "?group_type__exact=NONE&joining__exact=1&is_moderator__exact=7",
    "?_to_field=password",
]


def address(page: str, *parts: object) -> str:
    return "/".join(["/admin/platform", page, *map(str, parts), ""])


def allows(role: str, least: str | None) -> bool:
    return least is not None and ROLES.index(role) >= ROLES.index(least)


def least_of(page: str) -> str:
    return "viewer" if page in FOR_VIEWERS else "admin"


def furnish(tenant: Any, word: str) -> dict[str, Any]:
    """Make a row of each page in a tenant; those that can be told by a word have it."""
    somebody = person(tenant).id
    with binding.bind(tenant, writes="platform"):
        group = RealtimeGroupFactory(created_by_id=somebody, name=f"{word} group")
        member = group.members.get()
        endpoint = WebhookEndpointFactory(description=word, url=f"https://{word}.example.com/")
        said = GroupMessageFactory(member=member, message_content=f"{word} said")
        return {
            "realtimegroup": group,
            "groupmember": member,
            "groupmessage": said,
            "boardscore": BoardScore.objects.create(
                group=group, user_id=somebody, points=7, added=7
            ),
            "comment": CommentFactory(target_id=said.id, author_id=somebody, body=f"{word} meant"),
            "tag": TagFactory(name=f"{word} tag"),
            "featureflag": FeatureFlag.objects.create(key=f"tests.{word}", is_on=True, percent=9),
            "webhookendpoint": endpoint,
            "webhookdelivery": WebhookDeliveryFactory(endpoint=endpoint, kind=f"{word}.ping"),
            "notification": NotificationFactory(
                user_id=somebody, topic=f"{word}", subject="Hush", body="Only for one"
            ),
            "notificationtemplate": NotificationTemplate.objects.create(
                template_key=f"{word}_key", channel="EMAIL", subject=word, body_template="Hello"
            ),
            "suppression": Suppression.objects.create(
                channel="EMAIL", address_hash=f"{word}{'0' * 40}", reason="BOUNCED"
            ),
        }


@pytest.fixture
def rows(tenant: Any) -> dict[str, Any]:
    return furnish(tenant, "own")


class Staff:
    """A client for each role, when it is first asked for."""

    def __init__(self, tenant: Any) -> None:
        self.tenant = tenant

    def __getattr__(self, role: str) -> Client:
        setattr(self, role, signed_in(self.tenant, role))
        return getattr(self, role)


@pytest.fixture
def staff(tenant: Any) -> Staff:
    return Staff(tenant)


class TestPages:
    @pytest.mark.parametrize("page", PAGES)
    def test_open_for_those_who_may_and_refuse_the_others(self, rows, staff, page):
        row = rows[page]
        for role in ROLES:
            client = getattr(staff, role)
            expected = 200 if allows(role, least_of(page)) else 403

            assert client.get(address(page)).status_code == expected, role
            assert client.get(address(page, row.pk, "change")).status_code == expected, role
            added = client.get(address(page, "add")).status_code
            assert added == (200 if allows(role, ADDED.get(page)) else 403), role
            deleted = client.get(address(page, row.pk, "delete")).status_code
            assert deleted == (200 if allows(role, DELETED.get(page)) else 403), role

    @pytest.mark.parametrize("page", PAGES)
    def test_lead_strangers_to_the_door(self, rows, rival, page):
        stranger = signed_in(rival, "owner")
        stranger.defaults["HTTP_HOST"] = self.host(rows[page])

        for parts in ((), ("add",), (rows[page].pk, "change"), (rows[page].pk, "delete")):
            reply = stranger.get(address(page, *parts))
            assert reply.status_code == 302
            assert "/login/" in reply["Location"]

    def host(self, row: Any) -> str:
        from apps.tenancy.models import Domain

        return Domain.objects.get(tenant_id=row.tenant_id, is_primary=True).domain

    @pytest.mark.parametrize("page", PAGES)
    def test_show_nothing_of_another_tenant(self, rows, staff, rival, page):
        theirs = furnish(rival, SECRET)

        shown = staff.owner.get(address(page))
        searched = staff.owner.get(address(page) + f"?q={SECRET}")
        # The list says that there is none, as for an id of nobody.
        one, none = (
            staff.owner.get(address(page, id_, "change")) for id_ in (theirs[page].pk, uuid7())
        )

        assert str(rows[page].pk) in shown.content.decode()
        for reply in (shown, searched):
            assert str(theirs[page].pk) not in reply.content.decode()
        assert SECRET not in shown.content.decode()
        assert one.status_code == none.status_code == 302
        assert one["Location"] == none["Location"]

    @pytest.mark.parametrize("page", sorted(set(PAGES) - set(CHANGED)))
    def test_to_look_at_change_nothing(self, rows, staff, page):
        change = address(page, rows[page].pk, "change")

        shown = staff.owner.get(change).content.decode()

        assert 'name="_save"' not in shown
        assert staff.owner.post(change, {"status": "SENT", "_save": "1"}).status_code == 403
        assert staff.owner.post(address(page, "add"), {}).status_code == 403

    @pytest.mark.parametrize("page", sorted(set(PAGES) - set(DELETED)))
    def test_delete_nothing_by_the_list_either(self, tenant, rows, staff, page):
        form = {"action": "delete_selected", "post": "yes", "_selected_action": str(rows[page].pk)}

        staff.owner.post(address(page), form)

        with binding.bind(tenant):
            assert type(rows[page]).objects.filter(pk=rows[page].pk).exists()

    @pytest.mark.parametrize("page", PAGES)
    def test_answer_nonsense_without_an_error_of_their_own(self, rows, staff, page):
        for query in NONSENSE:
            assert staff.owner.get(address(page) + query).status_code in {200, 302, 400}, query

    @pytest.mark.parametrize("page", PAGES)
    def test_know_no_row_by_a_nonsensical_id(self, staff, page):
        for id_ in ("none", "%00", "0", "9" * 60, "'--"):
            for act in ("change", "delete", "history"):
                reply = staff.owner.get(address(page, id_, act))
                assert reply.status_code in {302, 400, 403, 404}, reply.request["PATH_INFO"]

    @pytest.mark.parametrize("page", PAGES)
    def test_answer_an_action_on_nonsense(self, rows, staff, page):
        for form in (
            {"action": "none", "_selected_action": str(rows[page].pk)},
            {"action": "delete_selected", "post": "yes", "_selected_action": "none"},
            {"action": "delete_selected", "post": "yes", "_selected_action": "\0"},
            {"action": "delete_selected", "index": "x", "_selected_action": str(uuid7())},
        ):
            assert staff.owner.post(address(page), form).status_code in {200, 302, 400, 403}, form

    @pytest.mark.parametrize("page", PAGES)
    def test_lead_to_the_history_of_a_row(self, rows, staff, page):
        history = address(page, rows[page].pk, "history")

        led = staff.admin.get(history)

        assert led.status_code == 302
        assert f"entity_id={rows[page].pk}" in led["Location"]
        assert staff.admin.get(led["Location"]).status_code == 200
        assert staff.editor.get(history).status_code == 403


class TestGroups:
    def form(self, **values: Any) -> dict[str, Any]:
        return {
            "name": "Renamed",
            "description": "",
            "joining": "OPEN",
            "starts_on_0": "",
            "starts_on_1": "",
            "stops_on_0": "",
            "stops_on_1": "",
            "meta_data": "{}",
            **values,
        }

    def test_are_renamed_by_editors_and_keep_what_is_not_theirs_to_change(
        self, tenant, rows, staff
    ):
        group = rows["realtimegroup"]
        change = address("realtimegroup", group.pk, "change")
        values = self.form(
            group_type="FORUM", created_by_id=str(uuid7()), deleted_at_0="2026-01-01"
        )

        assert staff.support.post(change, values).status_code == 403
        saved = staff.editor.post(change, values)

        assert saved.status_code == 302, saved.content.decode()[-3000:]
        with binding.bind(tenant):
            now = RealtimeGroup.objects.get(pk=group.pk)
        assert now.name == "Renamed"
        kept = ("group_type", "created_by_id", "deleted_at", "created_on")
        assert [getattr(now, name) for name in kept] == [getattr(group, name) for name in kept]
        assert now.updated_at > group.updated_at

    def test_that_would_stop_before_they_start_are_refused(self, tenant, rows, staff):
        group = rows["realtimegroup"]
        values = self.form(
            starts_on_0="2027-01-02", starts_on_1="10:00", stops_on_0="2027-01-01", stops_on_1="1:0"
        )

        refused = staff.editor.post(
            address("realtimegroup", group.pk, "change"), values, follow=True
        )

        assert refused.status_code == 200
        with binding.bind(tenant):
            assert RealtimeGroup.objects.get(pk=group.pk).name == group.name

    @pytest.mark.parametrize("how", ["page", "list"])
    def test_are_deleted_softly_by_admins(self, tenant, rows, staff, how):
        group = rows["realtimegroup"]
        form = {"post": "yes", "action": "delete_selected", "_selected_action": str(group.pk)}
        parts = (group.pk, "delete") if how == "page" else ()

        staff.editor.post(address("realtimegroup", *parts), form)
        with binding.bind(tenant):
            assert RealtimeGroup.objects.get(pk=group.pk).deleted_at is None
        assert staff.admin.post(address("realtimegroup", *parts), form).status_code == 302
        with binding.bind(tenant):
            assert RealtimeGroup.objects.get(pk=group.pk).deleted_at is not None

    def test_that_are_gone_answer_a_second_time(self, rows, staff):
        gone = address("realtimegroup", rows["realtimegroup"].pk, "delete")

        assert staff.admin.post(gone, {"post": "yes"}).status_code == 302

        assert staff.admin.post(gone, {"post": "yes"}).status_code == 302
        change = address("realtimegroup", rows["realtimegroup"].pk, "change")
        assert staff.admin.post(change, self.form()).status_code == 302


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        ("page", "column"), [("groupmessage", "message_content"), ("comment", "body")]
    )
    @pytest.mark.parametrize("how", ["page", "list"])
    def test_is_taken_back_by_admins_and_its_place_stays(
        self, tenant, rows, staff, page, column, how
    ):
        row = rows[page]
        form = {"post": "yes", "action": "delete_selected", "_selected_action": str(row.pk)}
        parts = (row.pk, "delete") if how == "page" else ()

        def now():
            with binding.bind(tenant):
                return type(row).objects.get(pk=row.pk)

        staff.editor.post(address(page, *parts), form)
        assert now().deleted_at is None
        for _ in range(2):
            assert staff.admin.post(address(page, *parts), form).status_code == 302

        assert now().deleted_at is not None
        assert getattr(now(), column) == ""

    def test_is_never_put_into_a_mouth(self, tenant, rows, staff):
        change = address("groupmessage", rows["groupmessage"].pk, "change")

        assert staff.owner.post(change, {"message_content": "Other"}).status_code == 403

        with binding.bind(tenant):
            said = GroupMessage.objects.get(pk=rows["groupmessage"].pk)
        assert said.message_content == "own said"


class TestWhatIsHidden:
    def test_what_a_notification_says_is_its_recipients(self, rows, staff):
        shown = staff.owner.get(address("notification", rows["notification"].pk, "change"))

        assert b"Only for one" not in shown.content
        assert b"Hush" not in shown.content

    def test_secrets_of_webhooks_are_shown_to_nobody(self, rows, staff):
        endpoint = rows["webhookendpoint"]

        shown = staff.owner.get(address("webhookendpoint", endpoint.pk, "change")).content.decode()

        assert endpoint.url in shown
        assert "sealed secrets" not in shown.lower()
        assert all(each["sealed"] not in shown for each in endpoint.sealed_secrets)


class TestTags:
    def test_are_added_by_editors(self, tenant, staff):
        form = {
            "name": "Opera",
            "tag_type": "TOPIC",
            "color": "",
            **{f"associations-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS")},
        }

        assert staff.support.post(address("tag", "add"), form).status_code == 403
        page = staff.editor.get(address("tag", "add")).content.decode()
        form |= {
            f"{prefix}-{name}": 0
            for prefix in ("associations", "tagassociation_set")
            if f"{prefix}-TOTAL_FORMS" in page
            for name in ("TOTAL_FORMS", "INITIAL_FORMS")
        }
        added = staff.editor.post(address("tag", "add"), form)

        assert added.status_code == 302, added.content.decode()[-3000:]
        assert b"Opera" in staff.viewer.get(address("tag")).content
