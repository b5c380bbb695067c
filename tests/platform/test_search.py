"""Search: what is found, in which order, by whom; and that messages keep it true."""

from uuid import UUID, uuid5

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from apps.kernel.ids import uuid7
from apps.platform import operations, queries
from apps.platform.models import RealtimeGroup, SearchDocument
from apps.platform.models.search import Kind
from apps.platform.operations import search
from apps.platform.operations.search import Found
from apps.platform.queries.search import SEARCH_LIMIT
from apps.tenancy import binding, erasure, relay
from apps.users import operations as users
from tests.api import Caller, client_of, errors_of
from tests.conftest import admin
from tests.factories import TagFactory

SEARCH = "/api/v1/search"
HANDLER = "platform.index_search"


def put(tenant, title, *, kind=Kind.TAG, version=1, entity_id=None, **values):
    """Write a document; return the id of its entity."""
    entity_id = entity_id or uuid7()
    with binding.bind(tenant, writes="platform"):
        search.write_document(
            kind=kind,
            entity_id=entity_id,
            found=Found(title=title, **values),
            version=version,
            updated_at=timezone.now(),
        )
    return entity_id


def deliver(tenant):
    for context in ("users", "platform"):
        relay.relay(tenant=tenant, context=context, handlers=[HANDLER])


def found(client, query="", **parameters):
    reply = client.get(SEARCH, {"q": query, **parameters})
    assert reply.status_code == 200, reply.content
    return [row["title"] for row in reply.json()["results"]]


def rows(tenant):
    with binding.bind(tenant):
        return list(SearchDocument.objects.order_by("id").values())


@pytest.fixture
def anybody(tenant):
    return client_of(tenant)


@pytest.fixture
def fan(tenant):
    return client_of(tenant, Caller())


def make_celebrity(tenant, **values):
    with binding.bind(tenant, writes="users"):
        return users.create_profile(
            profile_type="CELEBRITY",
            values={"keycloak_id": uuid7(), "status": "ACTIVE", **values},
            created_on=timezone.now(),
        )


class TestRanking:
    def test_puts_titles_before_keywords_before_bodies(self, tenant, anybody):
        put(tenant, "In a body", body="opera", weight=900)
        put(tenant, "In keywords", keywords="opera", weight=500)
        put(tenant, "Opera")

        assert found(anybody, "opera") == ["Opera", "In keywords", "In a body"]

    def test_puts_whole_words_before_beginnings_before_what_is_alike(self, tenant, anybody):
        put(tenant, "Guitra", weight=900)
        put(tenant, "Guitarists", weight=500)
        put(tenant, "Guitar")

        assert found(anybody, "guitar") == ["Guitar", "Guitarists", "Guitra"]

    def test_puts_weight_before_age(self, tenant, anybody):
        put(tenant, "Opera one", weight=1)
        put(tenant, "Opera three", weight=3)
        put(tenant, "Opera two", weight=2)

        assert found(anybody, "opera") == ["Opera three", "Opera two", "Opera one"]

    def test_wants_every_word(self, tenant, anybody):
        put(tenant, "Night Opera")
        put(tenant, "Night Train")

        assert found(anybody, "opera night") == ["Night Opera"]

    @pytest.mark.parametrize(
        "query", ["bjornson", "BJÖRNSON", "  Björnson! ", "bjo", "Bjornsen", "Bjornsson"]
    )
    def test_finds_a_name_despite_accents_cases_and_slips(self, tenant, anybody, query):
        put(tenant, "Björnson")
        put(tenant, "Somebody else")

        assert found(anybody, query) == ["Björnson"]

    def test_finds_the_heaviest_where_all_carry_the_word(self, tenant, anybody):
        with binding.bind(tenant, writes="platform"):
            SearchDocument.objects.bulk_create(
                SearchDocument(
                    kind=Kind.TAG, entity_id=uuid7(), title=f"Common {n:03}", weight=n % 100
                )
                for n in range(600)
            )

        first = anybody.get(SEARCH, {"q": "common", "page_size": 200}).json()

        weights = [int(row["title"][-3:]) % 100 for row in first["results"]]
        assert weights == sorted(weights, reverse=True)
        assert len(weights) == SEARCH_LIMIT
        assert min(weights) >= 66
        assert first["next"] is None

    def test_pages_neither_repeat_nor_skip(self, tenant, anybody):
        for n in range(9):
            put(tenant, f"Opera {n}", weight=n % 3)
        put(tenant, "Operas", weight=50)
        whole = found(anybody, "opera")

        paged, url = [], f"{SEARCH}?q=opera&page_size=3"
        while url:
            page = anybody.get(url).json()
            paged += [row["title"] for row in page["results"]]
            url = page["next"]

        assert len(whole) == 10
        assert paged == whole


