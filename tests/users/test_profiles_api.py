"""The profiles API, as everybody, a person and an editor meet it."""

from uuid import UUID

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from apps.kernel.ids import uuid7
from apps.tenancy import binding
from apps.tenancy.roles import as_owner
from apps.users import operations, queries
from apps.users.models import Profile
from tests.api import Caller, client_of, errors_of
from tests.factories import CelebrityFactory, FanFactory, GroupFactory, TagFactory

PROFILES = "/api/v1/profiles"


class TestListProfiles:
    def test_orders_by_weight_and_pages_without_gaps(self, committed, as_anybody):
        made = committed(
            lambda: [CelebrityFactory(display_weight=weight % 3).id for weight in range(7)]
        )

        seen, url, weights = [], f"{PROFILES}?page_size=3&profile_type=CELEBRITY", []
        while url:
            page = as_anybody.get(url).json()
            seen += [row["id"] for row in page["results"]]
            weights += [row["display_weight"] for row in page["results"]]
            url = page["next"]

        assert sorted(seen) == sorted(str(id_) for id_ in made)
        assert weights == sorted(weights, reverse=True)

    def test_shows_others_than_staff_only_what_is_active(self, committed, as_anybody, as_editor):
        def work():
            CelebrityFactory(status="PENDING")
            GroupFactory(status="PENDING", is_approved=None)
            operations.delete_profile(
                profile_id=(deleted := CelebrityFactory()).id, deleted_on=deleted.created_on
            )
            return CelebrityFactory().id

        shown = committed(work)

        assert [row["id"] for row in as_anybody.get(PROFILES).json()["results"]] == [str(shown)]
        assert len(as_editor.get(PROFILES).json()["results"]) == 3
        assert len(as_editor.get(f"{PROFILES}?is_deleted=true").json()["results"]) == 1

    def test_keeps_to_its_tenant(self, tenant, rival, committed, as_editor):
        with binding.bind(rival, writes="users"):
            theirs = CelebrityFactory()

        assert as_editor.get(PROFILES).json()["results"] == []
        missing = as_editor.get(f"{PROFILES}/{uuid7()}")
        other = as_editor.get(f"{PROFILES}/{theirs.id}")
        assert other.status_code == missing.status_code == 404
        assert other.content == missing.content

    @pytest.mark.parametrize("count", [1, 50])
    def test_expanding_tags_costs_the_same_for_any_number_of_rows(
        self, tenant, committed, as_anybody, count
    ):
        with binding.bind(tenant, writes="platform"):
            tags = [TagFactory().id for _ in range(3)]

        def work():
            for _ in range(count):
                operations.set_tags(profile_id=CelebrityFactory().id, tag_ids=tags)

        committed(work)

        with (
            CaptureQueriesContext(connections["users"]) as users,
            CaptureQueriesContext(connections["platform"]) as platform,
        ):
            page = as_anybody.get(f"{PROFILES}?expand=tags").json()

        assert len(page["results"]) == count
        assert {tag["id"] for tag in page["results"][0]["tags"]} == set(map(str, tags))
        reads = [
            query["sql"]
            for query in (*users.captured_queries, *platform.captured_queries)
            if query["sql"].startswith("SELECT")
        ]
        assert len(reads) == 4  # profiles, tag ids, images; tags

    def test_answers_with_only_the_fields_asked_for(self, committed, as_anybody):
        committed(CelebrityFactory)

        [row] = as_anybody.get(f"{PROFILES}?fields=id,display_name").json()["results"]

        assert set(row) == {"id", "display_name"}

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("profile_type=ROBOT", "profile_type"),
            ("tag=not-an-id", "tag"),
            ("ordering=bio", "ordering"),
            ("ordering=relevance", "ordering"),
            ("fields=secret", "fields"),
            ("expand=secrets", "expand"),
            ("page_size=0", "page_size"),
            ("page_size=99999999999999999999", "page_size"),
            ("cursor=tampered", "cursor"),
            ("is_deleted=true", "is_deleted"),
            ("is_deleted=perhaps", "is_deleted"),
            ("is_followed=true", "is_followed"),
            ("keycloak_id=018f0000-0000-7000-8000-000000000000", "keycloak_id"),
            ("nonsense=1", "nonsense"),
            ("search=" + "x" * 10_000, "search"),
            ("store_code=%00", "store_code"),
        ],
    )
    def test_names_the_parameter_that_is_wrong(self, as_anybody, query, field):
        response = as_anybody.get(f"{PROFILES}?{query}")

        assert response.status_code == 400
        assert errors_of(response) == {field}

    def test_refuses_a_cursor_of_another_ordering(self, committed, as_anybody):
        committed(lambda: CelebrityFactory.create_batch(3))
        page = as_anybody.get(f"{PROFILES}?page_size=1").json()

        response = as_anybody.get(f"{page['next']}&ordering=display_name")

        assert response.status_code == 400
        assert errors_of(response) == {"cursor"}

    def test_filters_by_what_the_caller_follows(self, committed, as_person):
        followed, other = committed(lambda: CelebrityFactory.create_batch(2))
        as_person.put(f"{PROFILES}/{followed.id}/follow", {})

        [row] = as_person.get(f"{PROFILES}?is_followed=true").json()["results"]
        rest = as_person.get(f"{PROFILES}?is_followed=false&profile_type=CELEBRITY").json()

        assert row["id"] == str(followed.id)
        assert [row["id"] for row in rest["results"]] == [str(other.id)]


