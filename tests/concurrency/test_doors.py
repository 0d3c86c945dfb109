"""Nothing is sold that is not there, through whatever door people really come: each alone, and all at once."""

import multiprocessing.forkserver
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import cycle, islice

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import ApiKey, Hold, LedgerEntry, Period, Plan, Subscription, User
from billing.money import LIMITS, Amount
from billing.services import holding
from generation.models import Gate, Job, JobEvent, Status, Upload
from tests.calls import bring_to_life
from tests.concurrency.doors import DOORS, MADE, OF_KEYS, REFUSALS, Caller, go
from tests.concurrency.racing import race
from tests.make import ACTOR, make_job, make_plan, make_user

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 16
TWICE = tuple(DOORS) * 2
FITTING = 5
A_JOB = {"spend": 360_000, "videos": 1, "seconds": 6}
COSTS = {door: 600_000 if "retake" in door else 360_000 for door in DOORS}

Answers = Counter[tuple[str, str]]


@pytest.fixture(autouse=True)
def _warm_processes() -> None:
    """Let the processes that race on SQLite know the doors before they begin."""
    if connection.vendor == "postgresql":
        return  # whose races are threads
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.concurrency.warm"])
    # Whoever raced here before has started it with less, and all goes the same way, more slowly.
    multiprocessing.forkserver.ensure_running()


@pytest.fixture(autouse=True)
def _nothing_else_interferes(transactional_db: None) -> None:
    """Give the rig a wide Gate and a living engine."""
    Gate.objects.create(pk=1, predictions_at_a_time=1000, submissions_a_minute=60_000)
    bring_to_life()


class Rig:
    """Alice, who has an unlimited plan of her own, and what each who will come in needs: failed and finished jobs."""

    def __init__(self, doors: Sequence[str], media: str) -> None:
        self.doors = doors
        self.alice = make_user(plan=make_plan())
        self.media = media
        self.secret = billing.create_api_key(self.alice, "test")[1]
        self.session = _session(self.alice)
        self.operator = _session(make_user(is_staff=True, is_superuser=True))
        make_job(self.alice, status=Status.FAILED)  # opens the period, and takes nothing of it
        self.callers = [self._caller(door) for door in doors]
        self.before = _rows()

    def race(self) -> Answers:
        """Let all come in at once, and return how often each door gave each answer."""
        answers = race(go, list(zip(self.doors, self.callers, strict=True)))
        pairs = (answer.split(": ", 1) for answer in answers)
        return Counter((door, said) for door, said in pairs)

    def allow(self, limit: str, amount: int, source: str = "override") -> None:
        """Let so much more than what is used be allowed: by an override, a grant, or a plan."""
        if source == "plan":
            self._begin_a_month_with(limit, amount)
            return
        used, now = getattr(the_period(), f"{limit}_spent"), timezone.now()
        beforehand = used + (amount if source == "override" else 0)
        billing.set_override(self.alice, limit, beforehand, reason="A race.", now=now, by=ACTOR)
        if source == "grant":
            extra = Amount(**(dict.fromkeys(LIMITS, 0) | {limit: amount}))
            billing.grant(self.alice, extra, reason="A race.", now=now, by=ACTOR)

    def adds_up(self, made: int) -> bool:
        """Say whether that many jobs were made, each with hold, line and event, and nothing beside them."""
        assert [after - before for after, before in zip(_rows(), self.before, strict=True)] == [made] * 4
        assert Upload.objects.filter(deleted_at__isnull=True).count() == Job.objects.exclude(upload=None).count()
        held = list(Hold.objects.filter(state=Hold.State.HELD))
        for limit in LIMITS:
            assert getattr(the_period(), f"{limit}_held") == sum(getattr(hold, limit) for hold in held)
        return not list(differences())

    def _caller(self, door: str) -> Caller:
        failed, finished = (
            str(make_job(self.alice, status=status).pk) if what in door else ""
            for what, status in (("retry", Status.FAILED), ("retake", Status.SUCCEEDED))
        )
        return Caller(
            user=self.alice.pk,
            key=self.secret,
            session=self.session,
            operator=self.operator,
            failed=failed,
            finished=finished,
            media=self.media,
        )

    def _begin_a_month_with(self, limit: str, amount: int) -> None:
        """Move what has been into the month before: the race is the first to need the period of now, and opens it."""
        over = timedelta(days=35)
        Plan.objects.filter(subscriptions__user=self.alice).update(**{f"{limit}_limit": amount})
        Subscription.objects.filter(user=self.alice).update(anchor=F("anchor") - over)
        Period.objects.update(starts_at=F("starts_at") - over, ends_at=F("ends_at") - over)


@pytest.fixture
def rig(settings) -> Callable[[Sequence[str]], Rig]:
    """Builds the rig for those who will come in, one for each door that is named."""
    return lambda doors: Rig(doors, str(settings.MEDIA_ROOT))


def the_period() -> Period:
    """Return the newest one."""
    return Period.objects.order_by("-starts_at")[0]


def _session(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _rows() -> list[int]:
    held = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.HOLD)
    created = JobEvent.objects.filter(from_status="")
    return [rows.count() for rows in (Job.objects.all(), Hold.objects.all(), held, created)]


def made_of(answers: Answers) -> int:
    return sum(number for (_, answer), number in answers.items() if answer == MADE)


