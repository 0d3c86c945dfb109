"""The number and the sentence."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.models import Job, Status
from generation.progress import message, progress

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def running(seconds, *, expected=60.0):
    job = Job(status=Status.RUNNING, submitted_at=NOW - timedelta(seconds=seconds), expected_seconds=expected)
    return progress(job, NOW)


@pytest.mark.parametrize(
    ("status", "percent"),
    [
        (Status.QUEUED, 0),
        (Status.SUBMITTING, 0),
        (Status.UNKNOWN, 10),
        (Status.COLLECTING, 90),
        (Status.SUCCEEDED, 100),
        (Status.FAILED, 0),
        (Status.CANCELED, 0),
    ],
)
def test_a_status_that_is_known_has_its_number(status, percent):
    assert progress(Job(status=status, submitted_at=NOW), NOW) == (percent, False)


def test_a_running_job_begins_with_ten():
    assert running(0) == (10, True)
    assert running(-5) == (10, True)  # clocks differ


@pytest.mark.parametrize(("seconds", "percent"), [(1, 21), (30, 53), (60, 67), (120, 77), (600, 79), (1_000_000, 80)])
def test_a_running_job_is_estimated_from_the_usual_time(seconds, percent):
    assert running(seconds) == (percent, True)


def test_a_job_without_a_usual_time_is_estimated_all_the_same():
    assert running(5, expected=0.0) == (79, True)


@given(st.lists(st.floats(0, 10**7), min_size=2), st.floats(0, 10**4))
def test_the_number_is_a_whole_one_and_never_runs_backwards(moments, expected):
    percents = [running(seconds, expected=expected)[0] for seconds in sorted(moments)]
    assert percents == sorted(percents)
    assert all(type(percent) is int and 10 <= percent <= 80 for percent in percents)


@pytest.mark.parametrize("way", [[Status.QUEUED, Status.SUBMITTING, Status.QUEUED], [Status.UNKNOWN, Status.RUNNING]])
def test_no_step_of_the_way_takes_anything_back(way):
    percents = [progress(Job(status=status, submitted_at=NOW, expected_seconds=60), NOW)[0] for status in way]
    assert percents == sorted(percents)


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_sentence(status):
    assert message(Job(status=status, error_message="WaveSpeed could not make it.")).endswith(".")


def test_a_late_job_and_one_that_is_not_as_wished_say_so():
    assert "time limit" in message(Job(status=Status.RUNNING, late_at=NOW))
    assert message(Job(status=Status.SUCCEEDED, flags=[{"what": "audio"}])) == "Ready, not as wished."
