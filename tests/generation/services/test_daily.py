"""Once a day: handed over once, done by one, written down, and told."""

from datetime import datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core import mail
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ

from billing.models import Notice, Period
from generation import tasks
from generation.models import Alert, Chore, JobNotice, Status
from generation.notices import send_notices
from generation.providers.errors import Unavailable
from generation.providers.wavespeed import WaveSpeed
from generation.services import daily
from generation.services.provider import wavespeed
from tests.make import make_job, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def chores(db):
    """Make the rows, all of them due."""
    daily.ensure_chores(timezone.now())
    Chore.objects.update(due_at=timezone.now())
    return Chore.objects.order_by("name")


def do(name: str) -> Chore:
    """Hand a chore over and do it."""
    daily.ensure_chores(timezone.now())
    daily.do_now(name, timezone.now())
    daily.hand_chores(timezone.now())
    assert daily.do_chore(name, timezone.now())
    return Chore.objects.get(name=name)


def test_rows_are_made_once_and_begin_an_hour_later(db):
    for _ in range(2):
        daily.ensure_chores(timezone.now())

    assert sorted(Chore.objects.values_list("name", flat=True)) == sorted(daily.CHORES)
    assert daily.hand_chores(timezone.now()) == 0
    assert daily.hand_chores(timezone.now() + timedelta(hours=1, seconds=1)) == len(daily.CHORES)


def test_what_is_due_is_handed_over_once(chores):
    assert daily.hand_chores(timezone.now()) == len(daily.CHORES)
    assert daily.hand_chores(timezone.now()) == 0
    assert OrmQ.objects.count() == len(daily.CHORES)


def test_the_log_does_not_repeat_what_the_provider_says(db, monkeypatch, caplog):
    def away(_now):
        raise Unavailable("no answer: 500 'A heron in fog, https://cdn.example.org/o.mp4?sig=secret'", status=500)

    monkeypatch.setitem(daily.CHORES, "reconcile", away)

    assert "A heron in fog" in do("reconcile").report
    assert "Unavailable" in caplog.text
    assert "heron" not in caplog.text
    assert "sig=" not in caplog.text


def test_two_watchers_that_see_it_hand_it_over_once(chores):
    seen = chores[0]

    assert daily._hand(seen, timezone.now())
    assert not daily._hand(seen, timezone.now())


def test_a_hint_that_comes_twice_is_done_once(chores):
    daily.hand_chores(timezone.now())

    assert daily.do_chore("prune", timezone.now())
    assert not daily.do_chore("prune", timezone.now())


def test_a_chore_whose_worker_died_is_handed_over_again(chores):
    daily.hand_chores(timezone.now())
    Chore.objects.filter(name="prune").update(handed_at=None, began_at=timezone.now())  # and then it was killed

    later = timezone.now() + timedelta(hours=1, seconds=1)
    assert daily.hand_chores(later) == len(daily.CHORES)
    assert daily.do_chore("prune", later)


def die_at_it(now: datetime) -> None:
    """Hand over the chore that is due, and be killed while it is done."""
    daily.hand_chores(now)
    taken = Chore.objects.filter(name="prune", handed_at__isnull=False)
    assert taken.update(handed_at=None, began_at=now, lease_until=now + timedelta(minutes=1))


def test_a_chore_whose_workers_die_is_told_once_and_a_single_death_is_not(chores):
    now, told = timezone.now(), []
    for _ in range(4):
        die_at_it(now)
        now += timedelta(hours=1, seconds=1)
        told.append(Alert.objects.count())

    assert told == [0, 0, 1, 1]
    assert Alert.objects.get().subject == "The daily prune could not be done; it is tried again every hour"
    assert Chore.objects.get(name="prune").result == Chore.Result.FAILED


def test_deaths_before_it_was_done_are_forgotten(chores):
    now = timezone.now()
    die_at_it(now)
    now += timedelta(hours=1, seconds=1)
    daily.hand_chores(now)
    daily.do_chore("prune", now)
    for _ in range(2):
        daily.do_now("prune", now)
        die_at_it(now)
        now += timedelta(hours=1, seconds=1)

    assert Chore.objects.get(name="prune").deaths == 1
    assert not Alert.objects.exists()