class TestFilters:
    def test_keep_a_kind(self, tenant, anybody):
        put(tenant, "Opera", kind=Kind.TAG)
        put(tenant, "Opera singer", kind=Kind.PROFILE)

        assert found(anybody, "opera", kind="users.Profile") == ["Opera singer"]

    def test_keep_a_tag_under_any_of_its_ids(self, tenant, anybody):
        at = timezone.now()
        with binding.bind(tenant, writes="platform"):
            old = operations.create_tag(
                values={"name": "Soccer", "tag_type": "SPORT"}, created_on=at
            )
            new = operations.create_tag(
                values={"name": "Football", "tag_type": "SPORT"}, created_on=at
            )
        put(tenant, "Tagged player", kind=Kind.PROFILE, tag_ids=(old.id,))
        put(tenant, "Other player", kind=Kind.PROFILE)
        with binding.bind(tenant, writes="platform"):
            operations.merge_tags(tag_id=old.id, into_tag_id=new.id, merged_at=at)

        for tag in (old.id, new.id):
            assert found(anybody, "player", tag=str(tag)) == ["Tagged player"]
            assert found(anybody, tag=str(tag)) == ["Tagged player"]
        assert found(anybody, "player", tag=str(uuid7())) == []

    @pytest.mark.parametrize(
        ("parameters", "field"),
        [
            ({"q": "x" * 10_000}, "q"),
            ({"q": "a\x00b"}, "q"),
            ({"kind": "users.Nothing", "q": "a"}, "kind"),
            ({"tag": "none", "q": "a"}, "tag"),
            ({"colour": "red"}, "colour"),
            ({"q": "a", "cursor": "x"}, "cursor"),
            ({"q": "a", "page_size": "0"}, "page_size"),
        ],
    )
    def test_name_the_value_that_is_wrong(self, anybody, parameters, field):
        reply = anybody.get(SEARCH, parameters)

        assert reply.status_code == 400
        assert errors_of(reply) == {field}

    def test_say_how_long_a_text_may_be(self, anybody):
        reply = anybody.get(SEARCH, {"q": "x" * 10_000})

        assert "at most 200 characters" in reply.json()["errors"][0]["detail"]

    @pytest.mark.parametrize(
        "query", ["", "   ", "& | ! <-> :*", "%", "_", "'", "\\", "(", "\t\n", "' | ''", "--;"]
    )
    def test_find_nothing_by_what_holds_no_word(self, tenant, anybody, query):
        put(tenant, "Opera")

        assert found(anybody, query) == []

    @pytest.mark.parametrize(
        "query", ["opera'", "opera:*", "opera & night", "ope\\ra", "\U0001f600"]
    )
    def test_take_operators_for_spaces(self, tenant, anybody, query):
        put(tenant, "Opera")

        assert set(found(anybody, query)) <= {"Opera"}

    @pytest.mark.parametrize("around", ["%20{}", "{}%20%20", "%20%20"])
    def test_take_a_tag_with_blanks_around_it(self, tenant, anybody, around):
        with binding.bind(tenant, writes="platform"):
            tag_id = TagFactory().id
        put(tenant, "Chess", tag_ids=(tag_id,))

        reply = anybody.get(f"{SEARCH}?q=chess&tag={around.format(tag_id)}")

        assert [row["title"] for row in reply.json()["results"]] == ["Chess"]


