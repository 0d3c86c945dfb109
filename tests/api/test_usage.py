"""What is spent, held and left."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from billing import services as billing
from billing.models import ApiKey, Period, Plan, Subscription, User
from billing.money import Amount
from generation.models import Status
from tests.billing.make import make_used
from tests.conftest import api_of
from tests.make import ACTOR, make_job, make_plan, make_user


def test_usage_in_json(api, alice):
    make_job(alice)
    make_job(alice, status=Status.SUCCEEDED)
    make_job(alice, status=Status.CANCELED)
    period = Period.objects.get()
    assert api.get("/api/v1/usage").json() == {
        "plan": "pro",
        "starts_at": period.starts_at.isoformat().replace("+00:00", "Z"),
        "resets_at": period.ends_at.isoformat().replace("+00:00", "Z"),
        "limits": {
            "spend": {
                "limit": "100.00",
                "spent": "0.36",
                "held": "0.36",
                "left": "99.28",
                "granted": "0.00",
                "target": "100.00",
            },
            "videos": {"limit": 30, "spent": 1, "held": 1, "left": 28, "granted": 0, "target": 30},
            "seconds": {"limit": None, "spent": 6, "held": 6, "left": None, "granted": 0, "target": None},
        },
        "key": {"limit": None, "spent": "0.00", "held": "0.00", "left": None},
        "jobs_at_a_time": 5,
        "past_due": False,
        "next_plan": None,
        "currency": "USD",
    }


@pytest.mark.django_db
def test_somebody_new_is_shown_what_they_would_have_and_nothing_is_written():
    user = User.objects.create_user("new@example.org", "correct horse")
    usage = api_of(user).get("/api/v1/usage").json()
    assert (usage["plan"], usage["limits"]["spend"]["left"]) == ("free", "2.00")
    assert not Subscription.objects.exists()
    assert not Period.objects.exists()


@pytest.mark.django_db
def test_unlimited_is_null_and_none_is_zero():
    plan = make_plan(spend_limit=0, videos_limit=None)
    limits = api_of(make_user(plan=plan)).get("/api/v1/usage").json()["limits"]
    assert limits["spend"] == {
        "limit": "0.00",
        "spent": "0.00",
        "held": "0.00",
        "left": "0.00",
        "granted": "0.00",
        "target": "0.00",
    }
    assert limits["videos"] == {"limit": None, "spent": 0, "held": 0, "left": None, "granted": 0, "target": None}


def test_usage_of_others_does_not_count(api, bob):
    make_job(bob)
    assert api.get("/api/v1/usage").json()["limits"]["videos"]["held"] == 0


def test_what_was_granted_is_told_beside_the_limit_that_it_raised(api, alice):
    extra = Amount(spend=2_500_000, videos=3, seconds=60)
    billing.grant(alice, extra, reason="Sorry.", now=timezone.now(), by=ACTOR)
    limits = api.get("/api/v1/usage").json()["limits"]
    assert (limits["spend"]["limit"], limits["spend"]["granted"]) == ("102.50", "2.50")
    assert (limits["videos"]["limit"], limits["videos"]["granted"]) == (33, 3)
    assert (limits["seconds"]["limit"], limits["seconds"]["granted"]) == (None, 60)


def test_a_limit_that_stops_above_its_target_tells_both(api, alice):
    make_used(alice, Amount(spend=12_000_000, videos=1, seconds=6))
    billing.set_override(alice, "spend", 10_000_000, reason="Asked.", now=timezone.now(), by=ACTOR)
    spend = api.get("/api/v1/usage").json()["limits"]["spend"]
    assert (spend["target"], spend["limit"], spend["left"]) == ("10.00", "12.00", "0.00")


def test_past_due_is_told_until_it_is_paid(api, alice):
    billing.set_past_due(alice, now=timezone.now())
    assert api.get("/api/v1/usage").json()["past_due"] is True
    billing.reactivate(alice, now=timezone.now())
    assert api.get("/api/v1/usage").json()["past_due"] is False


def test_the_plan_that_follows_is_told_with_its_moment(api, alice):
    make_job(alice)
    billing.change_plan(alice, Plan.objects.get(slug="basic"), now=timezone.now(), by=ACTOR)
    usage = api.get("/api/v1/usage").json()
    assert (usage["plan"], usage["next_plan"]) == ("pro", {"plan": "basic", "at": usage["resets_at"]})
    billing.keep_subscription(alice, now=timezone.now())
    assert api.get("/api/v1/usage").json()["next_plan"] is None


def test_a_plan_that_expires_is_followed_by_free(api, alice):
    make_job(alice)
    resets_at = Period.objects.get().ends_at
    billing.set_expiry(alice, resets_at + timedelta(days=1), now=timezone.now())
    assert api.get("/api/v1/usage").json()["next_plan"] is None  # the next period is still of the plan
    billing.set_expiry(alice, resets_at - timedelta(days=1), now=timezone.now())
    usage = api.get("/api/v1/usage").json()
    assert (usage["plan"], usage["next_plan"]) == ("pro", {"plan": "free", "at": usage["resets_at"]})


def test_a_plan_that_has_followed_follows_no_more(api, alice):
    make_job(alice)
    billing.change_plan(alice, Plan.objects.get(slug="basic"), now=timezone.now(), by=ACTOR)
    a_month = timedelta(days=40)  # ago, and nobody has opened the period of now
    Subscription.objects.update(anchor=timezone.now() - a_month, next_plan_at=timezone.now() - timedelta(days=20))
    Period.objects.update(starts_at=timezone.now() - a_month, ends_at=timezone.now() - timedelta(days=20))
    usage = api.get("/api/v1/usage").json()
    assert (usage["plan"], usage["next_plan"]) == ("basic", None)


def test_the_cap_of_the_key_is_told_to_whoever_comes_with_it(alice):
    key, secret = billing.create_api_key(alice, "capped", spend_limit=1_000_000)
    api = APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")
    job = api.post("/api/v1/jobs", {"model": "ltx-2-pro", "prompt": "A fox"}).json()
    make_job(alice)  # without a key: it takes nothing of the cap
    cap = {"limit": "1.00", "spent": "0.00", "held": "0.36", "left": "0.64"}
    assert api.get("/api/v1/usage").json()["key"] == cap
    billing.settle(key.holds.get(reference=job["id"]), now=timezone.now(), by=ACTOR)
    assert api.get("/api/v1/usage").json()["key"] == cap | {"spent": "0.36", "held": "0.00"}
    assert api_of(alice).get("/api/v1/usage").json()["key"]["limit"] is None  # another key of the same user


def test_a_session_has_no_key(alice):
    client = APIClient()
    client.force_login(alice)
    usage = client.get("/api/v1/usage").json()
    assert usage["key"] is None
    assert not ApiKey.objects.exists()
