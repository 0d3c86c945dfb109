"""What is held keeps its terms and its place, whatever changes around it; only new holds are refused."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import Hold, Period, Price, Subscription
from generation import services
from generation.models import FINAL, Job, Status
from generation.spec import InvalidSpec
from tests.engine import run
from tests.make import ACTOR, make_plan, make_spec

pytestmark = pytest.mark.django_db


def dearer(user):
    price = Price.objects.filter(model="lightricks/ltx-2-pro/text-to-video").latest("pk")
    Price.objects.create(
        model=price.model,
        variant=price.variant,
        micros_per_second=price.micros_per_second * 2,
        starts_at=timezone.now(),
    )


def a_plan_of_nothing(user):
    nothing = make_plan(spend_limit=0, videos_limit=0, seconds_limit=0, jobs_at_a_time=1)
    billing.change_plan(user, nothing, now=timezone.now(), by=ACTOR)


def a_period_later(user):
    ago = timedelta(days=62)
    period = Period.objects.get()
    Period.objects.update(starts_at=period.starts_at - ago, ends_at=period.ends_at - ago)
    Subscription.objects.filter(user=user).update(anchor=period.starts_at - ago)


def model_closed(user):
    services.close(model="lightricks/ltx-2-pro/text-to-video", reason="a pause", by=ACTOR, now=timezone.now())


def value_closed(user):
    value = {"duration": 6}
    services.close(
        model="lightricks/ltx-2-pro/text-to-video", value=value, reason="a pause", by=ACTOR, now=timezone.now()
    )


def all_closed(user):
    services.close(reason="a pause", by=ACTOR, now=timezone.now())


def past_due(user):
    billing.set_past_due(user, now=timezone.now())


CHANGES = [dearer, a_plan_of_nothing, a_period_later, model_closed, value_closed, all_closed, past_due]
REFUSED = {model_closed, value_closed, all_closed, past_due}


@pytest.mark.parametrize("status", sorted(set(Status) - FINAL - {Status.UNKNOWN, Status.SUBMITTING}))
@pytest.mark.parametrize("change", CHANGES)
def test_a_job_goes_on_under_the_terms_of_its_hold(sandbox, alice, status, change):
    job = run(services.create(alice, make_spec(), by=ACTOR), until={status, Status.SUCCEEDED})
    period = job.hold.period_id

    change(alice)
    job = run(job)

    assert (job.status, job.hold.state, job.hold.spend) == (Status.SUCCEEDED, Hold.State.SETTLED, 360_000)
    assert job.hold.period_id == period
    assert Period.objects.get(pk=period).spend_spent == 360_000
    assert not list(differences())
    if change in REFUSED:
        with pytest.raises((services.ModelClosed, InvalidSpec, billing.PastDue)):
            services.create(alice, make_spec(), by=ACTOR)
        assert Job.objects.count() == 1


def test_nothing_takes_the_place_of_what_waits(alice):
    jobs = [services.create(alice, make_spec(), by=ACTOR) for _ in range(3)]
    for change in CHANGES:
        change(alice)

    assert list(Job.objects.queued()) == jobs
    assert services.dispatch() == len(jobs)