class TestDirectoryPlan:
    def test_reads_a_page_by_weight_off_one_index(self, tenant):
        with binding.bind(tenant, writes="users"):
            Profile.objects.bulk_create(CelebrityFactory.build_batch(1_000))
            Profile.objects.bulk_create(FanFactory.build_batch(2_000))
        with (
            as_owner(aliases=["users"], home=tenant.schema_name),
            connections["users"].cursor() as cursor,
        ):
            cursor.execute("ANALYZE profiles")
            cursor.execute("ANALYZE profile_counters")

        with binding.bind(tenant):
            page = queries.with_counts(queries.profiles(viewer=queries.Viewer()))
            page = page.filter(profile_type="CELEBRITY").order_by("-display_weight", "-id")
            plan = page.values("id", "display_name", "follower_count")[:50].explain()

        assert "Index Scan using profiles_directory" in plan
        assert "Sort" not in plan


class TestCreateProfile:
    def test_makes_a_celebrity_for_an_editor(self, as_editor):
        response = as_editor.post(
            PROFILES, {"profile_type": "CELEBRITY", "display_name": "Ada", "bio": "Counts."}
        )

        assert response.status_code == 201
        row = response.json()
        assert response["Location"] == f"{PROFILES}/{row['id']}"
        assert (row["status"], row["follower_count"]) == ("PENDING", 0)

    def test_gives_a_person_a_group_of_their_own_that_is_not_seen_yet(self, as_person, as_anybody):
        made = as_person.post(PROFILES, {"profile_type": "GROUP", "display_name": "Our band"})

        assert made.status_code == 201, made.content
        assert made.json()["owner_id"] == as_person.get("/api/v1/me").json()["fan"]["id"]
        url = f"{PROFILES}/{made.json()['id']}"
        assert as_anybody.get(url).status_code == 404
        assert as_person.get(url).status_code == 200

    def test_refuses_a_second_profile_of_a_type(self, as_editor):
        body = {"profile_type": "FAN", "display_name": "F", "keycloak_id": str(uuid7())}
        assert as_editor.post(PROFILES, body).status_code == 201

        response = as_editor.post(PROFILES, body)

        assert response.status_code == 409
        assert errors_of(response) == {"keycloak_id"}

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"display_name": "x"}, "profile_type"),
            ({"profile_type": "ROBOT", "display_name": "x"}, "profile_type"),
            ({"profile_type": "FAN", "display_name": "x", "bio": "none"}, "bio"),
            ({"profile_type": "GROUP", "display_name": "x", "first_name": "none"}, "first_name"),
            ({"profile_type": "CELEBRITY", "display_name": ""}, "display_name"),
            ({"profile_type": "CELEBRITY", "display_name": "x" * 256}, "display_name"),
            ({"profile_type": "CELEBRITY", "display_name": "a\x00b"}, "display_name"),
            ({"profile_type": "CELEBRITY", "display_name": ["x"]}, "display_name"),
            ({"profile_type": "CELEBRITY", "display_name": "x", "colour": "red"}, "colour"),
            (
                {"profile_type": "CELEBRITY", "display_name": "x", "display_weight": 2**80},
                "display_weight",
            ),
            ({"profile_type": "CELEBRITY", "display_name": "x", "meta_data": [1]}, "meta_data"),
            (
                {"profile_type": "CELEBRITY", "display_name": "x", "meta_data": {"a": "\x00"}},
                "meta_data",
            ),
            (
                {
                    "profile_type": "GROUP",
                    "display_name": "x",
                    "parent_group_id": "018f0000-0000-7000-8000-000000000000",
                },
                "parent_group_id",
            ),
            (
                {
                    "profile_type": "GROUP",
                    "display_name": "x",
                    "owner_id": "018f0000-0000-7000-8000-000000000000",
                },
                "owner_id",
            ),
        ],
    )
    def test_names_the_field_that_is_wrong(self, as_editor, body, field):
        response = as_editor.post(PROFILES, body, format="json")

        assert response.status_code == 400, response.content
        assert errors_of(response) == {field}

    @pytest.mark.parametrize(
        "body", [b"{", b"[]", b'"x"', b"null", b'{"display_name": "\\ud800"}', b"\xff\xfe"]
    )
    def test_refuses_a_body_that_can_not_be_read(self, as_editor, body):
        response = as_editor.post(PROFILES, body, content_type="application/json")

        assert response.status_code == 400, response.content
        assert response["Content-Type"] == "application/problem+json"

    def test_keeps_editors_fields_from_others(self, as_person):
        response = as_person.post(
            PROFILES, {"profile_type": "CELEBRITY", "display_name": "Me", "display_weight": 99}
        )

        assert response.status_code == 403
        assert errors_of(response) == {"display_weight"}

    def test_refuses_to_point_at_another_tenants_group(self, rival, as_editor):
        with binding.bind(rival, writes="users"):
            theirs = GroupFactory()

        response = as_editor.post(
            PROFILES,
            {"profile_type": "GROUP", "display_name": "x", "parent_group_id": str(theirs.id)},
        )

        assert response.status_code == 400
        assert errors_of(response) == {"parent_group_id"}

    def test_carries_out_a_repeated_request_once(self, as_editor):
        body = {"profile_type": "GROUP", "display_name": "Once"}
        first = as_editor.post(PROFILES, body, HTTP_IDEMPOTENCY_KEY="k-1")
        again = as_editor.post(PROFILES, body, HTTP_IDEMPOTENCY_KEY="k-1")
        other = as_editor.post(
            PROFILES, {**body, "display_name": "Twice"}, HTTP_IDEMPOTENCY_KEY="k-1"
        )

        assert first.status_code == again.status_code == 201
        assert first.content == again.content
        assert again["Location"] == first["Location"]
        assert other.status_code == 422
        kept = as_editor.get("/api/v1/idempotency-keys/k-1").json()
        assert (kept["status_code"], kept["reply"]) == (201, first.json())
        assert as_editor.get("/api/v1/idempotency-keys/k-2").status_code == 404

    def test_asks_who_it_is(self, as_anybody):
        response = as_anybody.post(PROFILES, {"profile_type": "FAN", "display_name": "x"})

        assert response.status_code in {401, 403}


