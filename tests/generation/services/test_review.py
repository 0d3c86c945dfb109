"""Who is refused by the safety filter again and again makes no more until an operator has looked."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models import Hold
from generation import services
from generation.models import Status
from tests.make import ACTOR, make_job, make_spec

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _after_two(settings):
    settings.MODERATED_BEFORE_REVIEW = 2


def moderated(user, **fields):
    return make_job(user, status=Status.FAILED, error_code="moderated", **fields)


def test_a_user_above_the_number_makes_no_more(alice):
    moderated(alice)
    services.create(alice, make_spec(), by=ACTOR)
    moderated(alice)
    holds = Hold.objects.count()
    with pytest.raises(services.ReviewNeeded, match="2 of your videos were refused"):
        services.create(alice, make_spec(), by=ACTOR)
    with pytest.raises(services.ReviewNeeded):
        services.retry(make_failed(alice), by=ACTOR)
    assert Hold.objects.count() == holds + 1  # that of the failed one


def make_failed(user):
    return make_job_unreviewed(user).pk


def make_job_unreviewed(user):
    user.reviewed_at = timezone.now() + timedelta(seconds=1)
    job = make_job(user, status=Status.FAILED)
    user.reviewed_at = None
    return job


def test_others_and_other_failures_do_not_count(alice, bob):
    moderated(bob)
    moderated(bob)
    for _ in range(3):
        make_job(alice, status=Status.FAILED)
    services.create(alice, make_spec(), by=ACTOR)


def test_an_operator_who_has_looked_lets_the_user_go_on(alice):
    long_ago = timezone.now() - timedelta(days=1)
    moderated(alice, finished_at=long_ago)
    moderated(alice, finished_at=long_ago)
    alice.reviewed_at = timezone.now()
    alice.save()
    services.create(alice, make_spec(), by=ACTOR)


def test_a_quote_is_free_for_everybody(alice):
    moderated(alice)
    moderated(alice)
    assert services.quote(alice, make_spec()).amount.spend == 360_000


def test_nobody_is_reviewed_where_it_is_switched_off(alice, settings):
    settings.MODERATED_BEFORE_REVIEW = 0
    moderated(alice)
    moderated(alice)
    services.create(alice, make_spec(), by=ACTOR)
