"""The audit log in the admin: on a tenant's host that tenant's, on the platform's the control plane's."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from apps.kernel.ids import uuid7
from apps.tenancy import binding, origin
from apps.tenancy.models import Account, Home
from apps.tenancy.origin import Actor, Origin
from tests.api import signed_in
from tests.factories import CelebrityFactory, TagFactory

LOG = "/admin/audit/auditentry/"


@pytest.fixture
def staff(tenant) -> Client:
    return signed_in(tenant, "admin")


@pytest.fixture
def operator() -> Client:
    account = Account.objects.create_superuser(f"{uuid7().hex}@people.example", "a long password")
    client = Client(HTTP_HOST=settings.PLATFORM_HOST)
    client.force_login(account)
    client.account = account
    return client


def changed_star(tenant):
    """Somebody who was added by nobody in particular, and weighed by an editor."""
    with binding.bind(tenant, writes="users"):
        star = CelebrityFactory(display_name="Star", display_weight=1)
    with origin.acting(Origin(Actor("person", uuid7(), tenant.id), source="admin")):
        with binding.bind(tenant, writes="users"):
            star.display_weight = 273
            star.display_name = "Renamed"
            star.save(update_fields=["display_weight", "display_name"])
    return star


def page_of(entry, database="users"):
    return f"{LOG}{entry.id}/change/?database={database}"


def shown(reply):
    assert reply.status_code == 200, reply
    return {str(entry.id) for entry in reply.context["cl"].result_list}


class TestList:
    def test_shows_users_to_begin_with(self, tenant, staff, log_of):
        star = changed_star(tenant)

        reply = staff.get(LOG)

        assert {str(entry.id) for entry in log_of(tenant, entity_id=str(star.id))} <= shown(reply)
        assert str(star.id) in reply.content.decode()

    @pytest.mark.parametrize("database", ["control", "media", "commerce", "events", "vault"])
    def test_shows_each_database(self, staff, database):
        assert staff.get(LOG, {"database": database}).status_code == 200

    def test_shows_one_database_at_a_time(self, tenant, staff):
        star = changed_star(tenant)
        with binding.bind(tenant, writes="platform"):
            tag = TagFactory()

        reply = staff.get(LOG, {"database": "platform"}).content.decode()

        assert str(tag.id) in reply
        assert str(star.id) not in reply

    @pytest.mark.parametrize(
        "query", ["", "action__exact=INSERT", "database=control", "database=users&q={id}"]
    )
    def test_shows_no_other_tenant_s(self, tenant, rival, staff, query):
        star = changed_star(rival)
        changed_star(tenant)
        member = signed_in(rival, "viewer").account.memberships.get()

        text = staff.get(f"{LOG}?{query.format(id=star.id)}").content.decode()

        assert str(member.id) not in text
        assert str(rival.id) not in text
        assert query.endswith("{id}") or str(star.id) not in text

    def test_finds_by_object_and_by_actor(self, tenant, staff, log_of):
        star = changed_star(tenant)
        changed_star(tenant)
        added, change = log_of(tenant, entity_id=str(star.id))

        assert shown(staff.get(LOG, {"q": f" {star.id} "})) == {str(added.id), str(change.id)}
        assert shown(staff.get(LOG, {"q": change.actor_id})) == {str(change.id)}
        assert shown(staff.get(LOG, {"q": "nobody"})) == set()

    def test_filters(self, tenant, staff, log_of):
        today = f"{timezone.now().date().isoformat()}T00:00:00Z"
        star = changed_star(tenant)
        added, change = (str(entry.id) for entry in log_of(tenant, entity_id=str(star.id)))
        of_star = {"entity_id": str(star.id)}

        assert shown(staff.get(LOG, {**of_star, "action__exact": "UPDATE"})) == {change}
        assert shown(staff.get(LOG, {**of_star, "source": "admin"})) == {change}
        assert shown(staff.get(LOG, {**of_star, "occurred_at__gte": today})) == {added, change}
        assert shown(staff.get(LOG, {**of_star, "occurred_at__lt": today})) == set()

    def test_asks_one_question_and_counts_nothing(self, tenant, staff, django_assert_num_queries):
        for _ in range(5):
            changed_star(tenant)

        # With the beginning and the end of the block.
        with django_assert_num_queries(3, using="users"):
            staff.get(LOG)

    @pytest.mark.parametrize("role", ["viewer", "support", "editor"])
    def test_is_refused_below_an_admin(self, tenant, role, log_of):
        changed_star(tenant)
        client = signed_in(tenant, role)

        assert client.get(LOG).status_code == 403
        assert client.get(page_of(log_of(tenant)[0])).status_code in {403, 404}
        assert LOG not in client.get("/admin/").content.decode()

    @pytest.mark.parametrize("query", ["database=nowhere", "database=default", "action__exact=%00"])
    def test_answers_nonsense_without_an_error_of_its_own(self, staff, query):
        assert staff.get(f"{LOG}?{query}").status_code in {400, 404}


class TestEntry:
    def test_shows_from_what_to_what(self, tenant, staff, log_of):
        star = changed_star(tenant)
        _, change = log_of(tenant, entity_id=str(star.id))

        text = staff.get(page_of(change)).content.decode()

        row = text[text.index("<th>display_weight</th>") :].partition("</tr>")[0]
        assert "<code>1</code>" in row and "<code>273</code>" in row
        assert "commitment" in text
        assert "Renamed" not in text
        assert str(change.actor_id) in text

    def test_is_reached_from_its_list(self, tenant, staff):
        with binding.bind(tenant, writes="platform"):
            TagFactory()

        text = staff.get(LOG, {"database": "platform"}).content.decode()
        href = text[text.index(f'href="{LOG}0') :].split('"')[1].replace("&amp;", "&")

        assert parse_qs(urlsplit(href).query)["database"] == ["platform"]
        assert staff.get(href).status_code == 200

    def test_escapes_what_others_wrote(self, tenant, staff, log_of):
        with binding.bind(tenant, writes="platform"):
            tag = TagFactory(name="<script>alert(1)</script>")
        (entry,) = log_of(tenant, alias="platform", entity_id=str(tag.id))

        text = staff.get(page_of(entry, "platform")).content.decode()

        assert "&lt;script&gt;alert(1)" in text
        assert "<script>alert(1)" not in text

    def test_records_the_look(self, tenant, staff, log_of):
        changed_star(tenant)
        entry = log_of(tenant)[0]

        staff.get(page_of(entry))

        (look,) = log_of(tenant, entity_type="audit_log")
        assert (look.action, look.entity_id, look.source) == ("READ", str(entry.id), "admin")
        assert look.actor_id == str(staff.account.id)

    def test_of_another_tenant_is_nowhere(self, tenant, rival, staff, log_of):
        changed_star(rival)
        member = signed_in(rival, "viewer").account.memberships.get()
        (added,) = log_of(rival, alias="default", entity_id=str(member.id))

        for entry, database in ((log_of(rival)[0], "users"), (added, "control")):
            assert staff.get(page_of(entry, database)).status_code == 404
        assert staff.get(f"{LOG}{uuid7()}/change/").status_code == 404
        assert staff.get(f"{LOG}not-an-id/change/").status_code == 404
        assert log_of(rival, entity_type="audit_log") == []

    def test_of_another_database_is_nowhere(self, tenant, staff, log_of):
        changed_star(tenant)

        assert staff.get(page_of(log_of(tenant)[0], "media")).status_code == 404

    @pytest.mark.parametrize("page", ["{id}/change/", "{id}/delete/", "{id}/history/", "add/"])
    def test_can_t_be_changed(self, tenant, staff, log_of, page):
        changed_star(tenant)
        entry = log_of(tenant)[0]

        reply = staff.post(f"{LOG}{page.format(id=entry.id)}", {"entity_id": "x", "post": "yes"})

        assert reply.status_code in {403, 404}
        assert log_of(tenant)[0].entity_id == entry.entity_id


class TestHistoryOfARow:
    def test_leads_to_its_entries(self, tenant, staff, log_of):
        star = changed_star(tenant)
        changed_star(tenant)

        page = staff.get(f"/admin/users/profile/{star.id}/change/").content.decode()
        reply = staff.get(f"/admin/users/profile/{star.id}/history/", follow=True)

        assert f"/admin/users/profile/{star.id}/history/" in page
        found = log_of(tenant, entity_id=str(star.id), entity_type="profiles")
        assert shown(reply) == {str(entry.id) for entry in found}
        assert len(found) >= 2

    def test_leads_to_its_database(self, tenant, staff, log_of):
        with binding.bind(tenant, writes="platform"):
            tag = TagFactory()
        (entry,) = log_of(tenant, alias="platform", entity_id=str(tag.id))

        reply = staff.get(f"/admin/platform/tag/{tag.id}/history/", follow=True)

        assert shown(reply) == {str(entry.id)}

    def test_is_not_for_editors(self, tenant):
        star = changed_star(tenant)
        editor = signed_in(tenant, "editor")

        page = editor.get(f"/admin/users/profile/{star.id}/change/").content.decode()

        assert "/history/" not in page
        assert editor.get(f"/admin/users/profile/{star.id}/history/").status_code == 403

    def test_of_another_tenant_s_row_shows_nothing(self, rival, staff):
        star = changed_star(rival)

        reply = staff.get(f"/admin/users/profile/{star.id}/history/", follow=True)

        assert shown(reply) == set()


class TestPlatform:
    def test_shows_the_control_plane_of_all_tenants_and_its_own(
        self, tenant, rival, operator, log_of
    ):
        known = {
            str(entry.id)
            for each in (tenant, rival)
            for entry in log_of(each, alias="default", entity_type="tenancy_tenant")
        }

        assert known <= shown(operator.get(LOG))
        home = Home.objects.create(name=f"t_{uuid7().hex}", kind=Home.Kind.OWN)
        try:
            assert len(shown(operator.get(LOG, {"q": str(home.pk)}))) == 1
        finally:
            home.delete()

    def test_finds_by_tenant(self, tenant, rival, operator, log_of):
        found = shown(operator.get(LOG, {"q": str(tenant.id)}))

        assert {str(entry.id) for entry in log_of(tenant, alias="default")} <= found
        assert not {str(entry.id) for entry in log_of(rival, alias="default")} & found

    def test_shows_an_entry_and_records_the_look(self, tenant, operator, log_of):
        (entry,) = log_of(tenant, alias="default", entity_type="tenancy_tenant")

        reply = operator.get(f"{LOG}{entry.id}/change/")

        assert reply.status_code == 200
        assert tenant.slug in reply.content.decode()
        (look,) = log_of(tenant, alias="default", entity_type="audit_log")
        assert (look.entity_id, look.actor_id) == (str(entry.id), str(operator.account.id))

    def test_can_t_be_changed(self, tenant, operator, log_of):
        (entry,) = log_of(tenant, alias="default", entity_type="tenancy_tenant")

        assert operator.post(f"{LOG}{entry.id}/change/", {"entity_id": "x"}).status_code == 403
        assert operator.post(f"{LOG}{entry.id}/delete/", {"post": "yes"}).status_code in {403, 404}

    def test_is_for_operators(self, tenant):
        owner = signed_in(tenant, "owner")

        assert owner.get(LOG, HTTP_HOST=settings.PLATFORM_HOST).status_code == 302
