"""What /metrics says, whom it answers, and that it costs the same with thousands of rows."""

import math
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ

from billing.models import Hold
from generation import services
from generation.models import Chore, Difference, Ear, Gate, Heartbeat, Job, JobEvent, Status
from generation.services import daily
from tests.make import make_fence, make_job, make_user
from tests.metrics.making import ended
from tests.metrics.reading import TOKEN, answer, families, figures

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _token(settings) -> None:
    settings.METRICS_TOKEN = TOKEN


# --- whom it answers --------------------------------------------------------------------------------------------------


def test_it_answers_who_bears_the_token():
    read = answer()

    assert read.status_code == 200
    assert read["Content-Type"].startswith("text/plain; version=1.0.0")
    assert "no-store" in read["Cache-Control"]
    assert not read.cookies


@pytest.mark.any_database
@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "tököken", f"{TOKEN} {TOKEN}"])
def test_for_all_others_there_is_nothing(token):
    assert answer(token).status_code == 404
    assert answer(TOKEN, scheme="Basic").status_code == 404
    assert Client().get("/metrics").status_code == 404


@pytest.mark.any_database
def test_operators_need_the_token_too(olga):
    client = Client()
    client.force_login(olga)

    assert client.get("/metrics").status_code == 404


@pytest.mark.any_database
@pytest.mark.parametrize("token", ["", " ", TOKEN])
def test_without_a_token_in_the_settings_there_is_nothing(settings, token):
    settings.METRICS_TOKEN = ""

    assert answer(token).status_code == 404


@pytest.mark.any_database
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(method):
    assert answer(method=method).status_code == 404


# --- what it says -----------------------------------------------------------------------------------------------------


def test_jobs_are_told_by_status_and_age(alice):
    now = timezone.now()
    make_job(alice)
    make_job(alice, status=Status.RUNNING, submitted_at=now - timedelta(minutes=5))
    make_job(alice, status=Status.RUNNING, submitted_at=now - timedelta(hours=2), late_at=now)
    make_fence(make_job(alice, status=Status.UNKNOWN), now - timedelta(days=2))
    make_fence(make_job(alice, status=Status.SUCCEEDED), now - timedelta(seconds=20))
    said = figures()

    told = {name: number for name, number in said.items() if name.startswith("jobs ") and number}
    assert told == {"jobs 1m queued": 1, "jobs 10m running": 1, "jobs 1d running": 1, "jobs older unknown": 1}
    assert said["job_oldest_seconds running"] == pytest.approx(7200, abs=60)
    assert said["job_oldest_seconds collecting"] == 0
    assert said["jobs_late"] == 1
    assert said["in_flight"] == 2  # an old unknown job takes no place
    assert said["submissions_last_minute"] == 1


def test_a_job_that_went_back_into_the_line_waits_since_it_was_ordered(alice):
    ordered = timezone.now() - timedelta(hours=3)
    make_job(alice, created_at=ordered, submit_started_at=timezone.now())

    assert figures()["job_oldest_seconds queued"] == pytest.approx(3 * 3600, abs=60)


def test_statuses_that_nobody_knows_are_told(alice):
    for name in ("paused", "paused", "thinking", ""):
        make_job(alice, status=Status.RUNNING, odd_status=name)
    make_job(alice, status=Status.FAILED, odd_status="paused")
    said = figures()

    assert {name: number for name, number in said.items() if name.startswith("unknown_statuses")} == {
        "unknown_statuses paused": 2,
        "unknown_statuses thinking": 1,
    }


def test_the_gate_is_told():
    now = timezone.now()
    services.the_gate()
    Gate.objects.update(
        predictions_at_a_time=50,
        narrowed_to=7,
        narrowed_until=now + timedelta(seconds=20),
        closed_at=now,
        closed_for="balance",
        balance=1_500_000,
        balance_at=now - timedelta(minutes=3),
    )
    said = figures()

    assert (said["gate_places"], said["gate_narrowed"], said["gate_submissions_a_minute"]) == (7, 1, 6000)
    assert (said["gate_closed balance"], said["gate_closed operator"]) == (1, 0)
    assert said["balance_dollars"] == 1.5
    assert said["balance_age_seconds"] == pytest.approx(180, abs=60)
    Gate.objects.update(narrowed_until=now, closed_at=None)
    said = figures()
    assert (said["gate_places"], said["gate_narrowed"], said["gate_closed balance"]) == (50, 0, 0)