def test_a_chore_that_somebody_is_at_is_handed_to_nobody_else(chores, monkeypatch):
    handed = []

    def slow(now: datetime) -> daily.Outcome:
        daily.do_now("prune", now)
        handed.append(daily.hand_chores(now))
        return daily.Outcome(report="")

    monkeypatch.setitem(daily.CHORES, "prune", slow)
    daily.hand_chores(timezone.now())
    daily.do_chore("prune", timezone.now())
    assert handed == [0]


def test_what_came_of_it_is_written_down_and_it_is_due_a_day_later(db):
    chore = do("check_ledger")

    assert (chore.result, chore.report) == (Chore.Result.FINE, "0 differences")
    assert chore.due_at - chore.began_at == timedelta(days=1)
    assert chore.ended_at
    assert not Alert.objects.exists()


def test_a_number_that_the_ledger_does_not_bear_out_is_told_to_operators(alice, olga):
    make_job(alice)
    Period.objects.filter(subscription__user=alice).update(spend_spent=1)

    chore = do("check_ledger")

    assert chore.result == Chore.Result.FOUND
    assert "spend_spent is 1, the ledger says 0" in chore.report
    send_notices(timezone.now())
    (sent,) = [one for one in mail.outbox if one.to == [olga.email]]
    assert sent.subject == "[Clapboard] The ledger does not bear out a number"
    assert "spend_spent is 1, the ledger says 0" in sent.body


def test_a_long_list_is_cut_and_counted(alice, monkeypatch):
    monkeypatch.setattr(daily, "_MOST_TOLD", 2)
    make_job(alice)
    Period.objects.filter(subscription__user=alice).update(spend_spent=1, videos_spent=1, seconds_spent=1)

    assert do("check_ledger").report.splitlines()[2:] == ["and 1 more", "3 differences"]


def test_reconcile_tells_of_a_prediction_that_is_not_ours(sandbox, olga):
    stranger = wavespeed().submit("lightricks/ltx-2-pro/text-to-video", {"prompt": "A fox that nobody ordered"})
    later = timezone.now() + timedelta(minutes=10)
    daily.ensure_chores(later)
    daily.do_now("reconcile", later)
    daily.hand_chores(later)
    daily.do_chore("reconcile", later)

    chore = Chore.objects.get(name="reconcile")
    assert chore.result == Chore.Result.FOUND
    assert stranger.id in chore.report
    assert "1 new differences, 1 to be resolved, 0 jobs unknown" in chore.report
    assert Alert.objects.get().kind == Alert.Kind.DIFFERENCES


def test_what_was_found_before_the_provider_fell_silent_is_told(sandbox, alice, monkeypatch):
    stranger = wavespeed().submit("lightricks/ltx-2-pro/text-to-video", {"prompt": "A fox that nobody ordered"})
    make_job(alice, status=Status.SUCCEEDED, prediction_id="x", finished_at=timezone.now() - timedelta(hours=5))

    def away(self, ids):
        raise Unavailable("away")

    monkeypatch.setattr(WaveSpeed, "bills", away)
    later = timezone.now() + timedelta(minutes=10)
    daily.ensure_chores(later)
    daily.do_now("reconcile", later)
    daily.hand_chores(later)
    daily.do_chore("reconcile", later)

    chore = Chore.objects.get(name="reconcile")
    assert (chore.result, chore.due_at) == (Chore.Result.FAILED, later + timedelta(hours=1))
    assert chore.report.startswith("WaveSpeed did not say: away\n")
    assert stranger.id in Alert.objects.get().text


