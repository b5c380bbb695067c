"""Making notifications: who hears of what, in which words, and never twice of the same."""

import threading

import pytest
from django.db import connections
from django.utils import timezone

from apps.kernel.ids import uuid7
from apps.platform.models import NotificationTemplate, StreamEvent
from apps.platform.operations import notifications
from apps.tenancy.binding import bind
from apps.tenancy.relay import Relay
from apps.users import operations as users
from tests.factories import CelebrityFactory, GroupFactory
from tests.platform.notifications.conftest import choose, rows


def tell(tenant, *people, cause_id=None, name="Ada", topic="new_follower"):
    with bind(tenant, writes="platform"):
        return notifications.notify(
            user_ids={each.id for each in people},
            topic=topic,
            template_key="new_follower",
            context={"follower_name": name, "follower_id": uuid7()},
            cause_id=cause_id or uuid7(),
            made_at=timezone.now(),
        )


class TestNotify:
    def test_tells_in_the_app_unless_somebody_wants_more(self, tenant, make_person):
        quiet, keen, off = (make_person(tenant) for _ in range(3))
        choose(keen, frequency="AT_ONCE")
        choose(off, frequency="NEVER", channel="IN_APP")

        assert tell(tenant, quiet.fan, keen.fan, off.fan) == 3

        made = {(row.user_id, row.channel): row for row in rows(tenant)}
        assert set(made) == {
            (quiet.fan.id, "IN_APP"),
            (keen.fan.id, "IN_APP"),
            (keen.fan.id, "EMAIL"),
        }
        assert made[quiet.fan.id, "IN_APP"].status == "SENT"
        assert made[keen.fan.id, "EMAIL"].status == "PENDING"

    def test_a_choice_holds_for_all_profiles_of_a_person(self, tenant, person):
        with bind(tenant, writes="users"):
            star = CelebrityFactory(keycloak_id=person.account.id)
        choose(person, frequency="AT_ONCE")

        tell(tenant, star)

        assert {row.channel for row in rows(tenant, user_id=star.id)} == {"IN_APP", "EMAIL"}

    def test_is_done_once_per_cause(self, tenant, person):
        cause_id = uuid7()

        assert tell(tenant, person.fan, cause_id=cause_id) == 1
        assert tell(tenant, person.fan, cause_id=cause_id) == 0
        assert len(rows(tenant)) == 1
        with bind(tenant):
            assert StreamEvent.objects.filter(kind="notification.made").count() == 1

    def test_is_done_once_by_two_at_the_same_time(self, tenant, person):
        cause_id, together, made = uuid7(), threading.Barrier(2), []

        def work():
            together.wait()
            made.append(tell(tenant, person.fan, cause_id=cause_id))
            connections.close_all()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(made) == [0, 1]
        assert len(rows(tenant)) == 1

    def test_tells_nobody_behind_groups_and_tombstones(self, tenant, person):
        with bind(tenant, writes="users"):
            group = GroupFactory()
            users.erase_person(keycloak_id=person.account.id, erased_at=timezone.now())

        assert tell(tenant, person.fan, group) == 0

    def test_speaks_each_one_s_language(self, tenant, make_person):
        people = [make_person(tenant, locale=locale) for locale in ("de-AT", "en", "fr")]

        tell(tenant, *(each.fan for each in people))

        subjects = {row.user_id: row.subject for row in rows(tenant)}
        assert [subjects[each.fan.id] for each in people] == [
            "Ada folgt dir",
            "Ada follows you",
            "Ada follows you",
        ]

    @pytest.mark.parametrize(
        ("own", "locale", "subject"),
        [
            ({"de": "Hallo"}, "de-AT", "Hallo"),
            ({"en": "Hello"}, "de", "Hello"),
            ({"fr": "Salut"}, "de", "Ada folgt dir"),
            # Not in the language of templates any more: the system's serves.
            ({"de": "{{ gone }}"}, "de", "Ada folgt dir"),
        ],
    )
    def test_prefers_the_tenant_s_words(self, tenant, make_person, own, locale, subject):
        person = make_person(tenant, locale=locale)
        with bind(tenant, writes="platform"):
            for language, text in own.items():
                NotificationTemplate.objects.create(
                    template_key="new_follower",
                    channel="IN_APP",
                    locale=language,
                    subject=text,
                    body_template="x",
                )

        tell(tenant, person.fan)

        assert [row.subject for row in rows(tenant)] == [subject]

    def test_a_value_can_t_put_a_header_into_an_email(self, tenant, person):
        choose(person, frequency="AT_ONCE")

        tell(tenant, person.fan, name="Ada\r\nBcc: everybody@people.example")

        assert [row.subject for row in rows(tenant, channel="EMAIL")] == [
            "Ada Bcc: everybody@people.example follows you"
        ]

    def test_stays_in_its_tenant(self, tenant, rival, make_person):
        mine, theirs = make_person(tenant), make_person(rival)
        cause_id = uuid7()

        assert tell(tenant, mine.fan, theirs.fan, cause_id=cause_id) == 1
        assert tell(rival, mine.fan, theirs.fan, cause_id=cause_id) == 1

        assert [row.user_id for row in rows(tenant)] == [mine.fan.id]
        assert [row.user_id for row in rows(rival)] == [theirs.fan.id]


class TestOccasions:
    def test_a_celebrity_hears_of_a_follower_once(self, tenant, person):
        with bind(tenant, writes="users"):
            star = CelebrityFactory()
        for _ in range(2):
            with bind(tenant, writes="users"):
                users.follow(fan_id=person.fan.id, celebrity_id=star.id, followed_on=timezone.now())
            with bind(tenant, writes="users"):
                users.unfollow(
                    fan_id=person.fan.id, celebrity_id=star.id, unfollowed_on=timezone.now()
                )

        Relay(tenant, "users").run()

        assert [row.body for row in rows(tenant, user_id=star.id)] == [
            f"{person.fan.display_name} follows you now on {tenant.name}."
        ]