def test_open_holds_are_told_by_age(alice):
    first, second = make_job(alice), make_job(alice)
    make_job(alice, status=Status.SUCCEEDED)
    Hold.objects.filter(pk=second.hold_id).update(created_at=timezone.now() - timedelta(hours=30))
    said = figures()

    assert (said["holds_open 1m"], said["holds_open older"], said["holds_open 1h"]) == (1, 1, 0)
    assert said["holds_open_dollars older"] == first.hold.spend / 1_000_000


def test_hints_are_told_by_cluster():
    now = timezone.now()
    for key, lock in (("clapboard", -90), ("clapboard", -5), ("clapboard", 300), ("collect", 300)):
        OrmQ.objects.create(key=key, payload="x", lock=now + timedelta(seconds=lock))
    said = figures()

    assert (said["hints_waiting clapboard"], said["hints_taken clapboard"]) == (2, 1)
    assert (said["hints_waiting collect"], said["hints_taken collect"]) == (0, 1)
    assert said["hint_oldest_seconds clapboard"] == pytest.approx(90, abs=60)
    assert said["hint_oldest_seconds collect"] == 0


def test_signs_of_life_and_webhooks_are_told(settings):
    assert math.isinf(figures()["heartbeat_age_seconds watcher"])
    assert math.isinf(figures()["webhook_age_seconds"])
    now = timezone.now()
    Heartbeat.objects.create(name="watcher", beat_at=now - timedelta(seconds=100))
    Ear.objects.create(pk=1, heard_at=now - timedelta(seconds=100))
    settings.PUBLIC_URL = "https://clapboard.example.org"
    said = figures()

    assert said["heartbeat_age_seconds watcher"] == pytest.approx(100, abs=60)
    assert math.isinf(said["heartbeat_age_seconds clapboard"])
    assert said["webhook_age_seconds"] == pytest.approx(100, abs=60)
    assert (said["webhooks_arrive"], said["webhooks_wanted"]) == (1, 1)
    settings.PUBLIC_URL = ""
    assert figures()["webhooks_wanted"] == 0


def test_daily_chores_are_told():
    now = timezone.now()
    Chore.objects.all().delete()
    Chore.objects.create(name="reconcile", due_at=now, ended_at=now - timedelta(days=3), result=Chore.Result.FAILED)
    Chore.objects.create(name="check_ledger", due_at=now)
    said = figures()

    assert said["chore_age_seconds reconcile"] == pytest.approx(3 * 86400, abs=60)
    assert math.isinf(said["chore_age_seconds check_ledger"])
    assert (said["chore_failed reconcile"], said["chore_failed check_ledger"]) == (1, 0)


def test_a_chore_that_found_something_is_told():
    now = timezone.now()
    Chore.objects.all().delete()
    for name, result, found in (("check_ledger", "found", "spend differs"), ("reconcile", "fine", "")):
        Chore.objects.create(name=name, due_at=now, ended_at=now, result=result, found=found)
    said = figures()

    assert (said["chore_found check_ledger"], said["chore_found reconcile"]) == (1, 0)
    assert said["chore_failed check_ledger"] == 0


def test_a_check_that_fails_does_not_end_the_alarm_about_what_was_found():
    now = timezone.now()
    daily.ensure_chores(now)
    daily._write_down("check_ledger", Chore.Result.FOUND, "spend differs", now, next_at=now, found=1)
    daily.failed("check_ledger", "The database was busy.", now)
    said = figures()

    assert (said["chore_found check_ledger"], said["chore_failed check_ledger"]) == (1, 1)


def test_the_most_overdue_look_and_unanswered_questions_are_told(alice):
    assert (figures()["look_overdue_seconds"], figures()["jobs_unanswered"]) == (0, 0)
    now = timezone.now()
    for attempts, due in ((3, 40), (0, 400), (2, 5), (7, -30)):
        make_job(alice, status=Status.RUNNING, attempts=attempts, due_at=now - timedelta(seconds=due))
    for status in (Status.COLLECTING, Status.UNKNOWN, Status.QUEUED):  # due for something else
        make_job(alice, status=status, attempts=9, due_at=now - timedelta(hours=2))
    said = figures()

    assert said["look_overdue_seconds"] == pytest.approx(400, abs=60)
    assert said["jobs_unanswered"] == 2


def test_who_is_silent_is_told_as_readyz_sees_it(alice):
    now = timezone.now()
    Heartbeat.objects.create(name="clapboard", beat_at=now)
    Heartbeat.objects.create(name="collect", beat_at=now - timedelta(hours=1))
    assert [figures()[f"silent {name}"] for name in ("watcher", "clapboard", "collect")] == [1, 0, 1]

    make_job(alice, status=Status.COLLECTING, lease_until=now + timedelta(minutes=1))  # a long download
    assert figures()["silent collect"] == 0