def refusals_of(answers: Answers) -> dict[str, str]:
    return {door: answer for door, answer in answers if answer != MADE}


def expected(doors: Sequence[str], limit: str) -> dict[str, str]:
    """Return how these doors say that a limit is reached."""
    return {door: REFUSALS[door].format(limit=limit) for door in doors}


# --- Each door alone --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
def test_of_sixteen_at_once_at_one_door_those_that_fit_get_a_video(rig, door):
    rig = rig([door] * AT_ONCE)
    rig.allow("spend", FITTING * COSTS[door])
    answers = rig.race()
    assert answers == {(door, MADE): FITTING, (door, REFUSALS[door].format(limit="spend")): AT_ONCE - FITTING}
    assert rig.adds_up(FITTING)
    assert the_period().left("spend") == 0


# --- All doors at once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "limit"), [("plan", "videos"), ("override", "seconds"), ("grant", "videos")])
def test_through_all_doors_at_once_exactly_what_there_is_is_sold(rig, source, limit):
    rig = rig(TWICE)
    rig.allow(limit, FITTING * A_JOB[limit], source)
    answers = rig.race()
    assert made_of(answers) == FITTING
    assert refusals_of(answers).items() <= expected(DOORS, limit).items()
    assert rig.adds_up(FITTING)
    assert (the_period().left(limit), the_period().spend_limit) == (0, None)
    assert Period.objects.count() == (2 if source == "plan" else 1)


def test_of_jobs_that_cost_differently_no_more_is_sold_than_there_is(rig):
    rig = rig(TWICE)
    rig.allow("spend", 2_000_000, "grant")
    answers = rig.race()
    assert rig.adds_up(made_of(answers))
    # Nothing comes back in this race: whoever was refused did not fit then, and would not fit now.
    refused = refusals_of(answers)
    assert 0 <= the_period().left("spend") < min(COSTS[door] for door in refused)
    assert refused.items() <= expected(DOORS, "spend").items()


def test_where_all_limits_are_near_none_is_oversold(rig):
    rig = rig(TWICE)
    rig.allow("spend", FITTING * 600_000)
    rig.allow("videos", FITTING)
    rig.allow("seconds", FITTING * 6 + 5)
    answers = rig.race()
    assert made_of(answers) == FITTING
    assert {answer.rpartition(" ")[2] for answer in refusals_of(answers).values()} <= {
        *("spend", "videos"),  # whichever is reached first
        *("402", "warning"),
    }
    assert rig.adds_up(FITTING)
    assert (the_period().left("videos"), the_period().left("seconds")) == (0, 5)


# --- The cap of a key -------------------------------------------------------------------------------------------------

OF_ONE_PRICE = tuple(door for door in OF_KEYS if COSTS[door] == A_JOB["spend"])


def test_the_cap_of_a_key_is_kept_through_all_doors_that_ask_for_one(rig):
    rig = rig(list(islice(cycle(OF_ONE_PRICE), AT_ONCE)))
    ApiKey.objects.update(spend_limit=FITTING * 360_000)
    answers = rig.race()
    assert made_of(answers) == FITTING
    # Where the three that fit the key are the cheap ones, they also are the last videos that there are.
    allowed = expected(OF_KEYS, "key").items() | expected(OF_KEYS, "videos").items()
    assert refusals_of(answers).items() <= allowed
    assert rig.adds_up(FITTING)
    key = ApiKey.objects.get()
    assert (key.spend_held, key.left) == (FITTING * 360_000, 0)


def test_what_a_cap_refuses_takes_nothing_of_the_period_from_those_who_come_without_a_key(rig):
    rig = rig(TWICE)
    ApiKey.objects.update(spend_limit=3 * 360_000)
    without_key = [door for door in TWICE if door not in OF_KEYS]
    rig.allow("videos", len(without_key) + 3)
    answers = rig.race()
    # Whoever is refused for the key has taken of the period before, in a transaction that is rolled back.
    assert all(answers[door, MADE] == 2 for door in without_key)
    # Where the three that fit the key are the cheap ones, they also are the last videos that there are.
    allowed = expected(OF_KEYS, "key").items() | expected(OF_KEYS, "videos").items()
    assert refusals_of(answers).items() <= allowed
    assert rig.adds_up(made_of(answers))
    assert 0 <= ApiKey.objects.get().left < min(COSTS[door] for door in refusals_of(answers))


# --- The rig itself ---------------------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_control_without_the_guard_every_door_oversells(rig, unchecked, monkeypatch):
    # This test exists to show that all doors race, and that the rig would see it.
    meeting = threading.Barrier(len(TWICE), timeout=60)

    def take_naively(period: Period, amount: Amount, now: object) -> bool:
        if billing.violated_limit(period, amount):
            return False
        meeting.wait()  # all have compared before any adds
        sums = {f"{limit}_held": F(f"{limit}_held") + getattr(amount, limit) for limit in LIMITS}
        return Period.objects.filter(pk=period.pk).update(**sums) == 1

    rig = rig(TWICE)
    rig.allow("videos", FITTING)
    monkeypatch.setattr(holding, "take", take_naively)
    assert rig.race() == {(door, MADE): 2 for door in DOORS}
    assert the_period().left("videos") == FITTING - len(TWICE)