class TestChangeProfile:
    def test_lets_a_person_change_their_own_and_nobody_elses(
        self, committed, person, as_person, as_stranger
    ):
        own = committed(lambda: CelebrityFactory(keycloak_id=person.id))
        url = f"{PROFILES}/{own.id}"

        assert as_person.patch(url, {"title": "Doctor"}).json()["title"] == "Doctor"
        assert as_stranger.patch(url, {"title": "Fool"}).status_code == 403
        assert as_stranger.delete(url).status_code == 403

    def test_refuses_a_group_that_would_be_its_own_ancestor(self, committed, as_editor):
        top = committed(GroupFactory)
        middle = committed(lambda: GroupFactory(parent_group_id=top.id))
        bottom = committed(lambda: GroupFactory(parent_group_id=middle.id))

        for parent in (top, middle, bottom):
            response = as_editor.patch(f"{PROFILES}/{top.id}", {"parent_group_id": str(parent.id)})
            assert response.status_code == 400, response.content
            assert errors_of(response) == {"parent_group_id"}

    def test_refuses_what_was_changed_since_it_was_read(self, committed, as_editor):
        url = f"{PROFILES}/{committed(CelebrityFactory).id}"
        etag = as_editor.get(url)["ETag"]

        assert as_editor.patch(url, {"title": "A"}, HTTP_IF_MATCH=etag).status_code == 200
        assert as_editor.patch(url, {"title": "B"}, HTTP_IF_MATCH=etag).status_code == 412
        assert as_editor.get(url).json()["title"] == "A"

    def test_deletes_softly_and_restores(self, committed, as_editor, as_anybody):
        url = f"{PROFILES}/{committed(CelebrityFactory).id}"

        assert as_editor.delete(url).status_code == 204
        assert as_anybody.get(url).status_code == as_editor.get(url).status_code == 404
        assert as_editor.delete(url).status_code == 404
        assert as_editor.post(f"{url}/restore").status_code == 200
        assert as_anybody.get(url).status_code == 200


