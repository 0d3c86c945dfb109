"""A quote says beforehand what would refuse the job: past due, an unconfirmed address, a review, the day of Free."""

import pytest
from django.utils import timezone

from billing.models import FreeDay
from generation.models import Job, Status
from tests.conftest import api_of
from tests.make import make_job, make_user
from tests.web.conftest import browser_of
from tests.web.reading import source, words

pytestmark = pytest.mark.django_db

WISH = {"model": "ltx-2-pro", "prompt": "A red fox in snow"}


def past_due(settings):
    user = make_user()
    user.subscription.past_due_since = timezone.now()
    user.subscription.save()
    return user


def unconfirmed(settings):
    settings.VERIFY_ADDRESSES = True
    return make_user(plan="free")


def under_review(settings):
    settings.MODERATED_BEFORE_REVIEW = 1
    user = make_user()
    make_job(user, status=Status.FAILED, error_code="moderated")
    return user


REFUSED = [
    (past_due, "past_due", "Payment is due since", 402),
    (unconfirmed, "address_not_verified", "Please confirm ", 403),
    (under_review, "review_needed", "An operator looks at your account", 403),
]


@pytest.mark.parametrize(("made", "code", "message", "status"), REFUSED, ids=[row[1] for row in REFUSED])
def test_a_quote_says_what_the_job_would_say(settings, made, code, message, status):
    user = made(settings)
    before = Job.objects.count()

    quote = api_of(user).post("/api/v1/quotes", WISH).json()
    assert (quote["fits"], quote["violated"], quote["refused"]["code"]) == (False, None, code)
    assert message in quote["refused"]["message"]
    assert quote["cost"] == "0.36"

    refusal = api_of(user).post("/api/v1/jobs", WISH)
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (status, code)
    assert refusal.json()["detail"] == quote["refused"]["message"]
    assert Job.objects.count() == before


@pytest.mark.parametrize(("made", "code", "message", "status"), REFUSED, ids=[row[1] for row in REFUSED])
def test_the_studio_says_it_below_a_button_that_is_off(settings, made, code, message, status):
    page = browser_of(made(settings)).get("/")

    assert message in words(page)
    assert 'data-submit aria-disabled="true"' in source(page)


def test_the_day_of_free_is_a_limit_that_is_violated(settings):
    settings.FREE_DAILY_CEILING = 1_000_000
    user = make_user(plan="free")
    assert api_of(user).post("/api/v1/quotes", WISH).json()["fits"]
    FreeDay.objects.create(day=timezone.now().date(), spend_used=640_001)

    quote = api_of(user).post("/api/v1/quotes", WISH).json()
    assert (quote["fits"], quote["violated"], quote["refused"]) == (False, "free_today", None)
    assert api_of(user).post("/api/v1/jobs", WISH).json()["violated"] == "free_today"
    page = words(browser_of(user).get("/"))
    assert "All that free videos may cost together today is used up." in page
    paying = make_user()
    assert api_of(paying).post("/api/v1/quotes", WISH).json()["fits"]


def test_what_is_in_order_is_refused_nothing(api):
    quote = api.post("/api/v1/quotes", WISH).json()

    assert (quote["fits"], quote["refused"]) == (True, None)
