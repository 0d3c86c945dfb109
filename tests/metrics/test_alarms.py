"""The alarms in docs/: what they ask for is served, their sides have the same labels, and the page explains each."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.utils import timezone

from generation import services
from generation.models import Ear, Gate, Status
from generation.services.daily import ensure_chores
from tests.make import make_job, make_user
from tests.metrics.making import ended
from tests.metrics.promql import EVERY, Scrape, is_so, scraped, sides
from tests.metrics.reading import TOKEN, families

pytestmark = pytest.mark.django_db

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(autouse=True)
def _token(settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((DOCS / "alarms.yml").read_text())["groups"]
    return [rule for rule in group["rules"] if not rule["expr"].startswith("up{")]  # Prometheus' own


def told(alarm: str, *scrapes: Scrape) -> bool:
    """Say whether what an alarm asks for is so at the last scrape."""
    (rule,) = (rule for rule in rules() if rule["alert"] == alarm)
    return is_so(rule["expr"], scrapes)


def fires(alarm: str, scrapes: list[Scrape]) -> bool:
    """Say whether an alarm fires at some time, which is when it has been so at each scrape for as long as it waits."""
    (rule,) = (rule for rule in rules() if rule["alert"] == alarm)
    waits, lasts = int(rule.get("for", "0m").removesuffix("m")) * 60, 0
    for number in range(1, len(scrapes) + 1):
        lasts = lasts + EVERY if is_so(rule["expr"], scrapes[:number]) else 0
        if lasts > waits:
            return True
    return False


def single(**numbers: float) -> Scrape:
    """Return a scrape with figures that have no labels."""
    return {f"clapboard_{name}": {frozenset(): number} for name, number in numbers.items()}


def gate(closed: str = "") -> Scrape:
    causes = ("account", "credit", "balance", "operator")
    return {"clapboard_gate_closed": {frozenset({("cause", cause)}): float(cause == closed) for cause in causes}}


def line(oldest: float) -> Scrape:
    return {"clapboard_job_oldest_seconds": {frozenset({("status", "queued")}): oldest}}


@pytest.fixture
def served(alice) -> dict[str, list[dict[str, str]]]:
    """Return the labels of all that is served where there is something of everything."""
    now = timezone.now()
    services.the_gate()
    Gate.objects.update(balance=1, balance_at=now)
    ensure_chores(now)
    make_job(alice, status=Status.RUNNING, odd_status="paused")
    make_job(alice, status=Status.FAILED)
    for heard in (True, False):
        ended(alice, wait=1, provider=60, noticed=0.02, heard=heard)
    return {family.name: [sample.labels for sample in family.samples] for family in families()}


def test_all_that_alarms_ask_for_is_served(served):
    for rule in rules():
        for side in sides(rule["expr"]):
            assert side.name in served, (rule["alert"], side)
            assert any(side.takes(labels) for labels in served[side.name]), (rule["alert"], side)
            assert side.without <= set(served[side.name][0]), (rule["alert"], side)


def test_both_sides_of_an_alarm_have_the_same_labels(served):
    """Else Prometheus finds nothing on the other side, and the alarm never comes."""
    for rule in rules():
        left = {frozenset(served[side.name][0]) - side.without for side in sides(rule["expr"])}
        assert len(left) == 1, (rule["alert"], left)


def test_sides_with_different_labels_are_told():
    """This test shows that the one above means something."""
    line = 'clapboard_job_oldest_seconds{status="queued"} > 900 and clapboard_in_flight < clapboard_gate_places'
    oldest, in_flight, places = sides(line)

    assert (oldest.name, oldest.matchers) == ("clapboard_job_oldest_seconds", [("status", "=", "queued")])
    assert (in_flight.name, places.name) == ("clapboard_in_flight", "clapboard_gate_places")
    assert not oldest.takes({"status": "running"})
    assert not oldest.without


def test_the_page_explains_every_alarm_and_no_other():
    page = (DOCS / "metrics.md").read_text()
    table = page.split("## What to alarm on")[1].split("\n## ")[0]
    (group,) = yaml.safe_load((DOCS / "alarms.yml").read_text())["groups"]

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [rule["alert"] for rule in group["rules"]]


# --- when they fire ---------------------------------------------------------------------------------------------------


def test_an_installation_with_few_videos_is_told_that_all_of_them_fail(alice):
    alice = make_user(plan="enterprise")
    for _ in range(2):
        make_job(alice, status=Status.FAILED)
    assert not told("ManyFail", scraped())  # two may be bad luck

    make_job(alice, status=Status.FAILED)
    assert told("ManyFail", scraped())
    for _ in range(3):
        make_job(alice, status=Status.SUCCEEDED)
    assert not told("ManyFail", scraped())


def test_of_many_videos_more_than_a_tenth_must_fail():
    def of(failed: int, all_: int) -> Scrape:
        rows = {("failed", "rejected"): failed, ("failed", "moderated"): 9, ("succeeded", ""): all_ - failed - 9}
        labels = {key: frozenset({("model", "x"), ("status", key[0]), ("error", key[1])}) for key in rows}
        return {"clapboard_recent_jobs": {labels[key]: float(number) for key, number in rows.items()}}

    assert told("ManyFail", of(3, 21))
    assert not told("ManyFail", of(2, 21))
    assert not told("ManyFail", of(3, 20))


def test_an_installation_with_few_places_is_told_that_its_jobs_are_late():
    late = timezone.now() - timedelta(hours=1)
    for _ in range(2):
        make_job(make_user(), status=Status.RUNNING, late_at=late)
    for _ in range(30):
        make_job(make_user())  # the line behind them hides nothing
    assert told("ManyJobsAreLate", scraped())

    for _ in range(18):
        make_job(make_user(), status=Status.RUNNING)
    assert not told("ManyJobsAreLate", scraped())


@pytest.mark.parametrize(("limit", "full"), [("places", True), ("submissions", True), ("", False)])
def test_a_line_that_is_long_is_told_and_whether_a_limit_of_the_gate_is_why(limit, full):
    """Places are given back and taken at every moment, so that no scrape sees them full for long."""
    scrapes = []
    for number in range(200):
        free = 3 if number % 2 else 0
        figures = single(
            gate_places=50,
            in_flight=50 - free if limit == "places" else 10,
            gate_submissions_a_minute=60,
            submissions_last_minute=60 - free if limit == "submissions" else 5,
        )
        scrapes.append(figures | gate() | line(1000 + number * EVERY))

    assert fires("LineIsLong", scrapes)
    assert fires("AccountIsFull", scrapes) is full


def test_a_full_account_without_a_line_and_a_line_before_a_closed_gate_are_no_long_line():
    full = single(gate_places=2, in_flight=2, gate_submissions_a_minute=2, submissions_last_minute=2)
    busy = [full | gate() | line(30)] * 200
    assert not fires("AccountIsFull", busy)
    assert not fires("LineIsLong", busy)

    assert not fires("LineIsLong", [full | gate("credit") | line(5000)] * 200)


def test_a_limit_that_is_met_again_and_again_is_told():
    """One job in line meets it once a minute, and the Gate is narrow for 30 s each time."""
    scrapes = [single(gate_narrowed=number % 4 < 2) for number in range(120)]

    assert fires("WaveSpeedPushesBack", scrapes)
    assert not fires("WaveSpeedPushesBack", [*scrapes[:20], *[single(gate_narrowed=0)] * 120])


def test_a_gate_that_is_closed_again_and_again_is_told():
    """The balance is asked for every three minutes, and reopens it every other time."""
    assert fires("GateIsClosed", [gate("balance" if number % 24 < 12 else "") for number in range(120)])
    assert not fires("GateIsClosed", [*[gate("operator")] * 8, *[gate()] * 120])


def test_few_webhooks_that_come_after_a_look_are_not_lost(alice, settings):
    settings.PUBLIC_URL = "https://clapboard.example.org"
    now = timezone.now()
    ended(alice, wait=1, provider=60, noticed=0.3, heard=False)
    ear = Ear.objects.create(pk=1, heard_at=now - timedelta(minutes=2))
    assert not told("WebhooksGetLost", scraped())

    Ear.objects.filter(pk=ear.pk).update(heard_at=now - timedelta(minutes=16))
    assert told("WebhooksGetLost", scraped())
    settings.PUBLIC_URL = ""
    assert not told("WebhooksGetLost", scraped())


def test_most_of_many_webhooks_that_get_lost_are_told_although_some_come():
    def of(poll: int, webhook: int) -> Scrape:
        rows = {"poll": poll, "webhook": webhook}
        noticed = {"clapboard_recent_noticed": {frozenset({("by", by)}): float(many) for by, many in rows.items()}}
        return noticed | single(webhooks_wanted=1, webhook_age_seconds=10)

    assert told("WebhooksGetLost", of(15, 6))
    assert not told("WebhooksGetLost", of(10, 11))


def test_a_balance_that_was_never_read_is_old():
    assert told("BalanceIsOld", scraped())
    services.the_gate()
    assert told("BalanceIsOld", scraped())

    services.heed_balance(1, now=timezone.now())
    assert not told("BalanceIsOld", scraped())
