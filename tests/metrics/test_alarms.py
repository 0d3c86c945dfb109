"""The alarms in docs/: what they ask for is served, their sides have the same labels, and the page explains each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from django.utils import timezone

from generation import services
from generation.models import Gate, Status
from generation.services.daily import ensure_chores
from tests.make import make_job
from tests.metrics.making import ended
from tests.metrics.reading import TOKEN, families

pytestmark = pytest.mark.django_db

DOCS = Path(__file__).resolve().parents[2] / "docs"
# All of PromQL that the rules need. `without` keeps `instance` and `job`.
SIDES = re.compile(r" (?:and|or) | (?:==|>=|<=|>|<) | \* ")
SIDE = re.compile(r"(?:(?:sum|max) without \((?P<without>[\w, ]+)\) \((?P<inner>[^()]+)\)|(?P<plain>[^()]+))")
SERIES = re.compile(r'(?P<name>\w+)(?:\{(?P<matchers>(?:\w+(?:=~|!~|!=|=)"[^"]*",?)+)\})?')
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')


@pytest.fixture(autouse=True)
def _token(settings) -> None:
    settings.METRICS_TOKEN = TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A series, and what an aggregation takes away from its labels."""

    name: str
    matchers: list[tuple[str, str, str]]
    without: frozenset[str]

    def takes(self, labels: dict[str, str]) -> bool:
        return all(name in labels and _matches(labels[name], sign, value) for name, sign, value in self.matchers)


def _matches(given: str, sign: str, value: str) -> bool:
    is_so = bool(re.fullmatch(value, given)) if "~" in sign else given == value
    return is_so is not sign.startswith("!")


def rules() -> list[dict[str, str]]:
    (group,) = yaml.safe_load((DOCS / "alarms.yml").read_text())["groups"]
    return [rule for rule in group["rules"] if not rule["expr"].startswith("up{")]  # Prometheus' own


def sides(expression: str) -> Iterator[Side]:
    for text in SIDES.split(" ".join(expression.split())):
        if re.fullmatch(r"[\d.]+", text):
            continue
        side = SIDE.fullmatch(text)
        assert side, f"{text!r} of {expression!r} can't be read"
        series = SERIES.fullmatch(side["inner"] or side["plain"])
        assert series, f"{text!r} of {expression!r} can't be read"
        without = frozenset((side["without"] or "").split(", ")) - {""}
        yield Side(name=series["name"], matchers=MATCHER.findall(series["matchers"] or ""), without=without)


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
