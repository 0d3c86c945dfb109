from itertools import count

import pytest
from django.core.cache import caches

from generation.api.rates import UserRate
from tests.conftest import api_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    """A minute that begins when the test does, and goes on when it says so."""
    monkeypatch.setattr(UserRate, "rate", "5/min", raising=False)
    monkeypatch.setattr(UserRate, "_counts", {})
    caches["passing"].clear()
    moments = {"now": 6_000_000_000.0}
    monkeypatch.setattr(UserRate, "timer", lambda _: moments["now"])
    return moments


def answers(client, number):
    return [client.get("/api/v1/models").status_code for _ in range(number)]


def test_a_minute_allows_as_many_as_its_rate(alice, bob, clock):
    api = api_of(alice)
    assert answers(api, 7) == [200] * 5 + [429] * 2
    assert answers(api_of(bob), 1) == [200]
    clock["now"] += 59.9
    assert answers(api, 1) == [429]
    clock["now"] += 0.1
    assert answers(api, 6) == [200] * 5 + [429]


def test_whoever_is_refused_is_told_when_the_next_minute_begins(alice, clock):
    api = api_of(alice)
    answers(api, 5)
    clock["now"] += 20
    assert api.get("/api/v1/models")["Retry-After"] == "40"


def test_processes_count_together(alice, clock, monkeypatch):
    api = api_of(alice)
    assert answers(api, 2) == [200, 200]
    clock["now"] += 1
    assert answers(api, 1) == [200]  # tells the others of three
    monkeypatch.setattr(UserRate, "_counts", {})  # another process
    assert answers(api, 3) == [200, 200, 429]  # its first request asks what the others have counted


def test_the_cache_is_asked_once_a_second(alice, clock, monkeypatch):
    asked = count()
    passing = caches["passing"]
    add = passing.add

    def counted(*args, **kwargs):
        next(asked)
        return add(*args, **kwargs)

    monkeypatch.setattr(UserRate, "rate", "1000/min", raising=False)
    monkeypatch.setattr(passing, "add", counted)
    answers(api_of(alice), 10)
    assert next(asked) == 1


def test_an_evicted_count_refuses_nobody(alice, clock, monkeypatch):
    api = api_of(alice)
    monkeypatch.setattr(caches["passing"], "add", lambda *args, **kwargs: True)  # it is gone before it is counted on
    assert answers(api, 5) == [200] * 5
