"""Twenty orders at once through the real web process, of a user who may have two videos."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import Hold, Period, Subscription, User
from generation.models import Job
from tests.billing.make import make_amount, make_hold
from tests.concurrency.web import LOCK, post_at_once, running_web
from tests.make import ACTOR, make_key, make_user
from tests.processes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture(params=["subscribed", "new"])
def user(request):
    """Is somebody on Free, or somebody who never looked in before and will be."""
    if request.param == "subscribed":
        return make_user(plan="free")
    return User.objects.create_user("new@example.org")


def test_of_twenty_orders_at_once_the_two_of_the_plan_are_taken(user):
    with running_web() as url:
        answers = post_at_once(url, make_key(user)[1], 20)
    assert Counter(answer.status_code for answer in answers) == {202: 2, 402: 18}
    made = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert made == {str(pk) for pk in Job.objects.values_list("pk", flat=True)}
    assert len(made) == Hold.objects.count() == 2
    assert {answer.json()["violated"] for answer in answers if answer.status_code == 402} == {"videos"}
    assert (Subscription.objects.count(), Period.objects.count()) == (1, 1)
    assert (Period.objects.get().videos_held, Period.objects.get().spend_held) == (2, 720_000)
    assert not list(differences())


@contextmanager
def all_have_compared(number):
    """Let nobody add before that many have compared; see naive.py."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            yield
            wait_until(lambda: waiting() == number, f"{number} have compared")
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted", [LOCK]
        )
        return int(cursor.fetchone()[0])


def orders_of_the_naive() -> Counter[int]:
    """Order twenty videos at once from a Clapboard without its guard; two would fit."""
    user = make_user(plan="free")
    make_hold(user, make_amount(spend=1, videos=0, seconds=1))  # opens the period, so that nobody waits for it
    billing.set_override(user, "spend", None, reason="x", now=timezone.now(), by=ACTOR)
    with running_web("tests.concurrency.naive:application") as url, ThreadPoolExecutor(1) as other:
        with all_have_compared(20):
            answers = other.submit(post_at_once, url, make_key(user)[1], 20)
        return Counter(answer.status_code for answer in answers.result())


@pytest.mark.postgres
def test_control_without_the_guard_all_twenty_are_taken(unchecked):
    # This test exists to show that twenty posts over HTTP are a race.
    assert orders_of_the_naive() == {202: 20}
    assert Period.objects.get().left("videos") == -18


@pytest.mark.postgres
def test_control_without_the_guard_the_check_still_refuses():
    assert orders_of_the_naive() == {202: 2, 500: 18}
    assert Period.objects.get().left("videos") == 0
    assert not list(differences())
