"""Digests: what was collected goes out as one message, and nothing of it twice."""

import threading
from datetime import timedelta

from django.db import connections
from django.utils import timezone

from apps.platform.operations import notifications
from apps.tenancy.binding import bind
from tests.platform.notifications.conftest import choose, rows
from tests.platform.notifications.test_making import tell


def make_digests(tenant, *, days=1):
    with bind(tenant, writes="platform"):
        return notifications.make_digests(now=timezone.now() + timedelta(days=days))


class TestDigests:
    def test_collect_until_they_are_due(self, person, mailbox):
        begun = timezone.now()
        choose(person, frequency="DAILY")
        for name in ("Ada", "Bob"):
            tell(person.tenant, person.fan, name=name)

        assert notifications.send_due(tenant=person.tenant) == 0
        with bind(person.tenant, writes="platform"):
            assert notifications.make_digests(now=begun) == 0
        assert mailbox.messages == []

    def test_tell_of_all_in_one_message(self, person, mailbox):
        choose(person, frequency="DAILY")
        for name in ("Ada", "Bob"):
            tell(person.tenant, person.fan, name=name)

        assert make_digests(person.tenant) == 1
        # It is due when it was made, which is tomorrow.
        with bind(person.tenant, writes="platform"):
            type(rows(person.tenant)[0]).objects.filter(topic="digest").update(
                due_at=timezone.now()
            )
        notifications.send_due(tenant=person.tenant)

        [message] = mailbox.messages
        text = message.get_body(("plain",)).get_content()
        assert text.index("Ada follows you") < text.index("Bob follows you")
        assert message["Subject"].startswith("2 things")
        told = rows(person.tenant, channel="EMAIL")
        assert {row.status for row in told} == {"SENT"}
        assert len({row.digest_id for row in told if row.topic != "digest"}) == 1

    def test_are_made_once_by_two_at_the_same_time(self, person):
        choose(person, frequency="DAILY")
        for _ in range(5):
            tell(person.tenant, person.fan)
        together, made = threading.Barrier(2), []

        def work():
            together.wait()
            made.append(make_digests(person.tenant))
            connections.close_all()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert make_digests(person.tenant) == 0
        collected = [row for row in rows(person.tenant, channel="EMAIL") if row.topic != "digest"]
        digests = rows(person.tenant, topic="digest")
        assert {row.digest_id for row in collected} == {row.id for row in digests}
        # Between the two of them each thing is in one digest.
        assert sum(made) == len(digests)

    def test_a_week_s_are_for_mondays(self, person):
        choose(person, frequency="WEEKLY")
        tell(person.tenant, person.fan)

        [row] = rows(person.tenant, channel="EMAIL")
        assert (row.due_at.weekday(), row.due_at.hour) == (0, 8)

    def test_are_of_one_tenant(self, tenant, rival, make_person):
        for each in (tenant, rival):
            person = make_person(each)
            choose(person, frequency="DAILY")
            tell(each, person.fan)

        assert make_digests(tenant) == 1
        assert rows(rival, topic="digest") == []
