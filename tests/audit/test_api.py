"""The audit log over HTTP, as an admin, an editor and another tenant's admin meet it."""

import pytest

from apps.audit.logs import Log
from apps.audit.models import AuditSeal
from apps.kernel.ids import uuid7
from apps.tenancy import binding, origin, reads
from apps.tenancy.models import Membership
from apps.tenancy.origin import Actor, Origin
from tests.api import Caller, client_of, errors_of
from tests.audit import forgery
from tests.factories import CelebrityFactory, TagFactory

LOG = "/api/v1/audit/users/entries"
REQUEST = uuid7()
# Fixed, since it is a part of the names of tests.
NOBODY = "0198c0de-0000-7000-8000-000000000000"
EVERYWHERE = ("control", "users", "media", "commerce", "events", "platform", "vault")


@pytest.fixture
def olga() -> Caller:
    return Caller(name="Olga Admin", role="admin")


@pytest.fixture
def as_admin(tenant, olga):
    return client_of(tenant, olga)


@pytest.fixture
def star(tenant):
    """Somebody who was added, then renamed and weighed by an editor of a known request."""
    with binding.bind(tenant, writes="users"):
        made = CelebrityFactory(display_name="Star", display_weight=1)
    edith = Actor("person", uuid7(), tenant.id)
    with origin.acting(Origin(edith, source="admin", request_id=REQUEST, ip_address="10.1.2.3")):
        with binding.bind(tenant, writes="users"):
            made.display_name, made.display_weight = "Renamed", 2
            made.save(update_fields=["display_name", "display_weight"])
    made.editor = str(edith.id)
    return made


def results(client, url=LOG, **query):
    reply = client.get(url, query)
    assert reply.status_code == 200, reply.content
    return reply.json()["results"]


def looks(log_of, tenant, alias="users"):
    """Who looked at the log: (of what, as whom, at which fields)."""
    found = log_of(tenant, alias=alias, action="READ", entity_type="audit_log")
    return [(each.entity_id, each.actor_id, each.details["fields"]) for each in found]


class TestEntries:
    def test_say_who_what_and_whence_the_newest_first(self, as_admin, star):
        change, added = results(as_admin, entity_id=str(star.id))

        assert (change["action"], added["action"]) == ("UPDATE", "INSERT")
        assert change["actor_id"] == star.editor
        assert (change["source"], change["request_id"]) == ("admin", str(REQUEST))
        assert change["ip_address"] == "10.1.2.3"
        assert change["new_values"]["display_weight"] == 2
        assert "xid" not in change

    def test_keep_what_is_personal_as_a_commitment(self, as_admin, star):
        for entry in results(as_admin, entity_id=str(star.id)):
            assert list(entry["new_values"]["display_name"]) == ["commitment"]
        assert b"Renamed" not in as_admin.get(LOG).content

    def test_page_without_gaps(self, tenant, as_admin):
        with binding.bind(tenant, writes="users"):
            made = {str(CelebrityFactory().id) for _ in range(5)}

        seen, url = [], f"{LOG}?page_size=2&entity_type=profiles&fields=entity_id,occurred_at"
        while url:
            page = as_admin.get(url).json()
            seen += page["results"]
            url = page["next"]

        assert {row["entity_id"] for row in seen} == made
        assert len(seen) == len(made)
        assert all(set(row) == {"entity_id", "occurred_at"} for row in seen)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"action": "UPDATE"}, ["UPDATE"]),
            ({"action": "DELETE"}, []),
            ({"source": "admin"}, ["UPDATE"]),
            ({"actor_type": "person"}, ["UPDATE"]),
            ({"request_id": str(REQUEST)}, ["UPDATE"]),
            ({"request_id": NOBODY}, []),
            ({"entity_type": "blocks"}, []),
            ({"occurred_before": "2020-01-01T00:00:00Z"}, []),
            ({"occurred_from": "2020-01-01T00:00:00Z"}, ["UPDATE", "INSERT"]),
        ],
    )
    def test_are_filtered(self, as_admin, star, query, found):
        rows = results(as_admin, **{"entity_type": "profiles", **query})

        assert [row["action"] for row in rows if row["entity_id"] == str(star.id)] == found

    def test_are_filtered_by_actor_and_by_an_exact_time(self, as_admin, star):
        (change,) = results(as_admin, actor_id=star.editor)
        at = change["occurred_at"]

        assert results(as_admin, actor_id=star.editor, occurred_from=at) == [change]
        assert results(as_admin, actor_id=star.editor, occurred_before=at) == []

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"occurred_from": "yesterday"}, "occurred_from"),
            ({"request_id": "7"}, "request_id"),
            ({"action": "TRUNCATE"}, "action"),
            ({"source": "magic"}, "source"),
            ({"entity_id": "a\x00b"}, "entity_id"),
            ({"entity_id": "x" * 201}, "entity_id"),
            ({"xid": "1"}, "xid"),
            (
                {
                    "occurred_from": "2026-02-01T00:00:00Z",
                    "occurred_before": "2026-01-01T00:00:00Z",
                },
                "occurred_before",
            ),
        ],
    )
    def test_refuse_nonsense_by_name(self, as_admin, query, field):
        reply = as_admin.get(LOG, query)

        assert reply.status_code == 400
        assert errors_of(reply) == {field}

    @pytest.mark.parametrize("database", EVERYWHERE)
    def test_are_read_in_each_database(self, as_admin, database):
        assert as_admin.get(f"/api/v1/audit/{database}/entries").status_code == 200

    @pytest.mark.parametrize("database", ["default", "users_replica", "nowhere", "USERS"])
    def test_of_another_word_are_nowhere(self, as_admin, database):
        assert as_admin.get(f"/api/v1/audit/{database}/entries").status_code == 404

    def test_are_the_databases_own(self, tenant, as_admin, star):
        with binding.bind(tenant, writes="platform"):
            tag = TagFactory()

        platform = results(as_admin, "/api/v1/audit/platform/entries")

        assert str(tag.id) in {row["entity_id"] for row in platform}
        assert str(star.id) not in {row["entity_id"] for row in platform}


