"""Clocks: quiet hours and digests where clocks are put forward and back."""

from datetime import UTC, datetime, time

import pytest

from apps.platform.operations.notifications import clocks

BERLIN = "Europe/Berlin"


def quiet(now, starts, ends, zone=BERLIN):
    return clocks.quiet_until(
        now=datetime.fromisoformat(now).replace(tzinfo=UTC),
        starts=time.fromisoformat(starts),
        ends=time.fromisoformat(ends),
        time_zone=zone,
    )


class TestQuietHours:
    @pytest.mark.parametrize(
        ("now", "starts", "ends", "until"),
        [
            # Winter: one hour ahead of UTC. Over midnight, before it and after it.
            ("2026-01-10 20:59", "22:00", "07:00", None),
            ("2026-01-10 21:00", "22:00", "07:00", "2026-01-11 06:00"),
            ("2026-01-11 03:00", "22:00", "07:00", "2026-01-11 06:00"),
            ("2026-01-11 06:00", "22:00", "07:00", None),
            # Within a day.
            ("2026-01-10 12:30", "13:00", "14:00", "2026-01-10 13:00"),
            ("2026-01-10 13:00", "13:00", "14:00", None),
            # The night in which clocks are put forward is an hour shorter, and back, longer.
            ("2026-03-28 22:00", "22:00", "07:00", "2026-03-29 05:00"),
            ("2026-10-24 22:00", "22:00", "07:00", "2026-10-25 06:00"),
            # An end at 02:30, which that night skips: as late as the clock jumps.
            ("2026-03-28 22:00", "22:00", "02:30", "2026-03-29 01:30"),
            # An end at 02:30, which that night has twice: quiet again until the second.
            ("2026-10-25 00:00", "22:00", "02:30", "2026-10-25 00:30"),
            ("2026-10-25 00:45", "22:00", "02:30", None),
            ("2026-10-25 01:15", "22:00", "02:30", "2026-10-25 01:30"),
        ],
    )
    def test_end_when_a_clock_on_the_wall_says_so(self, now, starts, ends, until):
        expected = until and datetime.fromisoformat(until).replace(tzinfo=UTC)

        assert quiet(now, starts, ends) == expected

    def test_an_unknown_zone_is_utc(self):
        assert quiet("2026-01-10 21:30", "22:00", "07:00", "Nowhere/At_All") is None


class TestDigests:
    @pytest.mark.parametrize(
        ("now", "frequency", "zone", "at"),
        [
            ("2026-03-28 06:59", "DAILY", BERLIN, "2026-03-28 07:00"),
            ("2026-03-28 07:00", "DAILY", BERLIN, "2026-03-29 06:00"),
            ("2026-10-24 12:00", "DAILY", BERLIN, "2026-10-25 07:00"),
            ("2026-10-24 12:00", "WEEKLY", BERLIN, "2026-10-26 07:00"),
            ("2026-10-26 07:00", "WEEKLY", BERLIN, "2026-11-02 07:00"),
            ("2026-01-01 12:00", "DAILY", "Pacific/Auckland", "2026-01-01 19:00"),
        ],
    )
    def test_are_due_at_eight_in_the_morning(self, now, frequency, zone, at):
        due = clocks.next_digest(
            now=datetime.fromisoformat(now).replace(tzinfo=UTC),
            frequency=frequency,
            time_zone=zone,
        )

        assert due == datetime.fromisoformat(at).replace(tzinfo=UTC)
