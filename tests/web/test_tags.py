"""Words for statuses, money, sizes and times."""

import pytest
from django.template import Context, Template
from django.utils import timezone

from generation.models import Job, Status
from generation.templatetags import clapboard
from generation.web.icons import NAMES


def shown(text: str, **context: object) -> str:
    return Template("{% load clapboard %}" + text).render(Context(context))


def test_icons_hide_from_readers():
    assert 'aria-hidden="true"' in shown('{% icon "play" %}')
    assert "#i-play" in shown('{% icon "play" %}')


def test_an_icon_that_the_sprite_lacks_is_an_error():
    with pytest.raises(KeyError, match="banana"):
        shown('{% icon "banana" %}')


@pytest.mark.parametrize(("micros", "text"), [(360_000, "$0.36"), (0, "$0.00"), (-500_000, "-$0.50"), (None, "")])
def test_dollars(micros, text):
    assert clapboard.dollars(micros) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(6.04, "6.0 s"), (59.9, "59.9 s"), (59.96, "1:00"), (75, "1:15"), (None, "")]
)
def test_duration(seconds, text):
    assert clapboard.duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(48.9, "48 s"), (125, "2:05"), (3700, "1:01:40"), (None, "")])
def test_clock(seconds, text):
    assert clapboard.clock(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_999, "1.0 MB"),
        (9_960_000, "10 MB"),
        (41_000_000, "41 MB"),
        (4_100_000_000, "4.1 GB"),
        (None, ""),
    ],
)
def test_file_size(size, text):
    assert clapboard.file_size(size) == text


@pytest.mark.parametrize("status", Status)
def test_every_status_has_icon_word_and_role(status):
    chip = clapboard.chip_of(Job(status=status))
    assert chip.icon in NAMES
    assert chip.word
    assert f"chip--{chip.role}" in shown("{% status_chip job %}", job=Job(status=status))


@pytest.mark.parametrize(
    ("job", "word"),
    [
        (Job(status=Status.RUNNING, late_at=timezone.now()), "Late"),
        (Job(status=Status.COLLECTING, late_at=timezone.now()), "Saving"),
        (Job(status=Status.SUCCEEDED, late_at=timezone.now()), "Ready"),
        (Job(status=Status.SUCCEEDED, flags=["no_audio"]), "Ready, not as wished"),
        (Job(status=Status.FAILED, error_code="moderated"), "Refused"),
        (Job(status=Status.FAILED, error_code="provider_failed"), "Failed"),
    ],
)
def test_what_makes_a_job_special_is_in_its_chip(job, word):
    assert clapboard.chip_of(job).word == word


def test_a_bar_shows_spent_held_and_left():
    bar = shown('{% meter_bar 5 3 10 "8 of 10 videos" %}')
    assert 'aria-label="8 of 10 videos"' in bar
    assert 'width="50.00%"' in bar
    assert 'x="50.00%" width="30.00%"' in bar
    assert "meter--warn" in bar


def test_a_bar_of_nothing_is_empty():
    assert 'width="0.00%"' in shown('{% meter_bar 0 0 0 "none" %}')
