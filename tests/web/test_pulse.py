"""The one poller of a page: silent when nothing is new, exact when something is, gone when nothing can come."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from billing.services import change_plan
from generation.models import Job, Status
from tests.make import ACTOR, make_job, make_plan
from tests.web.reading import source, title_of, words

HTMX = {"HX-Request": "true"}


def poller(answer: Any) -> str:
    """Return where the page asks; empty when it doesn't."""
    match = re.search(r'<div id="pulse" hidden data-poll hx-get="([^"]*)"', source(answer))
    return match[1].replace("&amp;", "&") if match else ""


def ask(client: Client, address: str) -> Any:
    assert address, "the page does not ask"
    return client.get(address, headers=HTMX)


def put(job: Job, **fields: object) -> None:
    Job.objects.filter(pk=job.pk).update(**fields)


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELED])
@pytest.mark.parametrize("path", ["/", "/gallery/", "/videos/{pk}/"])
def test_a_page_on_which_nothing_can_change_does_not_ask(alice, browser_of_alice, status, path):
    job = make_job(alice, status=status)
    answer = browser_of_alice.get(path.format(pk=job.pk))
    assert poller(answer) == ""
    assert 'hx-trigger="every' not in source(answer)


@pytest.mark.parametrize("path", ["/", "/gallery/", "/videos/{pk}/"])
def test_nothing_new_is_204(alice, browser_of_alice, path):
    job = make_job(alice, status=Status.COLLECTING)
    answer = ask(browser_of_alice, poller(browser_of_alice.get(path.format(pk=job.pk))))
    assert (answer.status_code, answer.content) == (204, b"")


def test_percents_move_the_bar_alone_and_say_nothing(alice, browser_of_alice):
    job = make_job(alice, status=Status.RUNNING)
    address = poller(browser_of_alice.get("/"))
    put(job, submitted_at=timezone.now() - timedelta(seconds=30))
    answer = ask(browser_of_alice, address)
    html = source(answer)
    assert answer.status_code == 200
    assert re.search(rf'<div id="way-{job.pk}"[^>]*hx-swap-oob="true"', html)
    assert f'id="job-{job.pk}"' not in html
    assert "#live" not in html
    assert "30 s so far" in words(answer)
    assert re.fullmatch(r"\d+% · A red fox in snow · Clapboard", title_of(answer))
    assert poller(answer) not in {"", address}


def test_a_new_stage_brings_the_card_and_is_said_aloud(alice, browser_of_alice):
    job = make_job(alice, status=Status.RUNNING)
    address = poller(browser_of_alice.get("/gallery/"))
    put(job, status=Status.COLLECTING)
    answer = ask(browser_of_alice, address)
    html = source(answer)
    assert re.search(rf'<article id="job-{job.pk}"[^>]*hx-swap-oob="true"', html)
    assert '<div hx-swap-oob="innerHTML:#live">A red fox in snow: saving.</div>' in html


def test_only_what_changed_is_sent(alice, browser_of_alice):
    jobs = [make_job(alice, status=Status.COLLECTING) for _ in range(3)]
    address = poller(browser_of_alice.get("/gallery/"))
    put(jobs[1], status=Status.UNKNOWN)
    html = ask(browser_of_alice, address).content.decode()
    assert [str(job.pk) in html for job in jobs] == [False, True, False]


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELED])
@pytest.mark.parametrize("path", ["/", "/gallery/"])
def test_what_ends_among_others_leaves_those_under_way(alice, browser_of_alice, path, status):
    older = make_job(alice, status=Status.COLLECTING)
    make_job(alice, status=Status.COLLECTING)
    address = poller(browser_of_alice.get(path))
    video = {"video": "videos/x.mp4", "poster": "posters/x.jpg"} if status == Status.SUCCEEDED else {}
    put(older, status=status, finished_at=timezone.now(), **video)
    html = source(ask(browser_of_alice, address))
    assert f'<div hx-swap-oob="delete:#job-{older.pk}"></div>' in html
    assert f'<div hx-swap-oob="afterbegin:#ended"> <article id="job-{older.pk}"' in html


