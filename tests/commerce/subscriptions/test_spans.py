"""When periods end, and what of them is unused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.commerce.operations.subscriptions import spans


def day(year, month, day):
    return datetime(year, month, day, 12, tzinfo=UTC)


def ends(anchor, recurrence, count):
    return [
        spans.end_of(anchor_at=anchor, recurrence=recurrence, count=number)
        for number in range(1, count + 1)
    ]


class TestEndOf:
    def test_of_months_is_the_last_day_where_there_is_no_such_day(self):
        assert ends(day(2027, 1, 31), "MONTHLY", 4) == [
            day(2027, 2, 28),
            day(2027, 3, 31),
            day(2027, 4, 30),
            day(2027, 5, 31),
        ]
        assert ends(day(2028, 1, 30), "MONTHLY", 2) == [day(2028, 2, 29), day(2028, 3, 30)]

    def test_of_years_comes_back_to_the_leap_day(self):
        assert ends(day(2028, 2, 29), "YEARLY", 4) == [
            day(2029, 2, 28),
            day(2030, 2, 28),
            day(2031, 2, 28),
            day(2032, 2, 29),
        ]

    def test_of_weeks_is_seven_days_on(self):
        assert ends(day(2027, 12, 28), "WEEKLY", 2) == [day(2028, 1, 4), day(2028, 1, 11)]

    def test_goes_over_the_end_of_a_year(self):
        assert ends(day(2027, 11, 30), "MONTHLY", 3) == [
            day(2027, 12, 30),
            day(2028, 1, 30),
            day(2028, 2, 29),
        ]

    @given(
        seconds=st.integers(0, 3_200_000_000),
        recurrence=st.sampled_from(["WEEKLY", "MONTHLY", "YEARLY"]),
        count=st.integers(0, 60),
    )
    def test_always_grows(self, seconds, recurrence, count):
        anchor = day(2000, 1, 1) + timedelta(seconds=seconds)

        former, latter = (
            spans.end_of(anchor_at=anchor, recurrence=recurrence, count=each)
            for each in (count, count + 1)
        )

        assert former < latter
        assert former.time() == anchor.time()


class TestUnusedShare:
    @pytest.mark.parametrize(
        ("used", "left"),
        [(0, 1_000), (1, 999), (2_592_000 // 2, 500), (2_592_000 - 1, 0), (2_592_000, 0)],
    )
    def test_is_rounded_down_to_the_unit(self, used, left):
        start = day(2027, 4, 1)

        assert left == spans.unused_share(
            amount=1_000,
            starts_at=start,
            ends_at=start + timedelta(days=30),
            at=start + timedelta(seconds=used),
        )

    def test_is_exact_for_the_largest_amounts(self):
        start = day(2027, 4, 1)

        share = spans.unused_share(
            amount=10**12,
            starts_at=start,
            ends_at=start + timedelta(days=3),
            at=start + timedelta(days=2),
        )

        assert share == 333_333_333_333

    def test_of_no_time_is_nothing(self):
        start = day(2027, 4, 1)

        assert spans.unused_share(amount=5, starts_at=start, ends_at=start, at=start) == 0
