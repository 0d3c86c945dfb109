"""What is spent, held and left."""

import pytest

from billing.models import Period, Subscription, User
from generation.models import Status
from tests.conftest import api_of
from tests.make import make_job, make_plan, make_user


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
            "spend": {"limit": "100.00", "spent": "0.36", "held": "0.36", "left": "99.28"},
            "videos": {"limit": 30, "spent": 1, "held": 1, "left": 28},
            "seconds": {"limit": None, "spent": 6, "held": 6, "left": None},
        },
        "jobs_at_a_time": 5,
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
    assert limits["spend"] == {"limit": "0.00", "spent": "0.00", "held": "0.00", "left": "0.00"}
    assert limits["videos"] == {"limit": None, "spent": 0, "held": 0, "left": None}


def test_usage_of_others_does_not_count(api, bob):
    make_job(bob)
    assert api.get("/api/v1/usage").json()["limits"]["videos"]["held"] == 0