def test_what_was_found_is_kept_until_all_is_looked_at_and_nothing_found(db, monkeypatch):
    kept = []

    def away(now: datetime) -> daily.Outcome:
        raise Unavailable("away")

    for came_of_it in (
        lambda now: daily.Outcome(report="spend differs", found=1),
        away,
        lambda now: daily.Outcome(report="half was looked at", is_whole=False),
        lambda now: daily.Outcome(report="videos differ", found=1, is_whole=False),
        lambda now: daily.Outcome(report="0 differences"),
    ):
        monkeypatch.setitem(daily.CHORES, "check_ledger", came_of_it)
        kept.append(do("check_ledger").found)

    assert kept == ["spend differs", "spend differs", "spend differs", "videos differ", ""]


def test_the_migration_keeps_what_is_found_already(chores):
    chores.filter(name="check_ledger").update(result=Chore.Result.FOUND, report="spend differs")
    chores.filter(name="prune").update(result=Chore.Result.FAILED, report="away")
    import_module("generation.migrations.0022_what_was_found_is_kept").keep(apps, None)

    assert dict(chores.exclude(found="").values_list("name", "found")) == {"check_ledger": "spend differs"}


def test_the_offer_is_checked(sandbox):
    chore = do("check_models")

    assert (chore.result, chore.report) == (
        Chore.Result.FINE,
        "0 differences between WaveSpeed's offer and ours",
    )


def test_a_provider_that_is_away_is_asked_again_in_an_hour_and_told_of_once(db, monkeypatch):
    def away(now):
        raise Unavailable("away")

    monkeypatch.setitem(daily.CHORES, "reconcile", away)
    for _ in range(2):
        chore = do("reconcile")

    assert (chore.result, chore.report) == (Chore.Result.FAILED, "WaveSpeed did not say: away")
    assert chore.due_at - chore.began_at == timedelta(hours=1)
    assert Alert.objects.get().subject == "The daily reconcile could not be done; it is tried again every hour"


def test_what_breaks_unexpectedly_is_written_down_too(db, monkeypatch):
    def broken(now):
        raise ValueError("a mistake of ours")

    monkeypatch.setitem(daily.CHORES, "prune", broken)
    daily.ensure_chores(timezone.now())
    daily.do_now("prune", timezone.now())
    daily.hand_chores(timezone.now())
    tasks.do_chore("prune")

    assert Chore.objects.get(name="prune").result == Chore.Result.FAILED
    assert Alert.objects.count() == 1


def test_what_grows_without_end_is_removed_and_what_is_needed_stays(alice):
    now = timezone.now()
    job = make_job(alice, status=Status.RUNNING)
    period = Period.objects.get(subscription__user=alice)
    for number, age in enumerate((29, 31)):
        moment = now - timedelta(days=age)
        Failure.objects.create(
            id=f"{number}", name="x", func="x", started=moment, stopped=moment, success=False, result="x"
        )
        kind = (JobNotice.Kind.LATE, JobNotice.Kind.FAILED)[number]
        JobNotice.objects.create(job=job, kind=kind, created_at=moment)
        Session.objects.create(session_key=f"{number}", expire_date=now + timedelta(days=30 - age))
    Notice.objects.create(period=period, kind=Notice.Kind.LIMIT_80, limit="spend", created_at=now - timedelta(days=99))

    chore = do("prune")

    assert chore.report == "1 hints done or failed, 1 notices of jobs, 0 alerts, 0 notices of limits removed"
    assert [Failure.objects.get().pk, JobNotice.objects.get().kind, Session.objects.get().pk] == ["0", "late", "0"]
    # Its period lasts: it would be given a second time.
    assert Notice.objects.exists()
    Period.objects.update(starts_at=now - timedelta(days=200), ends_at=now - timedelta(days=91))
    do("prune")
    assert not Notice.objects.exists()


def test_operators_see_each_and_may_start_it_and_onlookers_may_not(chores, client, olga):
    address = reverse("admin:generation_chore_change", args=["prune"])
    Chore.objects.update(due_at=timezone.now() + timedelta(days=1))
    client.force_login(make_user(is_staff=True))
    assert client.get(address).status_code == 403

    client.force_login(olga)
    assert b"Do it now" in client.get(address).content
    client.post(reverse("admin:generation_chore_do_now", args=["prune"]), {"_form_submitted": "True"})

    assert Chore.objects.get(name="prune").due_at <= timezone.now()