class TestApproval:
    def test_makes_a_group_visible(self, committed, as_editor, as_anybody, as_person):
        group = committed(lambda: GroupFactory(status="PENDING", is_approved=None))
        url = f"{PROFILES}/{group.id}"

        assert as_editor.patch(url, {"status": "ACTIVE"}).status_code == 409
        assert as_person.post(f"{url}/approve").status_code == 403
        assert as_editor.post(f"{url}/approve").json()["is_approved"] is True
        assert as_anybody.get(url).status_code == 200
        assert as_editor.post(f"{url}/reject").json()["status"] == "REJECTED"
        assert as_anybody.get(url).status_code == 404

    def test_is_for_groups(self, committed, as_editor):
        response = as_editor.post(f"{PROFILES}/{committed(FanFactory).id}/approve")

        assert response.status_code == 409


class TestPrivacy:
    def test_shows_each_viewer_what_is_for_them(
        self, committed, person, as_person, as_editor, as_stranger, as_anybody
    ):
        own = committed(
            lambda: CelebrityFactory(
                keycloak_id=person.id, bio="life", title="Dr", company_name="Lab"
            )
        )
        url = f"{PROFILES}/{own.id}"
        levels = {"bio": "members", "title": "private"}
        assert as_person.put(f"{url}/privacy", levels).json() == levels

        def seen(client):
            row = client.get(url).json()
            return row["bio"], row["title"], row["company_name"]

        assert seen(as_person) == seen(as_editor) == ("life", "Dr", "Lab")
        assert seen(as_stranger) == ("life", "", "Lab")
        assert seen(as_anybody) == ("", "", "Lab")
        assert as_anybody.get(url).json()["keycloak_id"] is None
        assert as_person.get(url).json()["keycloak_id"] == str(person.id)

    def test_hides_tags_from_the_filter_too(
        self, tenant, committed, person, as_person, as_anybody, as_stranger
    ):
        with binding.bind(tenant, writes="platform"):
            tag = TagFactory().id
        own = committed(lambda: CelebrityFactory(keycloak_id=person.id))
        as_person.put(f"{PROFILES}/{own.id}/tags", {"tag_ids": [str(tag)]})
        as_person.put(f"{PROFILES}/{own.id}/privacy", {"tag_ids": "members"})

        assert as_anybody.get(f"{PROFILES}?tag={tag}").json()["results"] == []
        assert as_anybody.get(f"{PROFILES}/{own.id}?expand=tags").json()["tags"] == []
        assert len(as_stranger.get(f"{PROFILES}?tag={tag}").json()["results"]) == 1

    def test_refuses_levels_and_fields_that_are_none(self, committed, person, as_person):
        own = committed(lambda: CelebrityFactory(keycloak_id=person.id))

        response = as_person.put(
            f"{PROFILES}/{own.id}/privacy", {"bio": "friends", "status": "private"}
        )

        assert response.status_code == 400
        assert errors_of(response) & {"bio", "status"}


