"""Many jobs and many predictions are matched as each pair would be, with work that grows as they do."""

import random
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from django.utils import timezone

from generation import services
from generation.models import Job, Status
from generation.providers.predictions import Prediction
from generation.providers.wavespeed import WaveSpeed
from generation.services import fitting
from generation.services.fitting import candidates_of, only_fits
from tests.generation.services.test_bills import many_failed
from tests.generation.services.test_listing import Account, predictions
from tests.make import make_job, make_plan, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

_MODEL = "wavespeed-ai/hunyuan-video-1.5/text-to-video"


def unknown(number: int, wish: Callable[[int], dict[str, object]] = lambda _: {}) -> list[Job]:
    """Make so many unknown jobs of the same moment, as rows, each with what `wish` says of it."""
    job = make_job(make_user(plan=make_plan()), status=Status.UNKNOWN)
    many_failed(job, number - 1)
    now = timezone.now()
    jobs = list(Job.objects.order_by("pk"))
    for place, each in enumerate(jobs):
        each.prediction_id, each.submit_started_at, each.due_at = None, now, now
        for name, value in ({"model": _MODEL, "prompt": "A wolf"} | wish(place)).items():
            setattr(each, name, value)
    Job.objects.bulk_update(
        jobs, ["prediction_id", "submit_started_at", "due_at", "model", "prompt", "parameters", "status", "shown_id"]
    )
    return jobs


def made(number: int, told: Callable[[int], object]) -> list[Prediction]:
    """Make so many predictions of the minute that begins now, each with what `told` says of its wish."""
    listed = predictions(number, since=timezone.now(), seconds=60)
    return [replace(each, model=_MODEL, inputs=told(place)) for place, each in enumerate(listed)]


def leave_unknown(jobs: list[Job]) -> None:
    Job.objects.exclude(pk__in=[job.pk for job in jobs]).update(status=Status.RUNNING)


def work(step: Callable[[], object]) -> int:
    """Return how many calls a step takes: the same on every machine."""
    calls = count()
    before = sys.getprofile()
    sys.setprofile(lambda _, event, __: next(calls) if event in {"call", "c_call"} else None)
    try:
        step()
    finally:
        sys.setprofile(before)
    return next(calls)


# --- as each pair -----------------------------------------------------------------------------------------------------


def pair_by_pair(jobs: list[Job], listed: list[Prediction]) -> dict[object, list[tuple[str, int, bool]]]:
    """Return the candidates as the rule of one pair gives them."""
    since, until = min(fitting.window(job)[0] for job in jobs), max(fitting.window(job)[1] for job in jobs)
    claimants = list(fitting._claimants(since, until).filter(model=jobs[0].model))
    owners = fitting._owners([each.id for each in listed], since, until)
    found = {job.pk: [] for job in jobs}
    for each in listed:
        mine = [job for job in claimants if fitting._may_have(job, each, owners)]
        for job in mine:
            being_sent = any(other.status == Status.SUBMITTING for other in mine if other != job)
            found[job.pk].append((each.id, len(mine) - 1, being_sent))
    return found


def some_wish(draw: random.Random, now) -> dict[str, object]:
    parameters = {"duration": draw.choice([5, 8]), "loud": draw.choice([True, False])}
    if draw.random() < 0.6:
        parameters["seed"] = draw.choice([-1, 7, 4711])
    return {
        "prompt": draw.choice(["A wolf", "A wolf", "a wolf", "A fox"]),
        "parameters": parameters,
        "status": draw.choice([Status.UNKNOWN, Status.UNKNOWN, Status.SUBMITTING, Status.RUNNING]),
        "submit_started_at": now + timedelta(seconds=draw.choice([0, 30, 60, 330, 600])),
        "shown_id": draw.choice(["", "", "", "", "p1", "p2", "elsewhere"]),
    }


def some_tale(draw: random.Random) -> dict[str, object] | None:
    told = {
        "prompt": draw.choice(["A wolf", "A wolf", "a wolf", "A fox", 5]),
        "duration": draw.choice([5, 5.0, "5", 8, [5]]),
        "loud": draw.choice([True, "true", 1, False]),
        "seed": draw.choice([7, "7", 4711, -1]),
        "fps": 25,
    }
    return draw.choice([None, {}, {name: told[name] for name in draw.sample(sorted(told), draw.randint(1, 5))}])


@pytest.mark.parametrize("seed", range(12))
def test_all_are_matched_as_each_pair_would_be(seed):
    draw, now = random.Random(seed), timezone.now()
    jobs = unknown(30, lambda _: some_wish(draw, now))
    listed = [
        replace(each, created_at=(now + timedelta(seconds=draw.choice([-30, 0, 29, 30, 300, 360]))).isoformat())
        for each in made(20, lambda _: some_tale(draw))
    ]

    found = candidates_of(jobs, listed)

    expected = pair_by_pair(jobs, listed)
    told = {
        job: [(each.prediction.id, len(each.others) + each.more_others, each.is_being_sent) for each in mine]
        for job, mine in found.items()
    }
    assert told == expected
    assert any(expected.values())
    only = {job: mine[0][0] for job, mine in expected.items() if len(mine) == 1 and not mine[0][1]}
    assert {job: prediction.id for job, prediction in only_fits(jobs, listed).items()} == only


def test_the_first_few_others_are_named_and_all_are_counted():
    jobs = unknown(9)
    (candidate,) = candidates_of(jobs[:1], made(1, lambda _: None))[jobs[0].pk]
    assert (len(candidate.others), candidate.more_others) == (5, 3)
    assert jobs[0] not in candidate.others


# --- the work ---------------------------------------------------------------------------------------------------------

_SHAPES = {
    "all of one prompt": (lambda _: {}, lambda _: {"prompt": "A wolf"}),
    "nothing is told": (lambda _: {}, lambda _: None),
    "each of its own prompt": (lambda n: {"prompt": f"Wolf {n}"}, lambda n: {"prompt": f"Wolf {n}"}),
    "of no prompt that is told": (lambda n: {"prompt": f"Wolf {n}"}, lambda n: {"prompt": f"Fox {n}"}),
    "each of its own seed": (lambda n: {"parameters": {"seed": n}}, lambda n: {"prompt": "A wolf", "seed": str(n)}),
}


@pytest.mark.parametrize("shape", _SHAPES)
def test_four_times_as_many_are_not_much_more_than_four_times_the_work(shape):
    wish, told = _SHAPES[shape]
    jobs, listed = unknown(120, wish), made(120, told)

    many = work(lambda: only_fits(jobs, listed))
    leave_unknown(jobs[:30])
    few = work(lambda: only_fits(jobs[:30], listed[:30]))

    assert many < 8 * few


@pytest.mark.parametrize("told", [{"prompt": "A wolf"}, None], ids=["one prompt", "nothing told"])
def test_looking_for_all_that_an_outage_has_left_takes_no_more_work_for_each_than_for_a_few(monkeypatch, told):
    account = Account()
    monkeypatch.setattr(WaveSpeed, "predictions", account.predictions)
    jobs = unknown(80)
    account.all = made(80, lambda _: told)
    look = lambda: services.look_for_unknown(timezone.now(), all_of_them=True)  # noqa: E731

    many = work(look)
    leave_unknown(jobs[:20])
    account.all = account.all[:20]
    few = work(look)

    assert many < 8 * few