def test_open_differences_are_told_by_kind(alice):
    now = timezone.now()
    words = {"ours": "x", "theirs": "y", "noted_at": now}
    Difference.objects.create(kind="not_ours", prediction_id="1", **words)
    Difference.objects.create(kind="not_ours", prediction_id="2", resolved_at=now, **words)
    said = figures()

    assert (said["differences_open not_ours"], said["differences_open no_verdict"]) == (1, 0)


def test_the_last_jobs_are_told_by_quantiles(alice):
    ended(alice, wait=1, provider=60, noticed=0.02, heard=True, polls=2)
    ended(alice, wait=2, provider=61, noticed=0.04, heard=True, polls=2)
    ended(alice, wait=30, provider=90, noticed=0.4, heard=False, polls=11)
    make_job(alice, status=Status.FAILED)
    Job.objects.filter(pk=make_job(alice, status=Status.SUCCEEDED).pk).update(
        finished_at=timezone.now() - timedelta(hours=1)
    )
    said = figures()

    model = "lightricks/ltx-2-pro/text-to-video"
    waits = [said[f"recent_queue_wait_seconds {model} {q}"] for q in ("0.5", "0.95", "1")]
    assert waits == pytest.approx([2, 30, 30], abs=0.01)
    assert said[f"recent_provider_seconds {model} 0.5"] == pytest.approx(61, abs=0.01)
    assert said[f"recent_collect_seconds {model} 1"] == pytest.approx(3, abs=0.01)
    assert said["recent_notice_delay_seconds webhook 1"] == pytest.approx(0.04, abs=0.001)
    assert said["recent_notice_delay_seconds poll 1"] == pytest.approx(0.4, abs=0.01)
    assert (said["recent_polls webhook 1"], said["recent_polls poll 1"]) == (2, 11)
    assert (said["recent_noticed webhook"], said["recent_noticed poll"]) == (2, 1)
    assert said[f"recent_jobs  {model} succeeded"] == 3
    assert said[f"recent_jobs provider_failed {model} failed"] == 1


def test_nothing_of_a_user_is_told(alice):
    make_job(alice, status=Status.FAILED, provider_error="A heron")
    text = answer().content.decode()

    assert "heron" not in text
    assert "fox" not in text
    assert "alice" not in text


# --- what it costs ----------------------------------------------------------------------------------------------------


def asked(look: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        look()
    return [query["sql"] for query in captured]


def crowd(number: int) -> None:
    """Write jobs in every status, holds, hints and events, thousands of rows in a few statements."""
    job = make_job(make_user(), status=Status.RUNNING)
    statuses = [status for status in Status.values if status != Status.SUCCEEDED]
    values = {field.attname: getattr(job, field.attname) for field in Job._meta.concrete_fields}
    held = {field.attname: getattr(job.hold, field.attname) for field in Hold._meta.concrete_fields}
    now = timezone.now()
    ids = [uuid4() for _ in range(number)]
    holds = Hold.objects.bulk_create(Hold(**held | {"id": None, "reference": pk}) for pk in ids)
    Job.objects.bulk_create(
        Job(
            **values | {"id": pk, "hold_id": hold.pk, "prediction_id": None, "status": statuses[place % len(statuses)]},
        )
        for place, (pk, hold) in enumerate(zip(ids, holds, strict=True))
    )
    Job.objects.filter(status__in=["failed", "canceled"]).update(finished_at=now)
    OrmQ.objects.bulk_create(OrmQ(key="clapboard", payload="x", lock=now) for _ in range(number))
    JobEvent.objects.bulk_create(JobEvent(job=job, at=now, to_status="running", actor="test") for _ in range(number))


def test_thousands_of_rows_take_as_many_statements_as_none(settings):
    services.the_gate()
    few = asked(answer)

    crowd(3_000)
    many = asked(answer)

    assert len(many) == len(few) <= 20
    assert sum(number for name, number in figures().items() if name.startswith("jobs ")) > 2_000


# --- what is written about it -----------------------------------------------------------------------------------------


def test_the_page_explains_every_figure_and_no_other(alice):
    services.the_gate()
    Gate.objects.update(balance=1, balance_at=timezone.now())
    ended(alice, wait=1, provider=60, noticed=0.02, heard=True)
    page = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text()
    served = {family.name for family in families()}

    assert set(re.findall(r"clapboard_[a-z_]+", page)) == served
    explained = {name for line in page.split("## Now")[1].splitlines() for name in re.findall(r"^\| (.*?) \|", line)}
    assert {name for cell in explained for name in re.findall(r"`(clapboard_\w+)`", cell)} == served