class TestWhoMayLook:
    PATHS = (
        "entries",
        f"entries/{NOBODY}",
        f"entries/{NOBODY}/receipt",
        f"history/profiles/{NOBODY}",
        "export",
        "seals",
    )

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize(("role", "status"), [("editor", 403), (None, 403)])
    def test_nobody_below_an_admin(self, tenant, path, role, status):
        client = client_of(tenant, Caller(role=role))

        assert client.get(f"/api/v1/audit/users/{path}").status_code == status
        assert client_of(tenant).get(f"/api/v1/audit/users/{path}").status_code == 401

    def test_in_a_home_one_tenant_s_rows(self, rival, as_admin, star):
        rivals = client_of(rival, Caller(role="admin"))
        entry = results(as_admin, entity_id=str(star.id))[0]["id"]

        assert results(rivals, entity_id=str(star.id)) == []
        foreign, missing = (rivals.get(f"{LOG}/{each}") for each in (entry, uuid7()))
        assert foreign.status_code == missing.status_code == 404
        assert foreign.content == missing.content

    def test_in_the_control_plane_one_tenant_s_rows(self, tenant, rival, as_admin):
        control = "/api/v1/audit/control"
        rivals = client_of(rival, Caller(name="Rita", role="admin"))
        member = str(Membership.objects.get(tenant=rival).id)
        (added,) = results(rivals, f"{control}/entries", entity_id=member)

        assert added["new_values"]["tenant_id"] == str(rival.id)
        assert str(tenant.id) in {
            row["entity_id"] for row in results(as_admin, f"{control}/entries")
        }
        assert results(as_admin, f"{control}/entries", entity_id=member) == []
        assert as_admin.get(f"{control}/entries/{added['id']}").status_code == 404
        assert as_admin.get(f"{control}/history/tenancy_membership/{member}").status_code == 404
        exported = b"".join(as_admin.get(f"{control}/export").streaming_content)
        assert str(tenant.id).encode() in exported
        assert str(rival.id).encode() not in exported


class TestEntry:
    def test_shows_one_and_records_the_look(self, tenant, as_admin, olga, star, log_of):
        (listed,) = results(as_admin, actor_id=star.editor)

        shown = as_admin.get(f"{LOG}/{listed['id']}")

        assert shown.json() == listed
        listing, (what, who, fields) = looks(log_of, tenant)
        assert listing == ("list", str(olga.id), [f"actor_id={star.editor}"])
        assert (what, who) == (listed["id"], str(olga.id))
        assert set(fields) == set(listed)

    def test_records_what_a_list_was_asked_for_but_no_free_text(self, tenant, as_admin, log_of):
        results(as_admin)
        results(as_admin, entity_id="ada@example.com", action="READ")

        assert [fields for _, _, fields in looks(log_of, tenant)] == [
            ["everything"],
            ["action=READ", "entity_id"],
        ]

    def test_records_no_look_at_what_is_not_there(self, tenant, as_admin, log_of):
        assert as_admin.get(f"{LOG}/{uuid7()}").status_code == 404
        assert looks(log_of, tenant) == []

    def test_shows_nothing_when_the_look_can_t_be_recorded(self, as_admin, star, monkeypatch):
        (listed,) = results(as_admin, actor_id=star.editor)
        monkeypatch.setattr(reads, "RECORD", "SELECT missing FROM audit_log WHERE %s = %s")

        refused = as_admin.get(f"{LOG}/{listed['id']}")

        assert refused.status_code == 503
        assert b"display_weight" not in refused.content

    def test_of_the_control_plane_is_recorded_there(self, tenant, as_admin, log_of):
        row = results(as_admin, "/api/v1/audit/control/entries", entity_type="tenancy_tenant")[0]

        assert as_admin.get(f"/api/v1/audit/control/entries/{row['id']}").status_code == 200

        assert [what for what, _, _ in looks(log_of, tenant, "default")] == ["list", row["id"]]
        assert looks(log_of, tenant) == []