class TestWhoFinds:
    def test_only_staff_find_what_is_not_public(self, tenant, anybody, fan):
        put(tenant, "Opera singer", kind=Kind.PROFILE, is_public=False)
        staff = client_of(tenant, Caller(role="viewer"))

        assert found(anybody, "opera") == []
        assert found(fan, "opera") == []
        assert found(staff, "opera") == ["Opera singer"]

    def test_a_look_of_staff_at_what_is_not_public_is_logged(self, tenant):
        profile = make_celebrity(tenant, display_name="Opera Singer", status="PENDING")
        deliver(tenant)
        staff = client_of(tenant, Caller(role="viewer"))

        assert found(staff, "opera") == ["Opera Singer"]

        with binding.bind(tenant), connections["users"].cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM audit_log WHERE action = 'READ' AND entity_id = %s",
                [str(profile.id)],
            )
            assert cursor.fetchone() == (1,)

    def test_groups_are_found_by_people_who_have_signed_in(self, tenant, anybody, fan):
        put(tenant, "Opera friends", kind=Kind.GROUP)

        assert found(anybody, "opera") == []
        assert found(anybody, "opera", kind=str(Kind.GROUP)) == []
        assert found(fan, "opera") == ["Opera friends"]

    def test_nobody_finds_another_tenant_s(self, tenant, rival, fan):
        entity_id = put(rival, "Opera", tag_ids=(uuid7(),))
        put(tenant, "Operetta")

        assert found(fan, "opera") == ["Operetta"]
        with binding.bind(tenant):
            assert uuid5(entity_id, Kind.TAG) not in queries.find(text="opera")

    def test_the_filter_in_the_function_is_a_wall_of_its_own(self, tenant, rival):
        put(rival, "Opera")
        put(rival, "Opra")

        with binding.bind(tenant):
            assert queries.find(text="opera", public_only=False) == {}

    def test_would_find_another_tenant_s_without_that_filter(self, tenant, rival):
        put(rival, "Opra")
        with (
            admin(database=connections["platform"].settings_dict["NAME"]) as connection,
            connection.transaction(force_rollback=True),
        ):
            connection.execute(f"SET LOCAL search_path = {tenant.schema_name}, extensions")
            connection.execute(f"SET LOCAL app.tenant_id = '{tenant.id}'")
            find = "SELECT count(*) FROM find_documents('opera', NULL, NULL, false, true, 9)"
            (definition,) = connection.execute(
                "SELECT pg_get_functiondef('find_documents'::regproc)"
            ).fetchone()

            assert connection.execute(find).fetchone() == (0,)
            connection.execute(definition.replace("d.tenant_id = bound", "true"))
            assert connection.execute(find).fetchone() != (0,)


