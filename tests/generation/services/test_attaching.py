"""Looking for unknown jobs: few lists, found one by one, by one collector, and never for long."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from generation import services, tasks
from generation.models import Errand, Job, Status
from generation.pacing import Budget
from generation.providers.errors import Unavailable
from generation.providers.wavespeed import WaveSpeed
from generation.rounds import Rounds
from generation.services import attaching
from generation.services.provider import wavespeed
from tests.make import make_job, make_user

pytestmark = pytest.mark.django_db

_PRO = "lightricks/ltx-2-pro/text-to-video"


def unknown(*, minutes_ago: float = 0, **fields) -> Job:
    """Make an unknown job that is due, sent so long ago."""
    now = timezone.now()
    fields = {"submit_started_at": now - timedelta(minutes=minutes_ago), "due_at": now - timedelta(seconds=1)} | fields
    return make_job(make_user(), status=Status.UNKNOWN, **fields)


def due() -> int:
    return Job.objects.filter(status=Status.UNKNOWN, due_at__lte=timezone.now()).count()


@pytest.fixture
def lists(monkeypatch) -> list[str]:
    """Write down of which model each list is asked."""
    asked: list[str] = []
    predictions = WaveSpeed.predictions

    def counted(self, **wish):
        asked.append(wish["model"])
        return predictions(self, **wish)

    monkeypatch.setattr(WaveSpeed, "predictions", counted)
    return asked


def test_for_one_job_that_is_due_one_list_is_asked(sandbox, lists):
    for _ in range(5):
        unknown(due_at=timezone.now() + timedelta(hours=1))
    unknown()
    services.look_for_unknown(timezone.now())
    assert len(lists) == 1


def test_one_list_answers_for_jobs_of_about_the_same_time(sandbox, lists):
    jobs = [unknown(minutes_ago=minutes) for minutes in (0, 4, 8)]
    Job.objects.filter(pk=jobs[0].pk).update(prompt="A grey wolf")
    prediction_id = wavespeed().submit(_PRO, {"prompt": "A grey wolf"}).id
    assert services.look_for_unknown(timezone.now()) == 1
    assert Job.objects.get(prediction_id=prediction_id) == jobs[0]
    assert (len(lists), due()) == (1, 0)


def test_jobs_of_other_times_and_models_have_lists_of_their_own(sandbox, lists):
    for minutes in (0, 30, 60):
        unknown(minutes_ago=minutes)
    unknown(model="lightricks/ltx-2-fast/text-to-video")
    services.look_for_unknown(timezone.now())
    assert len(lists) == 4


def test_a_long_outage_is_not_one_list(sandbox, lists):
    for minutes in range(0, 60, 4):
        unknown(minutes_ago=minutes)
    services.look_for_unknown(timezone.now())
    assert 3 <= len(lists) <= 5


class Killed(BaseException):
    """The process is killed."""


def test_what_was_found_stays_so_when_the_worker_is_killed_and_the_rest_stays_due(sandbox, monkeypatch):
    old, young = unknown(minutes_ago=30), unknown()
    wavespeed().submit(_PRO, {"prompt": young.prompt})
    give = attaching._give

    def killed(*args, **wish):
        give(*args, **wish)
        raise Killed

    monkeypatch.setattr(attaching, "_give", killed)
    Job.objects.filter(pk=old.pk).update(submit_started_at=timezone.now() + timedelta(minutes=30))  # comes second
    with pytest.raises(Killed):
        services.look_for_unknown(timezone.now())
    young.refresh_from_db()
    assert (young.status, due()) == (Status.RUNNING, 1)


def test_a_list_that_is_not_given_holds_up_no_other_and_is_asked_for_again_soon(sandbox, monkeypatch):
    failing, other = unknown(minutes_ago=30, attempts=5), unknown()
    wavespeed().submit(_PRO, {"prompt": other.prompt})
    predictions = WaveSpeed.predictions

    def flaky(self, **wish):
        if wish["created_after"] < timezone.now() - timedelta(minutes=10):
            raise Unavailable("HTTP 503")
        return predictions(self, **wish)

    monkeypatch.setattr(WaveSpeed, "predictions", flaky)
    now = timezone.now()
    with pytest.raises(Unavailable):
        services.look_for_unknown(now)
    other.refresh_from_db()
    failing.refresh_from_db()
    assert (other.status, failing.due_at) == (Status.RUNNING, now + timedelta(minutes=5))


def test_what_a_minute_does_not_allow_stays_due(sandbox, lists, monkeypatch):
    unknown()
    unknown(minutes_ago=30)
    monkeypatch.setattr(attaching, "_LONGEST", 0.0)
    services.look_for_unknown(timezone.now())
    assert due() >= 1
    services.look_for_unknown(timezone.now(), all_of_them=True)
    assert len(lists) >= 2


def test_one_collector_at_a_time_looks(sandbox):
    unknown()
    for _ in range(2):
        Rounds(Budget(rate=10)).turn()
    told = [hint.key for hint in OrmQ.objects.all() if hint.func() == "generation.tasks.look_for_unknown"]
    assert told == ["collect"]
    tasks.look_for_unknown()
    assert (due(), Errand.objects.get(name="look_for_unknown").lease_until) == (0, None)
