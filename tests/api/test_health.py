"""Does it live, can it work?"""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from generation import clock
from generation.heart import BEATS
from generation.models import Heartbeat


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
