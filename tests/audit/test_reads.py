"""Who looked at personal data is in the log: what they saw, of whom, and nothing that all may see."""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.kernel.ids import uuid7
from apps.tenancy import binding, reads
from apps.tenancy.errors import UnknownContext, WritesElsewhere
from apps.tenancy.origin import Actor, Origin, acting
from apps.users import operations
from apps.users.models import Profile
from tests.api import Caller, client_of, signed_in
from tests.factories import CelebrityFactory, FollowFactory, GroupFactory
from tests.tenancy.people import forget_everything
from tests.users.test_admin import form_of

PROFILES = "/api/v1/profiles"


@pytest.fixture(autouse=True)
def forgetting():
    forget_everything()


@pytest.fixture
def looks(tenant, log_of):
    """Return a reader of looks: (actor, table, key, columns), in order."""

    def read(*, alias: str = "users"):
        return [
            (entry.actor_id, entry.entity_type, entry.entity_id, set(entry.details["fields"]))
            for entry in log_of(tenant, alias=alias, action="READ")
        ]

    return read


@pytest.fixture
def viewer() -> Caller:
    return Caller(name="Vera Viewer", role="viewer")


@pytest.fixture
def as_viewer(tenant, viewer) -> APIClient:
    return client_of(tenant, viewer)


@pytest.fixture
def make(tenant):
    def make(factory=CelebrityFactory, **values):
        with binding.bind(tenant, writes="users"):
            return factory(**values)

    return make


@pytest.fixture
def shy(make) -> Profile:
    """A celebrity who hides one text from strangers and one from everybody."""
    return make(
        bio="A life.",
        first_name="Sheila",
        company_name="Public Ltd",
        field_privacy={"bio": "private", "first_name": "members", "company_name": "public"},
    )


class TestRecordReads:
    @pytest.mark.parametrize("alias", ["users", "default"])
    def test_writes_an_entry_for_each_row_as_the_origins(self, tenant, log_of, alias):
        actor, ids = uuid7(), [uuid7(), uuid7()]
        origin = Origin(Actor("person", actor), source="admin", session_id="s", ip_address="::1")

        with acting(origin):
            reads.record_reads(
                tenant=tenant, alias=alias, entity_type="things", ids=ids, fields=["b", "a"]
            )

        entries = log_of(tenant, alias=alias, action="READ")
        assert {entry.entity_id for entry in entries} == {str(id_) for id_ in ids}
        for entry in entries:
            assert (entry.actor_type, entry.actor_id, entry.source) == (
                "person",
                str(actor),
                "admin",
            )
            assert entry.details == {"fields": ["a", "b"]}

    def test_writes_nothing_for_no_rows(self, tenant, log_of):
        reads.record_reads(tenant=tenant, alias="users", entity_type="x", ids=[], fields=["a"])

        assert log_of(tenant, action="READ") == []

    def test_is_refused_inside_a_block_that_only_reads(self, tenant):
        with pytest.raises(WritesElsewhere), binding.bind(tenant):
            reads.record_reads(
                tenant=tenant, alias="users", entity_type="x", ids=[uuid7()], fields=["a"]
            )

    def test_knows_no_database_without_a_log(self, tenant):
        with pytest.raises(UnknownContext):
            reads.record_reads(tenant=tenant, alias="x", entity_type="x", ids=["1"], fields=["a"])


