"""Following and blocking, one at a time and many at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apps.kernel.errors import Invalid, NotFound
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from apps.users import operations
from apps.users.models import FanFollow, FanFollowChange, ProfileCounters
from apps.users.operations.follows import Blocked
from tests.api import Caller, client_of, errors_of
from tests.factories import CelebrityFactory, FanFactory, FollowFactory, GroupFactory

pytestmark = pytest.mark.usefixtures("tenant")


def follow(fan, celebrity, **values):
    values.setdefault("followed_on", timezone.now())
    return operations.follow(fan_id=fan.id, celebrity_id=celebrity.id, **values)


def unfollow(fan, celebrity):
    operations.unfollow(fan_id=fan.id, celebrity_id=celebrity.id, unfollowed_on=timezone.now())


def followers_of(celebrity) -> int:
    return ProfileCounters.objects.get(profile=celebrity).follower_count


class TestFollow:
    @pytest.fixture
    def pair(self, bound):
        return FanFactory(), CelebrityFactory()

    def test_counts_once_however_often_it_is_said(self, pair):
        fan, celebrity = pair

        assert follow(fan, celebrity).id == follow(fan, celebrity).id
        assert followers_of(celebrity) == 1
        assert FanFollowChange.objects.count() == 1

    def test_keeps_one_row_and_every_change(self, pair):
        fan, celebrity = pair
        follow(fan, celebrity)
        unfollow(fan, celebrity)
        unfollow(fan, celebrity)
        follow(fan, celebrity, notifications=["LIVE"])
        operations.set_notifications(
            fan_id=fan.id, celebrity_id=celebrity.id, notifications=["OFFERS", "OFFERS"]
        )

        actions = FanFollowChange.objects.order_by("id").values_list("change__action", flat=True)
        assert list(actions) == ["FOLLOWED", "UNFOLLOWED", "FOLLOWED", "NOTIFICATIONS"]
        assert FanFollow.objects.get().notifications == ["OFFERS"]
        assert followers_of(celebrity) == 1

    def test_finds_no_group_fan_or_hidden_celebrity_to_follow(self, pair):
        fan, _ = pair
        for other in (FanFactory(), GroupFactory(), CelebrityFactory(status="PENDING")):
            with pytest.raises(NotFound):
                follow(fan, other)

    def test_refuses_oneself(self, bound):
        person = uuid7()
        with pytest.raises(Invalid):
            follow(FanFactory(keycloak_id=person), CelebrityFactory(keycloak_id=person))

    def test_refuses_an_unknown_channel(self, pair):
        with pytest.raises(Invalid, match="not valid") as refusal:
            follow(*pair, notifications=["PIGEON"])
        assert set(refusal.value.fields) == {"notifications"}


class TestCounters:
    def test_see_bulk_writes_raw_sql_and_deletions(self, bound):
        fan, other, celebrity = FanFactory(), FanFactory(), CelebrityFactory()
        FanFollow.objects.bulk_create(
            FanFollow(fan=who, celebrity=celebrity, followed_on=timezone.now())
            for who in (fan, other)
        )
        assert followers_of(celebrity) == 2

        with connections["users"].cursor() as cursor:
            cursor.execute("UPDATE fan_follows SET unfollowed_on = now() + interval '1 minute'")
        assert followers_of(celebrity) == 0
        FanFollow.objects.update(unfollowed_on=None)
        assert followers_of(celebrity) == 2
        assert ProfileCounters.objects.get(profile=fan).following_count == 1

    def test_do_not_count_what_is_brought_in_as_ended(self, bound):
        follow = FollowFactory(unfollowed_on=timezone.now() + timedelta(minutes=1))

        assert followers_of(follow.celebrity) == 0
        assert FanFollowChange.objects.count() == 2


class TestBlock:
    def test_ends_follows_both_ways_and_prevents_new_ones(self, bound):
        ann, bob = uuid7(), uuid7()
        ann_fan, ann_star = FanFactory(keycloak_id=ann), CelebrityFactory(keycloak_id=ann)
        bob_fan, bob_star = FanFactory(keycloak_id=bob), CelebrityFactory(keycloak_id=bob)
        follow(ann_fan, bob_star)
        follow(bob_fan, ann_star)

        operations.block(blocker_id=ann_fan.id, blocked_id=bob_fan.id, blocked_at=timezone.now())

        assert not FanFollow.objects.active().exists()
        for fan, star in ((ann_fan, bob_star), (bob_fan, ann_star)):
            with pytest.raises(Blocked):
                follow(fan, star)
        operations.unblock(blocker_id=ann_fan.id, blocked_id=bob_fan.id)
        assert follow(bob_fan, ann_star).is_active

    def test_is_not_for_groups_or_oneself(self, bound):
        fan = FanFactory()
        for other in (GroupFactory(), fan):
            with pytest.raises(Invalid):
                operations.block(blocker_id=fan.id, blocked_id=other.id, blocked_at=timezone.now())


class TestManyAtOnce:
    """Real threads, real transactions."""

    @staticmethod
    def at_once(tenant, work, times: int = 8) -> list:
        def one(number: int):
            try:
                with binding.bind(tenant, writes="users"):
                    return work(number)
            except Exception as error:
                return error
            finally:
                connections.close_all()

        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(one, range(times)))

    def test_follow_makes_one_row(self, tenant, committed):
        fan, celebrity = committed(lambda: (FanFactory(), CelebrityFactory()))

        results = self.at_once(tenant, lambda _: follow(fan, celebrity).id)

        assert len(set(results)) == 1, results
        assert committed(lambda: followers_of(celebrity)) == 1

    def test_follows_of_one_celebrity_are_all_counted(self, tenant, committed):
        celebrity = committed(CelebrityFactory)
        fans = committed(lambda: FanFactory.create_batch(8))

        results = self.at_once(tenant, lambda number: follow(fans[number], celebrity).id)

        assert len(set(results)) == 8, results
        assert committed(lambda: followers_of(celebrity)) == 8

    def test_an_erasure_leaves_no_follow_on_the_tombstone(self, tenant, committed):
        ann = uuid7()
        fan, celebrity = committed(lambda: (FanFactory(keycloak_id=ann), CelebrityFactory()))
        erased = threading.Event()

        def follow_meanwhile():
            erased.wait(5)
            try:
                with binding.bind(tenant, writes="users"):
                    return follow(fan, celebrity)
            except Exception as error:
                return error
            finally:
                connections.close_all()

        with ThreadPoolExecutor(1) as pool:
            with binding.bind(tenant, writes="users"):
                operations.erase_person(keycloak_id=ann, erased_at=timezone.now())
                later = pool.submit(follow_meanwhile)
                erased.set()
                time.sleep(0.5)
            result = later.result()

        assert isinstance(result, NotFound), result
        assert committed(lambda: FanFollow.objects.active().count()) == 0

    def test_a_block_wins_over_a_follow(self, tenant, committed):
        fan, celebrity = committed(lambda: (FanFactory(), CelebrityFactory()))

        def work(number: int):
            if number % 2:
                return follow(fan, celebrity)
            return operations.block(
                blocker_id=celebrity.id, blocked_id=fan.id, blocked_at=timezone.now()
            )

        self.at_once(tenant, work)

        assert not committed(lambda: FanFollow.objects.active().exists())
        assert committed(lambda: followers_of(celebrity)) == 0

    def test_a_person_gets_one_fan_profile(self, tenant):
        person = uuid7()

        results = self.at_once(
            tenant,
            lambda _: (
                operations.ensure_fan_profile(
                    keycloak_id=person, display_name="P", created_on=timezone.now()
                ).id
            ),
        )

        assert len(set(results)) == 1, results

    def test_a_code_is_not_used_more_often_than_it_may(self, tenant, committed):
        code = committed(
            lambda: (
                operations.create_referral_code(
                    profile_id=CelebrityFactory().id, max_uses=3, created_on=timezone.now()
                ).code
            )
        )
        fans = committed(lambda: FanFactory.create_batch(8))

        results = self.at_once(
            tenant,
            lambda number: operations.use_referral_code(
                code=code, fan_id=fans[number].id, used_at=timezone.now()
            ),
        )

        assert sum(not isinstance(result, Exception) for result in results) == 3, results

    def test_two_moves_of_groups_can_not_close_a_circle(self, tenant, committed):
        one, two = committed(lambda: GroupFactory.create_batch(2))

        def move(number: int):
            child, parent = ((one, two), (two, one))[number % 2]
            operations.update_profile(
                profile_id=child.id,
                changes={"parent_group_id": parent.id},
                updated_at=timezone.now(),
            )

        self.at_once(tenant, move, times=2)

        def parents():
            one.refresh_from_db()
            two.refresh_from_db()
            return {one.parent_group_id, two.parent_group_id}

        assert committed(parents) in ({None, one.id}, {None, two.id})


class TestFollowApi:
    def test_follows_and_unfollows_as_often_as_said(self, committed, as_person, as_anybody):
        celebrity = committed(CelebrityFactory)
        url = f"/api/v1/profiles/{celebrity.id}"

        assert as_person.get(f"{url}/follow").status_code == 404
        for _ in range(2):
            assert as_person.put(f"{url}/follow", {}).status_code == 200
        assert as_anybody.get(url).json()["follower_count"] == 1
        changed = as_person.patch(f"{url}/follow", {"notifications": ["OFFERS"]})
        assert changed.json()["notifications"] == ["OFFERS"]
        for _ in range(2):
            assert as_person.delete(f"{url}/follow").status_code == 204
        assert as_anybody.get(url).json()["follower_count"] == 0
        assert as_person.patch(f"{url}/follow", {"notifications": []}).status_code == 404

    def test_shows_followers_to_the_celebrity_only(
        self, committed, tenant, person, as_person, as_stranger
    ):
        celebrity = committed(lambda: CelebrityFactory(keycloak_id=person.id))
        url = f"/api/v1/profiles/{celebrity.id}"
        as_stranger.put(f"{url}/follow", {})

        [row] = as_person.get(f"{url}/followers?expand=fan").json()["results"]
        assert row["fan"]["display_name"] == "Stan Stranger"
        assert "notifications" not in row
        assert as_stranger.get(f"{url}/followers").status_code == 403
        [own] = as_stranger.get(f"/api/v1/profiles/{row['fan_id']}/following").json()["results"]
        assert own["celebrity_id"] == str(celebrity.id)

    def test_blocks_and_unblocks(self, committed, as_person, as_stranger):
        celebrity = committed(CelebrityFactory)
        url = f"/api/v1/blocks/{celebrity.id}"

        assert as_person.put(url).status_code == as_person.put(url).status_code == 200
        refused = as_person.put(f"/api/v1/profiles/{celebrity.id}/follow", {})
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/blocked")
        assert len(as_person.get("/api/v1/blocks").json()["results"]) == 1
        assert as_stranger.get("/api/v1/blocks").json()["results"] == []
        assert as_person.delete(url).status_code == as_person.delete(url).status_code == 204

    def test_names_the_channel_that_is_none(self, committed, tenant):
        celebrity = committed(CelebrityFactory)

        response = client_of(tenant, Caller()).put(
            f"/api/v1/profiles/{celebrity.id}/follow", {"notifications": ["PIGEON"]}
        )

        assert response.status_code == 400
        assert errors_of(response) == {"notifications.0"}