class TestSearch:
    @pytest.fixture
    def found(self, as_anybody):
        def search(text: str) -> list[str]:
            response = as_anybody.get(PROFILES, {"search": text})
            assert response.status_code == 200, response.content
            return [row["display_name"] for row in response.json()["results"]]

        return search

    def test_finds_beginnings_accents_and_misspellings(self, committed, found):
        committed(
            lambda: [
                CelebrityFactory(display_name=name)
                for name in ("Søren Kjær", "Marisol Quintéro", "Barty Finch")
            ]
        )

        assert found("mari") == ["Marisol Quintéro"]
        assert found("QUINTERO") == ["Marisol Quintéro"]
        assert found("barty fnch") == ["Barty Finch"]

    def test_ranks_names_before_tags(self, tenant, committed, found):
        with binding.bind(tenant, writes="platform"):
            tag = TagFactory(name="Guitar", keywords=["strings"]).id

        def work():
            tagged = CelebrityFactory(display_name="Ana Lopez", display_weight=9)
            operations.set_tags(profile_id=tagged.id, tag_ids=[tag])
            CelebrityFactory(display_name="Guitar Hero")
            CelebrityFactory(display_name="Nobody")

        committed(work)

        assert found("guitar") == ["Guitar Hero", "Ana Lopez"]
        assert found("strings") == ["Ana Lopez"]

    def test_does_not_search_what_is_hidden(self, committed, found):
        committed(
            lambda: CelebrityFactory(
                display_name="Plain", title="Astronaut", field_privacy={"title": "members"}
            )
        )

        assert found("astronaut") == []

    def test_keeps_to_its_tenant_and_to_what_is_visible(self, rival, committed, found):
        with binding.bind(rival, writes="users"):
            CelebrityFactory(display_name="Zephyrine")
        committed(lambda: CelebrityFactory(display_name="Zephyrine", status="PENDING"))

        assert found("zephyrine") == []

    @pytest.mark.parametrize(
        "text", ["&|!:*()<->", "'", "\\", "   ", "%", "a' & b:*", "🎸", "!" * 200]
    )
    def test_survives_any_text(self, committed, found, text):
        committed(lambda: CelebrityFactory(display_name="Somebody"))

        assert isinstance(found(text), list)

    def test_pages_through_a_ranking(self, committed, as_anybody):
        committed(lambda: CelebrityFactory.create_batch(5, display_name="Twin"))

        seen, url = set(), f"{PROFILES}?search=twin&page_size=2"
        while url:
            page = as_anybody.get(url).json()
            seen |= {row["id"] for row in page["results"]}
            url = page["next"]

        assert len(seen) == 5


