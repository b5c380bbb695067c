"""Tags: the taxonomy, and merging without losing what is tagged."""

from uuid import UUID

import pytest

from apps.kernel.ids import uuid7
from apps.platform import interface
from apps.tenancy import binding
from apps.users import operations as users
from tests.api import Caller, client_of, errors_of
from tests.factories import CelebrityFactory

TAGS = "/api/v1/tags"


@pytest.fixture
def as_editor(tenant):
    return client_of(tenant, Caller(role="editor"))


@pytest.fixture
def as_anybody(tenant):
    return client_of(tenant)


@pytest.fixture
def make(as_editor):
    def make(name: str, **values):
        response = as_editor.post(TAGS, {"name": name, "tag_type": "TOPIC", **values})
        assert response.status_code == 201, response.content
        return response.json()

    return make


class TestTags:
    def test_are_made_listed_and_found(self, make, as_anybody):
        bees = make("Bees", keywords=["Honey", "honey"], color="#eab308")
        make("Opera")

        assert bees["keywords"] == ["honey"]
        names = [row["name"] for row in as_anybody.get(TAGS).json()["results"]]
        assert names == ["Bees", "Opera"]
        for query in ("search=ee", "search=HONEY", "keyword=Honey", "tag_type=TOPIC&search=be"):
            found = as_anybody.get(f"{TAGS}?{query}").json()["results"]
            assert [row["id"] for row in found] == [bees["id"]]

    def test_go_with_each_other(self, make, as_editor, as_anybody):
        one, two = make("One"), make("Two")
        url = f"{TAGS}/{one['id']}"

        changed = as_editor.patch(url, {"associated_tag_ids": [two["id"]]}).json()

        assert changed["associated_tag_ids"] == [two["id"]]
        [expanded] = as_anybody.get(f"{url}?expand=associated_tags").json()["associated_tags"]
        assert expanded["name"] == "Two"
        assert as_editor.patch(url, {"associated_tag_ids": []}).json()["associated_tag_ids"] == []

    def test_have_one_name_per_type_whatever_the_case(self, make, as_editor):
        make("Chess")
        other = make("Opera")

        for response in (
            as_editor.post(TAGS, {"name": "CHESS", "tag_type": "TOPIC"}),
            as_editor.patch(f"{TAGS}/{other['id']}", {"name": "chess"}),
        ):
            assert response.status_code == 409
            assert errors_of(response) == {"name"}
        assert as_editor.post(TAGS, {"name": "Chess", "tag_type": "SPORT"}).status_code == 201

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": "a\x00"}, "name"),
            ({"tag_type": "MOOD"}, "tag_type"),
            ({"color": "red"}, "color"),
            ({"thumbnail": "http://x.example/a.png"}, "thumbnail"),
            ({"keywords": ["a\x00"]}, "keywords.0"),
            (
                {"associated_tag_ids": ["018f0000-0000-7000-8000-000000000000"]},
                "associated_tag_ids",
            ),
            ({"colour": "#ffffff"}, "colour"),
        ],
    )
    def test_name_the_field_that_is_wrong(self, as_editor, body, field):
        response = as_editor.post(TAGS, {"name": "T", "tag_type": "TOPIC", **body})

        assert response.status_code == 400
        assert errors_of(response) == {field}

    def test_are_changed_by_editors_only(self, tenant, make):
        tag = make("Bees")
        for caller in (Caller(), Caller(role="support")):
            client = client_of(tenant, caller)
            assert client.post(TAGS, {"name": "X", "tag_type": "TOPIC"}).status_code == 403
            assert client.delete(f"{TAGS}/{tag['id']}").status_code == 403


class TestMerge:
    def test_lets_old_ids_mean_the_tag_that_is_left(self, tenant, make, as_editor, as_anybody):
        soccer, football, kick = make("Soccer"), make("Football"), make("Kicking")
        with binding.bind(tenant, writes="users"):
            celebrity = CelebrityFactory()
            users.set_tags(profile_id=celebrity.id, tag_ids=[UUID(soccer["id"])])

        assert (
            as_editor.post(f"{TAGS}/{kick['id']}/merge", {"into_tag_id": soccer["id"]}).status_code
            == 200
        )
        merged = as_editor.post(f"{TAGS}/{soccer['id']}/merge", {"into_tag_id": football["id"]})

        assert merged.status_code == 200
        assert merged.json()["keywords"] == ["soccer", "kicking"]
        for old in (soccer, kick):
            assert as_anybody.get(f"{TAGS}/{old['id']}").json()["id"] == football["id"]
        row = as_anybody.get(f"/api/v1/profiles/{celebrity.id}?expand=tags").json()
        assert [tag["name"] for tag in row["tags"]] == ["Football"]
        for id_ in (soccer["id"], football["id"], kick["id"]):
            found = as_anybody.get(f"/api/v1/profiles?tag={id_}").json()["results"]
            assert [row["id"] for row in found] == [str(celebrity.id)]
        found = as_anybody.get("/api/v1/profiles?search=football").json()["results"]
        assert [row["id"] for row in found] == [str(celebrity.id)]

    def test_moves_associations_and_frees_the_name(self, make, as_editor):
        target, friend = make("Football"), make("Goals")
        source = make("Soccer", associated_tag_ids=[friend["id"], target["id"]])

        url = f"{TAGS}/{source['id']}"
        merged = as_editor.post(f"{url}/merge", {"into_tag_id": target["id"]}).json()

        assert merged["associated_tag_ids"] == [friend["id"]]
        assert as_editor.patch(url, {"name": "x"}).status_code == 404
        make("Soccer")

    def test_refuses_itself_and_what_is_not_there(self, make, as_editor):
        tag = make("Bees")
        for other in (tag["id"], str(uuid7())):
            response = as_editor.post(f"{TAGS}/{tag['id']}/merge", {"into_tag_id": other})
            assert response.status_code == 400
            assert errors_of(response) == {"into_tag_id"}

    def test_deleting_the_tag_takes_its_aliases_with_it(self, tenant, make, as_editor):
        old, new = make("Old"), make("New")
        as_editor.post(f"{TAGS}/{old['id']}/merge", {"into_tag_id": new["id"]})

        assert as_editor.delete(f"{TAGS}/{new['id']}").status_code == 204

        with binding.bind(tenant):
            assert interface.get_tags(ids={UUID(old["id"]), UUID(new["id"])}) == {}
