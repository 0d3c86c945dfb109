from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.periods import period_of

ZONES = ["America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Auckland"]
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=90 * 365)).map(lambda age: datetime(2000, 1, 1, tzinfo=UTC) + age)
CLOCKS_CHANGED = ["2026-03-08 07:00", "2026-03-29 01:00", "2026-04-04 14:00", "2026-09-26 14:00", "2026-10-25 01:00"]
ANOTHER_MONTH_ELSEWHERE = ["2026-11-01 05:30", "2026-02-01 01:00", "2026-03-31 23:30", "2026-12-31 23:59"]
A_MICROSECOND = timedelta(microseconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def starts(anchor: str, number: int) -> list[str]:
    """Return the days on which the first periods begin, each found at the end of the one before."""
    days, now = [], at(anchor)
    for _ in range(number):
        start, now = period_of(at(anchor), now)
        days.append(f"{start:%Y-%m-%d}")
    return days


def test_a_period_begins_at_the_anchor_and_ends_a_month_later():
    assert period_of(at("2026-03-15 10:20"), at("2026-03-15 10:20")) == (at("2026-03-15 10:20"), at("2026-04-15 10:20"))


@pytest.mark.parametrize(
    ("anchor", "days"),
    [
        ("2026-01-29", ["2026-01-29", "2026-02-28", "2026-03-29", "2026-04-29"]),
        ("2026-01-30", ["2026-01-30", "2026-02-28", "2026-03-30", "2026-04-30"]),
        ("2026-01-31", ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("2028-01-29", ["2028-01-29", "2028-02-29", "2028-03-29"]),
        ("2028-01-31", ["2028-01-31", "2028-02-29", "2028-03-31"]),
        ("2028-02-29", ["2028-02-29", "2028-03-29", "2028-04-29"]),
        ("2026-12-31", ["2026-12-31", "2027-01-31", "2027-02-28"]),
    ],
)
def test_an_anchor_late_in_the_month_falls_on_the_last_day_and_returns(anchor, days):
    assert starts(anchor, len(days)) == days


def test_an_anchor_on_a_leap_day_returns_in_the_next_leap_year():
    assert period_of(at("2028-02-29"), at("2029-03-01"))[0] == at("2029-02-28")
    assert period_of(at("2028-02-29"), at("2032-03-01"))[0] == at("2032-02-29")


def test_a_start_at_half_past_eleven_is_not_floored_to_midnight():
    anchor = at("2026-01-31 23:30")
    assert period_of(anchor, at("2026-02-28 23:29:59"))[0] == anchor
    assert period_of(anchor, at("2026-02-28 23:30:00"))[0] == at("2026-02-28 23:30")
    assert period_of(anchor, at("2026-03-31 23:29:59"))[0] == at("2026-02-28 23:30")


def test_the_boundary_belongs_to_the_period_that_begins():
    anchor = at("2026-05-10 08:00")
    boundary = at("2026-06-10 08:00")
    assert period_of(anchor, boundary - A_MICROSECOND) == (anchor, boundary)
    assert period_of(anchor, boundary) == (boundary, at("2026-07-10 08:00"))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("now", CLOCKS_CHANGED + ANOTHER_MONTH_ELSEWHERE)
@pytest.mark.parametrize("anchor", ["2026-01-01 00:30", "2026-01-31 23:30", "2025-10-25 01:30", "2025-11-01 06:00"])
def test_the_zone_that_a_moment_is_told_in_does_not_matter(anchor, now, zone):
    expected = period_of(at(anchor), at(now))
    there = ZoneInfo(zone)
    assert expected[0] <= at(now) < expected[1]
    assert period_of(at(anchor).astimezone(there), at(now)) == expected
    assert period_of(at(anchor), at(now).astimezone(there)) == expected
    assert period_of(at(anchor).astimezone(there), at(now).astimezone(there)) == expected


@pytest.mark.parametrize("early", [A_MICROSECOND, timedelta(seconds=1), timedelta(days=400)])
def test_a_moment_before_the_anchor_counts_to_the_first_period(early):
    anchor = at("2026-05-10 08:00")
    assert period_of(anchor, anchor - early) == (anchor, at("2026-06-10 08:00"))


@given(anchor=MOMENTS, age=st.timedeltas(timedelta(0), timedelta(days=3650)))
def test_every_moment_lies_in_exactly_one_period(anchor, age):
    now = anchor + age
    start, end = period_of(anchor, now)
    assert start <= now < end
    assert period_of(anchor, start) == period_of(anchor, end - A_MICROSECOND) == (start, end)
    assert period_of(anchor, end)[0] == end
    assert start == anchor or period_of(anchor, start - A_MICROSECOND)[1] == start


@given(anchor=MOMENTS)
def test_ten_years_have_a_hundred_and_twenty_periods_without_a_gap(anchor):
    periods = [period_of(anchor, anchor)]
    while len(periods) < 121:
        periods.append(period_of(anchor, periods[-1][1]))
    assert all(before[1] == after[0] for before, after in pairwise(periods))
    assert periods[120][0].year == anchor.year + 10
    assert periods[120][0].month == anchor.month
    assert all(start.day == anchor.day or (start + timedelta(days=1)).day == 1 for start, _ in periods)
