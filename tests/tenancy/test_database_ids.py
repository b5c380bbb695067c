"""Ids that the database makes, for rows that triggers write."""

import time
from datetime import UTC, datetime
from itertools import pairwise

from django.db import connections

from apps.tenancy import binding


def made(tenant, number):
    with binding.bind(tenant), connections["users"].cursor() as cursor:
        cursor.execute(
            "SELECT id FROM (SELECT n, extensions.uuid7() AS id FROM generate_series(1, %s) n) made "
            "ORDER BY n",
            [number],
        )
        return [id_ for (id_,) in cursor.fetchall()]


class TestIds:
    def test_are_of_version_7(self, tenant):
        assert {(each.version, each.variant) for each in made(tenant, 100)} == {
            (7, "specified in RFC 4122")
        }

    def test_say_when_they_were_made(self, tenant):
        before = time.time()
        (made_then,) = made(tenant, 1)

        said = datetime.fromtimestamp((made_then.int >> 80) / 1_000, UTC)
        assert before - 1 <= said.timestamp() <= time.time() + 1

    def test_follow_each_other_within_a_millisecond(self, tenant):
        ids = made(tenant, 5_000)

        # More of them than milliseconds went by.
        assert len({each.int >> 80 for each in ids}) < len(ids)
        out_of_order = sum(one >= other for one, other in pairwise(ids))
        # The clock may stand still between two, or be set back.
        assert out_of_order < 25
