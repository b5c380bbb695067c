"""What the users context records: who changed, by id and state, and nothing personal."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.kernel import messages
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from apps.users import contracts, operations
from apps.users.models import DomainEvent, Profile
from tests.factories import CelebrityFactory, FanFactory, FollowFactory, GroupFactory

NOW = timezone.now()


def recorded(kind: str = "ProfileChanged") -> list:
    """The messages of a kind, in the order of their recording."""
    events = DomainEvent.objects.filter(kind=f"users.{kind}").order_by("occurred_at", "version")
    return [messages.from_payload(event.kind, event.payload) for event in events]


def changes() -> list[str]:
    return [message.change for message in recorded()]


@pytest.fixture
def fan(bound):
    return FanFactory()


@pytest.fixture
def celebrity(bound):
    return CelebrityFactory()


class TestProfileChanged:
    def test_tells_a_profile_s_life(self, bound):
        made = operations.create_profile(
            profile_type="CELEBRITY",
            values={"keycloak_id": uuid7(), "display_name": "Ada"},
            created_on=NOW,
        )
        operations.update_profile(profile_id=made.id, changes={"bio": "x"}, updated_at=NOW)
        operations.change_status(profile_id=made.id, status="ACTIVE", updated_at=NOW)
        operations.delete_profile(profile_id=made.id, deleted_on=NOW)
        operations.restore_profile(profile_id=made.id, restored_at=NOW)
        operations.restore_profile(profile_id=made.id, restored_at=NOW)

        assert changes() == ["CREATED", "UPDATED", "UPDATED", "DELETED", "RESTORED"]
        assert [message.status for message in recorded()][:3] == ["PENDING", "PENDING", "ACTIVE"]
        assert [message.is_deleted for message in recorded()] == [False] * 3 + [True, False]
        assert {message.profile_id for message in recorded()} == {made.id}
        assert list(DomainEvent.objects.order_by("version").values_list("version", flat=True)) == [
            1, 2, 3, 4, 5,
        ]  # fmt: skip

    def test_tells_of_a_group_that_is_approved_once(self, bound):
        group = GroupFactory(is_approved=False, status="PENDING")

        operations.approve_group(profile_id=group.id, approved_at=NOW)
        operations.approve_group(profile_id=group.id, approved_at=NOW)
        operations.reject_group(profile_id=group.id, rejected_at=NOW)

        assert [message.status for message in recorded()] == ["ACTIVE", "REJECTED"]

    def test_tells_of_a_first_visit_once(self, bound):
        person = uuid7()
        for _ in range(2):
            operations.ensure_fan_profile(keycloak_id=person, display_name="Ada", created_on=NOW)

        assert changes() == ["CREATED"]

    def test_tells_of_what_is_hidden_and_tagged(self, fan):
        operations.set_privacy(profile_id=fan.id, privacy={"bio": "private"}, updated_at=NOW)
        operations.set_images(profile_id=fan.id, images=[], created_on=NOW)
        operations.set_tags(profile_id=fan.id, tag_ids=[])

        assert changes() == ["UPDATED"] * 3

    def test_is_not_recorded_where_the_write_is_refused(self, tenant):
        with pytest.raises(RuntimeError), binding.bind(tenant, writes="users"):
            made = FanFactory()
            operations.update_profile(profile_id=made.id, changes={"bio": ""}, updated_at=NOW)
            raise RuntimeError

        with binding.bind(tenant):
            assert recorded() == []

    def test_holds_nothing_personal(self, bound):
        operations.create_profile(
            profile_type="FAN",
            values={"keycloak_id": uuid7(), "display_name": "Ada Secret", "first_name": "Ada"},
            created_on=NOW,
        )

        (event,) = DomainEvent.objects.all()
        assert set(event.payload) == {
            "profile_id", "profile_type", "change", "status", "is_deleted",
        }  # fmt: skip
        assert "Ada" not in str(event.payload)


class TestFollows:
    def test_start_end_and_start_again(self, fan, celebrity):
        ids = {"fan_id": fan.id, "celebrity_id": celebrity.id}
        for _ in range(2):
            made = operations.follow(**ids, followed_on=NOW)
        for _ in range(2):
            operations.unfollow(**ids, unfollowed_on=NOW + timedelta(hours=1))
        operations.follow(**ids, followed_on=NOW + timedelta(hours=2))

        first, again = recorded("FollowStarted")
        (ended,) = recorded("FollowEnded")
        assert first == contracts.FollowStarted(follow_id=made.id, **ids, followed_on=NOW)
        assert again.followed_on == NOW + timedelta(hours=2)
        assert ended.unfollowed_on == NOW + timedelta(hours=1)
        versions = DomainEvent.objects.filter(aggregate_type="follow").order_by("version")
        assert [event.kind for event in versions] == [
            "users.FollowStarted", "users.FollowEnded", "users.FollowStarted",
        ]  # fmt: skip

    def test_end_with_a_block(self, fan, celebrity):
        made = FollowFactory(fan=fan, celebrity=celebrity)

        operations.block(blocker_id=celebrity.id, blocked_id=fan.id, blocked_at=NOW)

        assert [message.follow_id for message in recorded("FollowEnded")] == [made.id]


class TestGroups:
    def test_tell_who_joined_and_who_left(self, bound):
        group = GroupFactory()
        one, two, three = sorted((CelebrityFactory() for _ in range(3)), key=lambda each: each.id)
        for chosen in ([one, two], [one, two], [two, three]):
            operations.set_group_celebrities(
                group_id=group.id, celebrity_ids=[each.id for each in chosen], joined_on=NOW
            )

        assert recorded("GroupMembershipChanged") == [
            contracts.GroupMembershipChanged(
                group_id=group.id, joined_ids=(one.id, two.id), left_ids=()
            ),
            contracts.GroupMembershipChanged(
                group_id=group.id, joined_ids=(three.id,), left_ids=(one.id,)
            ),
        ]


class TestPersonErased:
    def test_tells_of_every_profile_and_names_no_person(self, bound):
        person = uuid7()
        fan, celebrity = FanFactory(keycloak_id=person), CelebrityFactory(keycloak_id=person)
        other, group = FanFactory(), GroupFactory()
        follows = [
            FollowFactory(fan=fan).id,
            FollowFactory(fan=other, celebrity=celebrity).id,
        ]
        operations.set_group_celebrities(
            group_id=group.id, celebrity_ids=[celebrity.id], joined_on=NOW
        )

        for _ in range(2):
            operations.erase_person(keycloak_id=person, erased_at=NOW)

        ids = {fan.id, celebrity.id}
        (erased,) = recorded("PersonErased")
        assert set(erased.profile_ids) == ids
        assert {each.profile_id for each in recorded()} == ids
        assert {(each.change, each.is_deleted) for each in recorded()} == {("ERASED", True)}
        assert sorted(each.follow_id for each in recorded("FollowEnded")) == sorted(follows)
        left = recorded("GroupMembershipChanged")[-1]
        assert (left.group_id, left.left_ids) == (group.id, (celebrity.id,))
        assert str(person) not in "".join(
            str(event.payload) + str(event.aggregate_id) for event in DomainEvent.objects.all()
        )
        assert Profile.objects.filter(id__in=ids, keycloak_id=None).count() == 2


class TestContracts:
    def test_every_message_is_declared(self):
        assert {f"users.{each.__name__}" for each in contracts.MESSAGES} <= set(messages.kinds())