class TestProfiles:
    def test_logs_what_staff_see_that_is_hidden_from_others(self, shy, as_viewer, viewer, looks):
        shown = as_viewer.get(f"{PROFILES}/{shy.id}").json()

        assert (shown["bio"], shown["first_name"]) == ("A life.", "Sheila")
        assert looks() == [(str(viewer.id), "profiles", str(shy.id), {"bio", "first_name"})]

    def test_logs_what_other_members_see_that_the_public_does_not(self, tenant, shy, looks):
        other = Caller(name="Otto Other")

        shown = client_of(tenant, other).get(f"{PROFILES}/{shy.id}").json()

        assert (shown["bio"], shown["first_name"]) == ("", "Sheila")
        assert looks() == [(str(other.id), "profiles", str(shy.id), {"first_name"})]

    def test_logs_only_columns_that_were_asked_for(self, shy, as_viewer, looks):
        as_viewer.get(f"{PROFILES}/{shy.id}?fields=display_name,bio")

        assert [fields for *_, fields in looks()] == [{"bio"}]

    def test_logs_nothing_of_what_everybody_sees(self, tenant, make, shy, as_viewer, looks):
        open_one = make(bio="Read me.")

        as_viewer.get(f"{PROFILES}/{open_one.id}")
        as_viewer.get(f"{PROFILES}/{shy.id}?fields=display_name,company_name")
        client_of(tenant).get(f"{PROFILES}/{shy.id}")

        assert looks() == []

    def test_logs_nothing_of_ones_own_profiles_and_groups(self, tenant, make, looks):
        me = Caller(name="Mia", role="viewer")
        mine = make(keycloak_id=me.id, bio="Mine.", field_privacy={"bio": "private"})
        group = make(GroupFactory, owner=mine, bio="Ours.", field_privacy={"bio": "private"})
        draft = make(GroupFactory, owner=mine, status="DRAFT", is_approved=None)
        client = client_of(tenant, me)

        for id_ in (mine.id, group.id, draft.id):
            assert client.get(f"{PROFILES}/{id_}").status_code == 200
            assert client.get(f"{PROFILES}/{id_}/status-history").status_code == 200
        client.get("/api/v1/me")

        assert looks() == []

    @pytest.mark.parametrize("status", ["DRAFT", "SUSPENDED", "INACTIVE"])
    def test_logs_every_text_of_a_profile_that_is_not_public(self, make, as_viewer, looks, status):
        hidden = make(status=status, bio="Not yet.", display_name="Somebody")

        as_viewer.get(f"{PROFILES}/{hidden.id}?fields=bio,display_name,title,status")

        assert [fields for *_, fields in looks()] == [{"bio", "display_name"}]

    def test_logs_deleted_ones_that_staff_list(self, tenant, make, as_viewer, looks):
        gone = make(display_name="Gone")
        with binding.bind(tenant, writes="users"):
            operations.delete_profile(profile_id=gone.id, deleted_on=gone.created_on)

        as_viewer.get(f"{PROFILES}?is_deleted=true&fields=display_name")

        assert [(key, fields) for _, _, key, fields in looks()] == [
            (str(gone.id), {"display_name"})
        ]

    def test_lists_with_one_query_more_however_many_are_seen(self, tenant, make, as_viewer, looks):
        def queries() -> int:
            with CaptureQueriesContext(connections["users"]) as captured:
                assert as_viewer.get(PROFILES).status_code == 200
            return len(captured)

        as_viewer.get(PROFILES)
        make(bio="x", field_privacy={"bio": "private"})
        with_one = queries()
        for number in range(6):
            make(
                bio="x",
                title="y",
                field_privacy={"bio": "private"} | ({"title": "members"} if number % 2 else {}),
            )

        assert queries() == with_one
        assert len(looks()) == 1 + 7

    def test_a_304_and_a_head_show_nothing(self, shy, as_viewer, looks):
        url = f"{PROFILES}/{shy.id}"
        etag = as_viewer.get(url)["ETag"]

        assert as_viewer.get(url, HTTP_IF_NONE_MATCH=etag).status_code == 304
        assert as_viewer.head(url).status_code == 200

        assert len(looks()) == 1

    def test_is_not_sent_if_it_can_not_be_logged(self, shy, as_viewer, looks, monkeypatch):
        # As a log without the function would refuse; the statement is the real one but for its name.
        monkeypatch.setattr(reads, "RECORD", reads.RECORD.replace("record_reads", "no_such_log"))

        refused = as_viewer.get(f"{PROFILES}/{shy.id}")

        assert refused.status_code == 503
        assert refused.json()["type"] == "/problems/read-not-recorded"
        assert b"A life." not in refused.content
        assert looks() == []

    def test_a_change_is_undone_if_what_it_shows_can_not_be_logged(self, tenant, shy, monkeypatch):
        as_editor = client_of(tenant, Caller(role="editor"))
        monkeypatch.setattr(reads, "RECORD", reads.RECORD.replace("record_reads", "no_such_log"))

        refused = as_editor.patch(f"{PROFILES}/{shy.id}", {"title": "Dr."}, format="json")

        assert refused.status_code == 503
        with binding.bind(tenant):
            assert Profile.objects.get(id=shy.id).title == ""

    def test_logs_what_the_reply_to_a_change_shows_once(self, tenant, shy, looks):
        editor = Caller(role="editor")
        url = f"{PROFILES}/{shy.id}"
        client = client_of(tenant, editor)

        client.patch(url, {"title": "Dr."}, format="json", HTTP_IF_MATCH="*")
        client.delete(url, HTTP_IF_MATCH="*")

        assert looks() == [(str(editor.id), "profiles", str(shy.id), {"bio", "first_name"})]