class TestMessages:
    def test_bring_a_profile_in_and_keep_it_true(self, tenant, anybody):
        profile = make_celebrity(tenant, display_name="Ada Song", bio="sings", title="Soprano")
        deliver(tenant)
        assert found(anybody, "soprano") == ["Ada Song"]

        with binding.bind(tenant, writes="users"):
            users.update_profile(
                profile_id=profile.id,
                changes={"display_name": "Ada Aria"},
                updated_at=timezone.now(),
            )
        deliver(tenant)

        assert found(anybody, "song") == []
        assert found(anybody, "aria") == ["Ada Aria"]

    @pytest.mark.parametrize("level", ["private", "members"])
    def test_leave_out_what_a_person_hides(self, tenant, level):
        profile = make_celebrity(
            tenant,
            display_name="Ada",
            bio="secretbio",
            title="secrettitle",
            company_name="secretco",
        )
        with binding.bind(tenant, writes="users"):
            users.set_privacy(
                profile_id=profile.id,
                privacy=dict.fromkeys(["bio", "title", "company_name", "tag_ids"], level),
                updated_at=timezone.now(),
            )
        deliver(tenant)

        assert "secret" not in str(rows(tenant))
        assert len(rows(tenant)) == 1

    def test_take_away_a_deleted_profile_and_bring_it_back(self, tenant, anybody):
        profile = make_celebrity(tenant, display_name="Ada")
        with binding.bind(tenant, writes="users"):
            users.delete_profile(profile_id=profile.id, deleted_on=timezone.now())
        deliver(tenant)
        assert rows(tenant) == []

        with binding.bind(tenant, writes="users"):
            users.restore_profile(profile_id=profile.id, restored_at=timezone.now())
        deliver(tenant)
        assert found(anybody, "ada") == ["Ada"]

    def test_leave_no_byte_of_somebody_who_was_erased(self, tenant):
        profile = make_celebrity(tenant, display_name="Zyxwv Unique", bio="Zyxwv too")
        deliver(tenant)
        assert len(rows(tenant)) == 1

        erasure.erase_in_tenant(
            tenant=tenant, person_id=profile.keycloak_id, erased_at=timezone.now()
        )
        deliver(tenant)

        assert rows(tenant) == []

    def test_of_before_an_erasure_bring_nothing_back(self, tenant):
        profile = make_celebrity(tenant, display_name="Zyxwv Unique")
        erasure.erase_in_tenant(
            tenant=tenant, person_id=profile.keycloak_id, erased_at=timezone.now()
        )

        deliver(tenant)

        assert rows(tenant) == []

    def test_that_are_older_never_have_the_last_word(self, tenant):
        entity_id = put(tenant, "New", version=5)
        put(tenant, "Old", version=4, entity_id=entity_id)

        assert [(row["title"], row["version"]) for row in rows(tenant)] == [("New", 5)]

    def test_bring_tags_in_with_their_aliases(self, tenant, anybody):
        at = timezone.now()
        with binding.bind(tenant, writes="platform"):
            old, new = (
                operations.create_tag(values={"name": name, "tag_type": "SPORT"}, created_on=at)
                for name in ("Soccer", "Football")
            )
            operations.merge_tags(tag_id=old.id, into_tag_id=new.id, merged_at=at)
        deliver(tenant)
        assert found(anybody, "soccer") == ["Football"]
        assert len(rows(tenant)) == 1

        with binding.bind(tenant, writes="platform"):
            operations.delete_tag(tag_id=new.id)
        deliver(tenant)
        assert rows(tenant) == []

    def test_bring_open_groups_in_and_take_away_those_by_invitation(self, tenant, fan):
        maker, at = make_celebrity(tenant, display_name="Maker"), timezone.now()
        with binding.bind(tenant, writes="platform"):
            group = operations.create_group(
                values={"name": "Opera lovers", "group_type": "CHAT"},
                created_by_id=maker.id,
                created_on=at,
            )
        deliver(tenant)
        assert found(fan, "opera") == ["Opera lovers"]

        with binding.bind(tenant, writes="platform"):
            operations.update_group(
                group_id=group.id, changes={"joining": "INVITED"}, updated_at=at
            )
        deliver(tenant)
        assert found(fan, "opera") == []
        with binding.bind(tenant):
            assert RealtimeGroup.objects.count() == 1

    def test_replayed_give_the_same_rows(self, tenant):
        at = timezone.now()
        gone = make_celebrity(tenant, display_name="Gone")
        make_celebrity(tenant, display_name="Ada", bio="sings", display_weight=7)
        with binding.bind(tenant, writes="users"):
            users.delete_profile(profile_id=gone.id, deleted_on=at)
        with binding.bind(tenant, writes="platform"):
            operations.create_tag(values={"name": "Opera", "tag_type": "TOPIC"}, created_on=at)
        deliver(tenant)
        before = rows(tenant)
        put(tenant, "A stray", entity_id=UUID(int=7))

        call_command("replay_messages", "--handler", HANDLER, "--tenant", tenant.slug)
        deliver(tenant)

        assert len(before) == 2
        assert rows(tenant) == before