class TestDetails:
    @pytest.fixture
    def url(self, committed, person) -> str:
        own = committed(lambda: CelebrityFactory(keycloak_id=person.id))
        return f"{PROFILES}/{own.id}"

    def test_sets_images_and_keeps_those_that_stay(self, url, as_person, as_anybody):
        one = {"image_type": "PROFILE", "url": "https://img.example/1.jpg"}
        two = {"image_type": "BANNER", "url": "https://img.example/2.jpg"}
        [kept] = as_person.put(f"{url}/images", {"images": [one]}).json()["images"]

        as_person.put(f"{url}/images", {"images": [one, two]})

        images = as_anybody.get(f"{url}/images").json()["results"]
        assert {image["url"] for image in images} == {one["url"], two["url"]}
        assert kept["id"] in {image["id"] for image in images}

    @pytest.mark.parametrize("address", ["http://img.example/1.jpg", "javascript:alert(1)", ""])
    def test_takes_images_from_secure_addresses_only(self, url, as_person, address):
        body = {"images": [{"image_type": "PROFILE", "url": address}]}

        response = as_person.put(f"{url}/images", body)

        assert response.status_code == 400
        assert errors_of(response) == {"images.0.url"}

    def test_refuses_tags_that_are_none(self, rival, url, as_person):
        with binding.bind(rival, writes="platform"):
            theirs = TagFactory().id

        response = as_person.put(f"{url}/tags", {"tag_ids": [str(theirs)]})

        assert response.status_code == 400
        assert errors_of(response) == {"tag_ids"}

    def test_leads_from_a_slug_to_the_profile(self, url, as_person, as_anybody, as_editor):
        made = as_person.post(f"{url}/short-links", {"slug": "Ada-Lovelace"})
        assert made.status_code == 201 and made.json()["slug"] == "ada-lovelace"

        assert as_anybody.get(made["Location"]).json()["id"] == url.rsplit("/", 1)[1]
        gone = as_anybody.get("/go/ADA-lovelace")
        assert (gone.status_code, gone["Location"]) == (302, url)
        taken = as_person.post(f"{url}/short-links", {"slug": "ada-lovelace"})
        assert taken.status_code == 409 and errors_of(taken) == {"slug"}
        assert as_person.delete(f"{url}/short-links/ada-lovelace").status_code == 204
        assert as_anybody.get("/go/ada-lovelace").status_code == 404

    @pytest.mark.parametrize("slug", ["-a", "a--b", "ä", "a/b", "a b", "a\n"])
    def test_refuses_slugs_that_would_not_do_in_an_address(self, url, as_person, slug):
        response = as_person.post(f"{url}/short-links", {"slug": slug}, format="json")

        if slug == "a\n":  # surrounding space is cut off, as in every text
            assert response.status_code == 201
        else:
            assert response.status_code == 400 and errors_of(response) == {"slug"}

    def test_sets_and_withdraws_an_offer(self, url, as_person, as_anybody):
        terms = {"price": 4500, "currency": "USD", "delivery_days": 3}
        first = as_person.put(f"{url}/offers/SHOUTOUT", terms).json()
        second = as_person.put(f"{url}/offers/SHOUTOUT", {**terms, "price": 5000}).json()

        assert first["id"] == second["id"] and second["price"] == 5000
        assert len(as_anybody.get(f"{url}/offers").json()["results"]) == 1
        assert as_person.delete(f"{url}/offers/SHOUTOUT").status_code == 204
        assert as_person.delete(f"{url}/offers/SHOUTOUT").status_code == 404

    @pytest.mark.parametrize(
        ("change", "field"),
        [({"price": -1}, "price"), ({"price": 2**70}, "price"), ({"currency": "usd"}, "currency")],
    )
    def test_names_what_is_wrong_with_an_offer(self, url, as_person, change, field):
        response = as_person.put(f"{url}/offers/CAMEO", {"price": 1, "currency": "EUR", **change})

        assert response.status_code == 400
        assert errors_of(response) == {field}

    def test_sets_a_groups_celebrities(self, committed, as_editor, as_anybody):
        group = committed(GroupFactory)
        one, two = committed(lambda: CelebrityFactory.create_batch(2))
        fan = committed(FanFactory)
        address = f"{PROFILES}/{group.id}/celebrities"

        as_editor.put(address, {"celebrity_ids": [str(one.id), str(two.id)]})
        assert len(as_anybody.get(address).json()["results"]) == 2
        as_editor.put(address, {"celebrity_ids": [str(two.id)]})
        assert [row["id"] for row in as_anybody.get(address).json()["results"]] == [str(two.id)]
        assert len(as_anybody.get(f"{PROFILES}?group={group.id}").json()["results"]) == 1
        refused = as_editor.put(address, {"celebrity_ids": [str(fan.id)]})
        assert refused.status_code == 400 and errors_of(refused) == {"celebrity_ids"}

    def test_shows_the_history_to_the_person_and_to_staff(
        self, url, as_person, as_editor, as_stranger
    ):
        as_editor.patch(url, {"status": "SUSPENDED"})

        for client in (as_person, as_editor):
            history = client.get(f"{url}/status-history").json()["results"]
            assert [row["status"] for row in history] == ["SUSPENDED", "ACTIVE"]
        as_editor.patch(url, {"status": "ACTIVE"})
        assert as_stranger.get(f"{url}/status-history").status_code == 403