@pytest.mark.parametrize("path", ["/", "/gallery/", "/videos/{pk}/"])
def test_a_composer_is_told_when_money_has_moved_and_only_then(alice, browser_of_alice, path):
    job = make_job(alice, status=Status.RUNNING)
    address = poller(browser_of_alice.get(path.format(pk=job.pk)))
    put(job, status=Status.COLLECTING)
    answer = ask(browser_of_alice, address)
    assert "HX-Trigger" not in answer
    put(job, status=Status.FAILED, finished_at=timezone.now())
    assert ask(browser_of_alice, poller(answer))["HX-Trigger"] == '{"moneyMoved": {}}'


@pytest.mark.parametrize(("path", "has_player"), [("/", True), ("/gallery/", False), ("/videos/{pk}/", True)])
def test_the_end_brings_the_video_once_and_polling_stops(alice, browser_of_alice, path, has_player):
    job = make_job(alice, status=Status.COLLECTING)
    address = poller(browser_of_alice.get(path.format(pk=job.pk)))
    done = make_job(alice, status=Status.SUCCEEDED)
    fields = {
        name: getattr(done, name) for name in ("poster", "width", "height", "duration", "has_audio", "finished_at")
    }
    put(job, status=Status.SUCCEEDED, video="videos/y.mp4", **fields)
    answer = ask(browser_of_alice, address)
    html = source(answer)
    assert ("<video" in html) == has_player
    assert "A red fox in snow is ready." in words(answer)
    assert '<div id="pulse" hidden></div>' in html
    assert "innerHTML:#gauge" in html
    if path != "/gallery/":
        assert title_of(answer) == "Ready: A red fox in snow · Clapboard"


def test_while_anything_is_under_way_a_ready_card_is_sent_once(alice, browser_of_alice):
    slow, fast = make_job(alice, status=Status.COLLECTING), make_job(alice, status=Status.COLLECTING)
    address = poller(browser_of_alice.get("/gallery/"))
    put(fast, status=Status.FAILED, error_message="No.", finished_at=timezone.now())
    answer = ask(browser_of_alice, address)
    assert str(fast.pk) in source(answer)
    assert ask(browser_of_alice, poller(answer)).status_code == 204
    assert fast.pk.hex not in poller(answer)
    assert slow.pk.hex in poller(answer)


def test_a_stranger_s_job_is_not_told(alice, browser_of_alice, browser_of_bob):
    job = make_job(alice, status=Status.RUNNING)
    address = poller(browser_of_alice.get("/"))
    put(job, status=Status.COLLECTING)
    answer = ask(browser_of_bob, address)
    assert "red fox" not in words(answer)
    assert str(job.pk) not in source(answer)
    assert poller(answer) == ""


@pytest.mark.parametrize("seen", ["", "~~~", "x", "0.h.queued.1", "é", "%00", "~" * 5000])
def test_what_is_no_mark_is_passed_over(browser_of_alice, seen):
    answer = ask(browser_of_alice, f"/jobs/pulse?seen={seen}")
    assert (answer.status_code, poller(answer)) == (200, "")


def test_a_page_with_many_under_way_fits_into_an_address(alice, browser_of_alice):
    change_plan(alice, make_plan(), now=timezone.now(), by=ACTOR)
    for _ in range(60):
        make_job(alice)
    address = poller(browser_of_alice.get("/gallery/"))
    assert len(address) < 4000
    assert address.count("~") == 47


def test_a_quiet_pulse_asks_the_database_three_times_whatever_the_number(
    alice, browser_of_alice, django_assert_max_num_queries
):
    for _ in range(12):
        make_job(alice, status=Status.COLLECTING)
    address = poller(browser_of_alice.get("/gallery/"))
    with django_assert_max_num_queries(3):  # session, user, jobs
        assert ask(browser_of_alice, address).status_code == 204


@pytest.mark.parametrize("number", [2, 12])
def test_a_pulse_over_a_queue_asks_a_fixed_number_of_times(
    alice, browser_of_alice, django_assert_max_num_queries, number
):
    for _ in range(number):
        make_job(alice)
    address = poller(browser_of_alice.get("/gallery/"))
    with django_assert_max_num_queries(8):
        assert ask(browser_of_alice, address).status_code == 204


def test_who_was_signed_out_is_led_to_the_sign_in_page(alice, browser_of_alice):
    make_job(alice)
    address = poller(browser_of_alice.get("/"))
    browser_of_alice.logout()
    answer = ask(browser_of_alice, address)
    assert answer.status_code == 204
    assert answer["HX-Redirect"].startswith("/accounts/login/?next=")