class TestHistory:
    def url(self, entity_id, entity_type="profiles"):
        return f"/api/v1/audit/users/history/{entity_type}/{entity_id}"

    def test_says_from_what_to_what(self, as_admin, star):
        change, added = results(as_admin, self.url(star.id))

        changes = {each["field"]: (each["old"], each["new"]) for each in change["changes"]}
        assert changes["display_weight"] == (1, 2)
        before, after = changes["display_name"]
        assert before["commitment"] != after["commitment"]
        assert set(change["changed_fields"]) == set(changes)
        added_values = {each["field"]: each for each in added["changes"]}
        assert added_values["display_weight"] == {"field": "display_weight", "old": None, "new": 1}

    def test_of_a_deleted_row_says_what_it_was(self, tenant, as_admin, star):
        with binding.bind(tenant, writes="users"):
            link = star.short_links.create(slug="the-star", created_on=star.created_on)
            key = str(link.id)
            link.delete()

        gone, _ = results(as_admin, self.url(key, link._meta.db_table))

        assert gone["action"] == "DELETE"
        assert {"field": "profile_id", "old": str(star.id), "new": None} in gone["changes"]

    def test_thins_out(self, as_admin, star):
        rows = results(as_admin, self.url(star.id), fields="action,changes")

        assert all(set(row) == {"action", "changes"} for row in rows)
        assert all(row["changes"] for row in rows)
        assert results(as_admin, self.url(star.id), fields="action")[0] == {"action": "UPDATE"}

    def test_is_recorded(self, tenant, as_admin, olga, star, log_of):
        results(as_admin, self.url(star.id))

        assert looks(log_of, tenant) == [
            (str(star.id), str(olga.id), ["entity_type=profiles", "history"])
        ]

    def test_of_another_tenant_s_row_is_as_of_no_row(self, rival, star):
        rivals = client_of(rival, Caller(role="admin"))
        replies = [rivals.get(self.url(each)) for each in (star.id, uuid7(), "x%00y")]

        assert [reply.status_code for reply in replies] == [404, 404, 400]
        assert replies[0].content == replies[1].content


class TestSeals:
    # Nothing but their statements matters here.
    VALUES = {
        "from_xid": 1,
        "to_xid": 2,
        "entries": 3,
        "key_id": "k1",
        "signature": b"s",
        "entry_ids": b"",
        "leaf_hashes": b"",
    }

    def seal(self, alias, number, **values):
        statement = f'{{"format":"quintet-seal-1","root":"{number:064x}"}}'
        AuditSeal.objects.using(alias).create(
            number=number, statement=statement, **self.VALUES, **values
        )

    @pytest.fixture
    def sealed(self, tenant):
        with binding.bind(tenant, writes="users"):
            for number in (1, 2):
                self.seal("users", number)

    def test_are_listed_with_their_roots(self, as_admin, sealed):
        newest, first = results(as_admin, "/api/v1/audit/users/seals")

        assert (newest["number"], first["number"]) == (2, 1)
        assert first["root"] == f"{1:064x}"
        assert (first["entries"], first["key_id"]) == (3, "k1")
        assert "signature" not in first

    def test_are_one_tenant_s(self, rival, sealed):
        assert results(client_of(rival, Caller(role="admin")), "/api/v1/audit/users/seals") == []

    def test_of_the_control_plane_are_one_tenant_s(self, tenant, rival, as_admin):
        self.seal("default", 1, tenant_id=tenant.id)
        self.seal("default", 7, tenant_id=rival.id)

        seals = results(as_admin, "/api/v1/audit/control/seals")

        assert [seal["number"] for seal in seals] == [1]


class TestReceipt:
    def test_is_refused_until_a_seal_covers_the_entry(self, as_admin, star):
        (listed,) = results(as_admin, actor_id=star.editor)

        reply = as_admin.get(f"{LOG}/{listed['id']}/receipt")

        assert reply.status_code == 409
        assert reply.json()["type"] == "/problems/audit-entry-not-sealed-yet"

    def test_proves_that_the_entry_is_under_a_seal(self, tenant, as_admin, star, log_of):
        (listed,) = results(as_admin, actor_id=star.editor)
        forgery.seal(Log("users", tenant))

        receipt = as_admin.get(f"{LOG}/{listed['id']}/receipt").json()

        (seal,) = results(as_admin, "/api/v1/audit/users/seals")
        assert receipt["entry"]["id"] == listed["id"]
        assert receipt["key_id"] == seal["key_id"]
        assert seal["root"] in receipt["statement"]
        assert receipt["tree_size"] == seal["entries"]
        assert [(what, fields) for what, _, fields in looks(log_of, tenant)] == [
            ("list", [f"actor_id={star.editor}"]),
            (listed["id"], ["receipt"]),
        ]

    def test_of_the_control_plane_is_one_tenant_s(self, rival, as_admin):
        row = results(as_admin, "/api/v1/audit/control/entries")[0]
        url = f"/api/v1/audit/control/entries/{row['id']}/receipt"

        foreign = client_of(rival, Caller(role="admin")).get(url)

        assert as_admin.get(url).status_code == 409
        assert foreign.status_code == 404
        assert foreign.content == as_admin.get(url.replace(row["id"], str(uuid7()))).content
