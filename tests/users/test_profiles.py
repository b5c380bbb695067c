"""The rules of the profiles table, its histories, and what erasing leaves."""

import pytest
from django.db import IntegrityError, ProgrammingError, connections, transaction
from django.utils import timezone
from psycopg import errors as pg

from apps.kernel.ids import uuid7
from apps.tenancy import binding
from apps.tenancy.roles import as_owner
from apps.users import interface, operations
from apps.users.models import (
    FanFollowChange,
    IdempotencyKey,
    Preferences,
    Profile,
    ProfileImage,
    ProfileShortLink,
    ProfileStatusHistory,
    ProfileTag,
)
from tests.factories import (
    CelebrityFactory,
    FanFactory,
    FollowFactory,
    GroupFactory,
    TagFactory,
)


@pytest.mark.usefixtures("bound")
class TestProfileTable:
    @pytest.mark.parametrize(
        ("make", "values"),
        [
            (FanFactory, {"bio": "x"}),
            (FanFactory, {"display_weight": 1}),
            (FanFactory, {"is_approved": True}),
            (FanFactory, {"keycloak_id": None}),
            (FanFactory, {"profile_type": "ROBOT"}),
            (FanFactory, {"status": "ODD"}),
            (FanFactory, {"display_name": ""}),
            (FanFactory, {"is_deleted": True}),
            (FanFactory, {"erased_at": timezone.now()}),
            (CelebrityFactory, {"is_approved": True}),
            (GroupFactory, {"keycloak_id": uuid7()}),
            (GroupFactory, {"first_name": "x"}),
            (GroupFactory, {"is_approved": None}),
        ],
    )
    def test_refuses_what_does_not_go_together(self, make, values):
        with pytest.raises(IntegrityError), transaction.atomic(using="users"):
            make(**values)

    def test_holds_one_profile_of_each_type_for_a_person(self):
        person = uuid7()
        FanFactory(keycloak_id=person)
        CelebrityFactory(keycloak_id=person)
        with pytest.raises(IntegrityError), transaction.atomic(using="users"):
            FanFactory(keycloak_id=person)


class TestStatusHistory:
    def test_notes_every_status_however_it_was_written(self, tenant):
        actor = uuid7()
        with binding.bind(tenant, writes="users", actor=binding.Actor("person", actor)):
            celebrity = CelebrityFactory(status="PENDING")
            operations.change_status(
                profile_id=celebrity.id, status="ACTIVE", updated_at=timezone.now()
            )
            Profile.objects.filter(id=celebrity.id).update(status="SUSPENDED")
            Profile.objects.filter(id=celebrity.id).update(status="SUSPENDED", title="x")
            rows = list(ProfileStatusHistory.objects.order_by("id").values("status", "meta_data"))

        assert [row["status"] for row in rows] == ["PENDING", "ACTIVE", "SUSPENDED"]
        assert rows[1]["meta_data"] == {"old": "PENDING", "actor": str(actor)}

    @pytest.mark.parametrize("model", [ProfileStatusHistory, FanFollowChange])
    def test_can_not_be_written_changed_or_deleted_by_the_run_time_role(
        self, tenant, committed, model
    ):
        committed(FollowFactory)
        table = model._meta.db_table

        for statement in (
            f"UPDATE {table} SET occurred_on = now()",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f"INSERT INTO {table} SELECT * FROM {table}",
        ):
            with (
                pytest.raises(ProgrammingError) as refusal,
                binding.bind(tenant, writes="users"),
                connections["users"].cursor() as cursor,
            ):
                cursor.execute(statement)
            assert isinstance(refusal.value.__cause__, pg.InsufficientPrivilege)

    def test_can_not_be_changed_by_the_owner_either(self, tenant, committed):
        committed(FollowFactory)
        with as_owner(aliases=["users"], home=tenant.schema_name):
            for statement in (
                "UPDATE fan_follow_changes SET occurred_on = now()",
                "DELETE FROM profile_status_history",
                "TRUNCATE fan_follow_changes",
            ):
                with (
                    pytest.raises(ProgrammingError, match="append-only"),
                    connections["users"].cursor() as cursor,
                ):
                    cursor.execute(statement)