class TestWhatIsSomebodysOwnBusiness:
    @pytest.mark.parametrize(
        ("path", "shows"),
        [
            ("privacy", "field_privacy"),
            ("status-history", "status_history"),
            ("followers", "followers"),
            ("following", "following"),
        ],
    )
    def test_is_logged_when_staff_look(self, make, as_viewer, viewer, looks, path, shows):
        star = make()

        assert as_viewer.get(f"{PROFILES}/{star.id}/{path}").status_code == 200

        assert looks() == [(str(viewer.id), "profiles", str(star.id), {shows})]

    def test_is_not_logged_when_refused(self, tenant, make, looks):
        star = make()

        client = client_of(tenant, Caller())

        assert client.get(f"{PROFILES}/{star.id}/followers").status_code == 403
        assert looks() == []

    @pytest.mark.parametrize(
        ("path", "shows"),
        [("images", "images"), ("offers", "offers"), ("short-links", "short_links")],
    )
    def test_what_hangs_on_a_profile_is_logged_while_it_is_not_public(
        self, make, as_viewer, looks, path, shows
    ):
        hidden, public = make(status="SUSPENDED"), make()

        for star in (hidden, public):
            assert as_viewer.get(f"{PROFILES}/{star.id}/{path}").status_code == 200

        assert [(key, fields) for _, _, key, fields in looks()] == [(str(hidden.id), {shows})]

    def test_referral_codes_of_others_are_logged(self, tenant, make, looks):
        me = Caller(role="viewer")
        mine, star = make(keycloak_id=me.id), make()
        with binding.bind(tenant, writes="users"):
            own, theirs = (
                operations.create_referral_code(
                    profile_id=profile.id, code=code, note="n", created_on=profile.created_on
                )
                for profile, code in ((mine, "MINE1234"), (star, "THEIRS12"))
            )

        shown = client_of(tenant, me).get("/api/v1/referral-codes").json()["results"]

        assert {row["id"] for row in shown} == {str(own.id), str(theirs.id)}
        assert looks() == [(str(me.id), "referral_codes", str(theirs.id), {"code", "note"})]


class TestControlPlane:
    def test_logs_whose_names_and_addresses_staff_list(self, tenant, viewer, as_viewer, looks):
        owner = Caller(name="Olga Owner", role="owner")
        client_of(tenant, owner)

        as_viewer.get("/api/v1/members")

        assert looks(alias="default") == [
            (str(viewer.id), "tenancy_account", str(owner.id), {"email", "name"})
        ]

    def test_logs_whose_addresses_were_invited(self, tenant, looks):
        admin = Caller(role="owner")
        client = client_of(tenant, admin)
        made = client.post(
            "/api/v1/invitations", {"email": "guest@people.example", "role": "viewer"}
        ).json()

        client.get("/api/v1/invitations?fields=role")
        client.get(f"/api/v1/invitations/{made['id']}")

        look = (str(admin.id), "tenancy_invitation", made["id"], {"email"})
        assert looks(alias="default") == [look, look]

    def test_is_not_sent_if_it_can_not_be_logged(self, tenant, as_viewer, monkeypatch):
        client_of(tenant, Caller(name="Olga Owner", role="owner"))
        monkeypatch.setattr(reads, "RECORD", reads.RECORD.replace("record_reads", "no_such_log"))

        assert as_viewer.get("/api/v1/members").status_code == 503


class TestAdmin:
    def test_logs_the_rows_of_a_list_and_what_a_page_shows(self, tenant, make, looks, log_of):
        star = make(bio="x")
        with binding.bind(tenant, writes="users"):
            link = operations.create_short_link(
                profile_id=star.id, slug="a-star", created_on=star.created_on
            )
        staff = signed_in(tenant, "admin")

        assert staff.get("/admin/users/profile/").status_code == 200
        assert staff.get(f"/admin/users/profile/{star.id}/change/").status_code == 200

        columns = set(reads.personal_columns(Profile))
        of_star = [fields for _, _, key, fields in looks() if key == str(star.id)]
        of_link = [look[1:] for look in looks() if look[2] == str(link.id)]
        assert of_star == [{"display_name"}, columns]
        assert of_link == [("profile_short_links", str(link.id), {"slug"})]
        assert len(looks()) == 3
        assert {entry.source for entry in log_of(tenant, action="READ")} == {"admin"}

    def test_logs_nothing_of_tables_without_personal_columns(self, tenant, make, looks):
        make(FollowFactory)
        staff = signed_in(tenant, "admin")

        assert staff.get("/admin/users/fanfollow/").status_code == 200

        assert looks() == []

    def test_logs_nothing_of_a_form_that_was_saved(self, tenant, make, looks):
        star = make()
        staff = signed_in(tenant, "admin")

        saved = staff.post(f"/admin/users/profile/{star.id}/change/", form_of(star))

        assert saved.status_code == 302
        assert looks() == []

    def test_is_not_sent_if_it_can_not_be_logged(self, tenant, make, monkeypatch):
        make(display_name="Nobody sees")
        staff = signed_in(tenant, "admin")
        monkeypatch.setattr(reads, "RECORD", reads.RECORD.replace("record_reads", "no_such_log"))

        page = staff.get("/admin/users/profile/")

        assert page.status_code == 503
        assert b"Nobody sees" not in page.content