class TestMe:
    def test_has_nothing_until_the_first_write(self, tenant, as_person, person):
        assert as_person.get("/api/v1/me").json() == {
            "keycloak_id": str(person.id),
            "role": None,
            "fan": None,
            "celebrity": None,
            "preferences": None,
        }

        made = as_person.post("/api/v1/me", {})
        again = as_person.post("/api/v1/me", {})

        assert (made.status_code, again.status_code) == (201, 200)
        assert made.json()["fan"]["id"] == again.json()["fan"]["id"]
        assert made.json()["fan"]["display_name"] == "Pia Person"

    def test_changes_names_and_preferences(self, as_person):
        changed = as_person.patch(
            "/api/v1/me",
            {
                "first_name": "Pia",
                "preferences": {"locale": "pt-BR", "time_zone": "Europe/Lisbon"},
            },
        )

        assert changed.status_code == 200, changed.content
        assert changed.json()["fan"]["first_name"] == "Pia"
        assert changed.json()["preferences"]["time_zone"] == "Europe/Lisbon"

    @pytest.mark.parametrize(
        ("preferences", "field"),
        [({"time_zone": "Mars/Olympus"}, "time_zone"), ({"locale": "??"}, "locale")],
    )
    def test_names_a_bad_preference(self, as_person, preferences, field):
        response = as_person.patch("/api/v1/me", {"preferences": preferences})

        assert response.status_code == 400
        assert errors_of(response) == {field}

    def test_becoming_a_celebrity_loses_no_follow(self, committed, as_person, as_editor):
        celebrity = committed(CelebrityFactory)
        as_person.put(f"{PROFILES}/{celebrity.id}/follow", {})

        me = as_person.post("/api/v1/me/celebrity", {"display_name": "Star"}).json()

        assert me["fan"]["following_count"] == 1
        assert me["celebrity"]["status"] == "PENDING"
        again = as_person.post("/api/v1/me/celebrity", {"display_name": "Star"})
        assert again.status_code == 409


class TestReferralCodes:
    def test_are_made_listed_and_used_once(self, tenant, as_person, as_stranger):
        made = as_person.post("/api/v1/referral-codes", {"max_uses": 1})
        code = made.json()["code"]
        latecomer = client_of(tenant, Caller())

        assert as_stranger.post(f"/api/v1/referral-codes/{code}/use").status_code == 204
        assert as_stranger.post(f"/api/v1/referral-codes/{code}/use").status_code == 204
        assert latecomer.post(f"/api/v1/referral-codes/{code}/use").status_code == 409
        assert as_person.post(f"/api/v1/referral-codes/{code}/use").status_code == 400
        assert latecomer.post("/api/v1/referral-codes/NONE/use").status_code == 404
        [row] = as_person.get("/api/v1/referral-codes").json()["results"]
        assert row["use_count"] == 1
        assert as_stranger.get("/api/v1/referral-codes").json()["results"] == []
        UUID(row["profile_id"])

    def test_refuses_a_code_that_exists(self, as_person):
        assert as_person.post("/api/v1/referral-codes", {"code": "hello1"}).status_code == 201

        taken = as_person.post("/api/v1/referral-codes", {"code": "HELLO1"})

        assert taken.status_code == 409 and errors_of(taken) == {"code"}