class TestErasePerson:
    @pytest.fixture
    def erased(self, tenant, committed):
        person = uuid7()
        with binding.bind(tenant, writes="platform"):
            tag = TagFactory().id

        def work():
            fan = FanFactory(keycloak_id=person, display_name="Erika Mustermann")
            star = CelebrityFactory(
                keycloak_id=person, display_name="Erika M.", bio="life", meta_data={"x": 1}
            )
            group = GroupFactory(owner=star)
            operations.set_tags(profile_id=star.id, tag_ids=[tag])
            operations.set_images(
                profile_id=star.id,
                images=[{"image_type": "PROFILE", "url": "https://img.example/erika.jpg"}],
                created_on=timezone.now(),
            )
            operations.create_short_link(
                profile_id=star.id, slug="erika", created_on=timezone.now()
            )
            operations.create_referral_code(
                profile_id=star.id, code="ERIKA10", created_on=timezone.now()
            )
            operations.set_preferences(
                profile_id=fan.id, changes={"locale": "de"}, updated_at=timezone.now()
            )
            FollowFactory(fan=fan)
            FollowFactory(celebrity=star)
            for actor, reply in ((person, b"{}"), (uuid7(), f'["{star.id}"]'.encode())):
                IdempotencyKey.objects.create(
                    actor_id=actor, key="k", request_hash="", status_code=201, reply=reply
                )
            IdempotencyKey.objects.create(
                actor_id=uuid7(), key="k", request_hash="", status_code=201, reply=b"{}"
            )
            return fan, star, group

        made = committed(work)
        removed = committed(
            lambda: operations.erase_person(keycloak_id=person, erased_at=timezone.now())
        )
        assert removed["profiles"] == 2
        return person, *made

    def test_leaves_nothing_personal_in_any_table(self, tenant, erased):
        person, *_ = erased
        with (
            as_owner(aliases=["users"], home=tenant.schema_name),
            connections["users"].cursor() as cursor,
        ):
            cursor.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = %s",
                [tenant.schema_name],
            )
            for (table,) in cursor.fetchall():
                cursor.execute(
                    f'SELECT count(*) FROM "{table}" t WHERE t.tenant_id = %s '
                    "AND (t::text ILIKE '%%erika%%' OR t::text ILIKE %s)",
                    [tenant.id, f"%{person}%"],
                ) if table != "django_migrations" else cursor.execute("SELECT 0")
                assert cursor.fetchone() == (0,), table

    def test_leaves_tombstones_that_references_find(self, erased, bound):
        _, fan, star, group = erased
        found = interface.get_profiles(ids={fan.id, star.id})
        assert {summary.is_tombstone for summary in found.values()} == {True}
        assert interface.existing_profile_ids(ids={fan.id, star.id}) == set()
        group.refresh_from_db()
        assert group.owner_id is None

    def test_ends_follows_and_keeps_their_history(self, erased, bound):
        _, fan, star, _ = erased
        actions = FanFollowChange.objects.filter(fan=fan).order_by("id")
        assert list(actions.values_list("change__action", flat=True)) == ["FOLLOWED", "UNFOLLOWED"]
        for tombstone in (fan, star):
            counters = Profile.objects.get(id=tombstone.id).counters
            assert (counters.follower_count, counters.following_count) == (0, 0)

    def test_removes_what_hung_on_the_profiles_and_the_replies_that_show_them(self, erased, bound):
        for model in (ProfileTag, ProfileImage, ProfileShortLink, Preferences):
            assert not model.objects.exists()
        assert IdempotencyKey.objects.count() == 1

    def test_lets_the_person_come_again_as_somebody_new(self, erased, bound):
        person, fan, *_ = erased
        again = operations.ensure_fan_profile(
            keycloak_id=person, display_name="", created_on=timezone.now()
        )
        assert again.id != fan.id
        assert again.display_name == "Fan"

    def test_works_over_the_api_and_only_for_oneself(self, as_person, as_stranger):
        as_person.post("/api/v1/me", {})
        as_stranger.post("/api/v1/me", {})

        assert as_person.delete("/api/v1/me").status_code == 204
        assert as_person.get("/api/v1/me").json()["fan"] is None
        assert as_stranger.get("/api/v1/me").json()["fan"] is not None


class TestInterface:
    def test_returns_what_is_there_and_nothing_of_others(self, tenant, rival):
        with binding.bind(rival, writes="users"):
            theirs = FanFactory().id
        with binding.bind(tenant, writes="users"):
            own = FanFactory()
            assert set(interface.get_profiles(ids={own.id, theirs, uuid7()})) == {own.id}
            people = interface.profiles_of_person(keycloak_ids={own.keycloak_id, uuid7()})
        assert people[own.keycloak_id].ids == {own.id}
