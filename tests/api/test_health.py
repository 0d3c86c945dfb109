"""Does it live, can it work?"""

from datetime import datetime, timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from generation import clock, services
from generation.heart import BEATS
from generation.models import Chore, Errand, Heartbeat, Status
from generation.providers.errors import Unavailable
from generation.services import daily, errands, submitting
from tests.make import make_job


def beat(seconds_ago, *names):
    at = timezone.now() - timedelta(seconds=seconds_ago)
    for name in names:
        Heartbeat.objects.update_or_create(name=name, defaults={"beat_at": at})


def test_healthz_asks_nobody(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok")


@pytest.mark.django_db
def test_ready_when_everybody_beats(client):
    beat(1, *BEATS)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "database": "ok", **dict.fromkeys(BEATS, "ok")}


@pytest.mark.django_db
@pytest.mark.parametrize("silent", BEATS)
def test_not_ready_when_one_is_silent(client, silent):
    beat(1, *BEATS)
    beat(31, silent)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"], answer.json()[silent]) == (503, False, "silent")


@pytest.mark.django_db
def test_not_ready_before_the_first_beat(client):
    Heartbeat.objects.create(name=BEATS[0], asked_at=timezone.now())
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert {answer.json()[name] for name in BEATS} == {"silent"}


@pytest.mark.django_db
def test_not_ready_without_a_database(client, monkeypatch):
    def unreachable():
        raise OperationalError("could not connect to 10.0.0.7")

    monkeypatch.setattr(clock, "now", unreachable)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "database": "unreachable"})


def long_errand(look) -> None:
    errands.hand("look_for_unknown")
    errands.do("look_for_unknown", look)


def long_chore(look, monkeypatch) -> None:
    def chore(now: datetime) -> daily.Outcome:
        look()
        return daily.Outcome(report="")

    monkeypatch.setitem(daily.CHORES, "prune", chore)
    daily.ensure_chores(timezone.now())
    daily.do_now("prune", timezone.now())
    daily.hand_chores(timezone.now())
    daily.do_chore("prune", timezone.now())


def long_upload(look, monkeypatch) -> None:
    def upload(*_: object) -> None:
        look()
        raise Unavailable("the provider is away")

    monkeypatch.setattr(submitting, "bring", upload)
    source = make_job(status=Status.SUCCEEDED)
    job = make_job(source.user, source_job=source)
    services.dispatch()
    services.submit(job.pk)


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["errand", "chore", "upload"])
def test_collectors_are_alive_while_one_is_at_something_long_and_no_longer(client, monkeypatch, what):
    beat(31, *BEATS)
    seen = []

    def look() -> None:
        seen.append(client.get("/readyz").json())

    {
        "errand": lambda: long_errand(look),
        "chore": lambda: long_chore(look, monkeypatch),
        "upload": lambda: long_upload(look, monkeypatch),
    }[what]()
    look()

    assert [each["collect"] for each in seen] == ["ok", "silent"]
    assert {each["clapboard"] for each in seen} == {"silent"}


@pytest.mark.django_db
def test_what_collectors_were_only_told_of_is_no_sign_of_life(client):
    beat(31, *BEATS)
    errands.hand("look_for_unknown")
    daily.ensure_chores(timezone.now())
    daily.do_now("prune", timezone.now())
    daily.hand_chores(timezone.now())
    source = make_job(status=Status.SUCCEEDED)
    make_job(source.user, source_job=source)
    services.dispatch()

    assert client.get("/readyz").json()["collect"] == "silent"


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Errand, Chore])
def test_who_was_killed_lives_no_longer_than_a_lease(client, monkeypatch, settings, model):
    class Killed(BaseException):
        """Stands in for a worker that says nothing any more."""

    def die(*_: object) -> None:
        raise Killed

    beat(31, *BEATS)
    with pytest.raises(Killed):
        long_errand(die) if model is Errand else long_chore(die, monkeypatch)
    assert client.get("/readyz").json()["collect"] == "ok"
    gone = model.objects.get(lease_until__isnull=False)
    gone.lease_until -= timedelta(seconds=settings.HAND_LEASE)
    gone.save()
    assert client.get("/readyz").json()["collect"] == "silent"
