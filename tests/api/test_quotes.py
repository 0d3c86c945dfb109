"""What it would cost: the same number as is held and charged."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from billing import services as billing
from billing.models import Hold, LedgerEntry, Period, Plan, Price, Subscription, User
from billing.money import Amount, dollars
from generation.models import Job
from tests.conftest import api_of
from tests.make import ACTOR, make_job, make_plan, make_user

WISH = {"model": "ltx-2-pro", "prompt": "A red fox in snow"}


@pytest.mark.parametrize(("seconds", "dollars"), [(6, "0.36"), (8, "0.48"), (10, "0.60")])
@pytest.mark.parametrize("sound", [True, False])
def test_the_price_table(api, seconds, dollars, sound):
    wish = WISH | {"duration": seconds, "generate_audio": sound}
    quote = api.post("/api/v1/quotes", wish).json()
    job = api.post("/api/v1/jobs", wish | {"max_cost": quote["cost"]}).json()
    hold = Hold.objects.get()
    assert quote["cost"] == job["cost"]["quoted"] == job["cost"]["held"] == dollars
    assert quote["price_id"] == hold.price_id
    billing.settle(hold, now=timezone.now(), by=ACTOR)
    assert api.get("/api/v1/usage").json()["limits"]["spend"]["spent"] == dollars


def test_a_quote_in_json(api, alice):
    make_job(alice)
    quote = api.post("/api/v1/quotes", WISH | {"seed": 1}).json()
    period = Period.objects.get()
    assert quote == {
        "model": "lightricks/ltx-2-pro/text-to-video",
        "cost": "0.36",
        "currency": "USD",
        "price_id": Price.objects.get(model="lightricks/ltx-2-pro/text-to-video").pk,
        "fits": True,
        "violated": None,
        "refused": None,
        "limits": {
            "spend": {
                "limit": "100.00",
                "spent": "0.00",
                "held": "0.36",
                "left": "99.64",
                "granted": "0.00",
                "target": "100.00",
            },
            "videos": {"limit": 30, "spent": 0, "held": 1, "left": 29, "granted": 0, "target": 30},
            "seconds": {"limit": None, "spent": 0, "held": 6, "left": None, "granted": 0, "target": None},
        },
        "key": {"limit": None, "spent": "0.00", "held": "0.00", "left": None},
        "resets_at": period.ends_at.isoformat().replace("+00:00", "Z"),
        "warnings": [{"parameter": "seed", "message": "LTX-2 Pro has no seed; it is ignored."}],
    }


@pytest.mark.django_db
def test_a_quote_writes_nothing_not_even_for_somebody_new():
    user = User.objects.create_user("new@example.org", "correct horse")
    assert api_of(user).post("/api/v1/quotes", WISH).json()["limits"]["videos"]["limit"] == 2
    for model in (Job, Hold, LedgerEntry, Period, Subscription):
        assert not model.objects.exists()


@pytest.mark.parametrize("limit", ["spend", "videos", "seconds"])
@pytest.mark.django_db
def test_a_quote_that_does_not_fit_names_the_limit_that_a_job_would_hit(limit):
    api = api_of(make_user(plan=make_plan(**{f"{limit}_limit": 0})))
    quote = api.post("/api/v1/quotes", WISH).json()
    assert (quote["fits"], quote["violated"]) == (False, limit)
    assert api.post("/api/v1/jobs", WISH).json()["violated"] == limit


@pytest.mark.parametrize(("limit", "fits"), [(360_000, True), (359_999, False)])
@pytest.mark.django_db
def test_what_fills_a_limit_exactly_fits_and_one_micro_more_does_not(limit, fits):
    api = api_of(make_user(plan=make_plan(spend_limit=limit)))
    assert api.post("/api/v1/quotes", WISH).json()["fits"] is fits
    assert (api.post("/api/v1/jobs", WISH).status_code == 202) is fits


def test_a_price_holds_from_its_start(api):
    now = timezone.now()
    model = "lightricks/ltx-2-pro/text-to-video"
    Price.objects.create(model=model, micros_per_second=70_000, starts_at=now + timedelta(hours=1))
    assert api.post("/api/v1/quotes", WISH).json()["cost"] == "0.36"
    Price.objects.create(model=model, micros_per_second=70_001, starts_at=now - timedelta(seconds=1))
    assert api.post("/api/v1/quotes", WISH).json()["cost"] == "0.420006"


def test_a_model_that_is_not_in_the_plan_is_refused_before_anybody_pays(db):
    user = make_user(plan=make_plan(models_allowed=["another/model"]))

    answer = api_of(user).post("/api/v1/quotes", {"model": "ltx-2-pro", "prompt": "A red fox"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_in_plan")


# --- The cap of a key -------------------------------------------------------------------------------------------------


def capped(user, spend_limit):
    secret = billing.create_api_key(user, "capped", spend_limit=spend_limit)[1]
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")


@pytest.mark.parametrize(("cap", "violated"), [(359_999, "key"), (360_000, None), (0, "key"), (None, None)])
@pytest.mark.django_db
def test_a_quote_says_what_a_job_of_this_key_would_be_told(cap, violated):
    client = capped(make_user(plan=make_plan()), cap)
    answer = client.post("/api/v1/quotes", WISH)
    quote = answer.json()
    assert (answer.status_code, quote["violated"], quote["fits"]) == (200, violated, violated is None)
    assert quote["key"]["limit"] == (None if cap is None else dollars(cap))
    made = client.post("/api/v1/jobs", WISH)
    assert (made.status_code, made.json().get("violated")) == ((402, "key") if violated else (202, None))


@pytest.mark.django_db
def test_a_limit_of_the_period_is_named_before_the_cap_of_the_key():
    client = capped(make_user(plan=make_plan(videos_limit=0)), 0)
    assert client.post("/api/v1/quotes", WISH).json()["violated"] == "videos"
    assert client.post("/api/v1/jobs", WISH).json()["violated"] == "videos"


@pytest.mark.django_db
def test_the_cap_of_a_key_stops_nobody_who_comes_without_it():
    user = make_user(plan=make_plan())
    capped(user, 0)
    client = APIClient()
    client.force_login(user)
    quote = client.post("/api/v1/quotes", WISH).json()
    assert (quote["violated"], quote["fits"], quote["key"]) == (None, True, None)


@pytest.mark.django_db
def test_the_quote_of_a_changed_price_knows_the_key_too():
    client = capped(make_user(plan=make_plan()), 100_000)
    answer = client.post("/api/v1/jobs", WISH | {"max_cost": "0.10"}).json()
    assert (answer["error"]["code"], answer["quote"]["violated"]) == ("price_changed", "key")
    assert answer["quote"]["key"]["left"] == "0.10"


# --- What ends, and what refuses --------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_quote_and_usage_leave_out_a_grant_that_is_over_as_the_job_does():
    user, now = make_user(plan=make_plan(videos_limit=0)), timezone.now()
    amount, over = Amount(spend=0, videos=5, seconds=0), now - timedelta(minutes=2)
    earlier = now - timedelta(minutes=3)
    billing.grant(user, amount, reason="Sorry.", now=earlier, by=ACTOR, expires_at=over)
    api = api_of(user)
    quote = api.post("/api/v1/quotes", WISH).json()
    assert (quote["fits"], quote["violated"]) == (False, "videos")
    assert quote["limits"]["videos"] == {"limit": 0, "spent": 0, "held": 0, "left": 0, "granted": 0, "target": 0}
    assert api.get("/api/v1/usage").json()["limits"] == quote["limits"]
    assert api.post("/api/v1/jobs", WISH).json()["violated"] == "videos"


def past_due(user):
    billing.set_past_due(user, now=timezone.now())


def not_verified(user):
    Subscription.objects.update(plan=Plan.objects.get(slug="free"))


@pytest.mark.parametrize(("why", "code"), [(past_due, "past_due"), (not_verified, "address_not_verified")])
def test_the_quote_of_a_changed_price_knows_what_would_refuse_the_job(api, alice, settings, why, code):
    settings.VERIFY_ADDRESSES = True
    why(alice)
    quote = api.post("/api/v1/jobs", WISH | {"max_cost": "0.10"}).json()["quote"]
    assert (quote["refused"]["code"], quote["fits"]) == (code, False)
    assert quote == api.post("/api/v1/quotes", WISH).json()


def test_the_quote_of_a_changed_price_knows_the_ceiling_of_the_day(api, alice, settings):
    settings.FREE_DAILY_CEILING = 100_000
    Subscription.objects.update(plan=Plan.objects.get(slug="free"))
    quote = api.post("/api/v1/jobs", WISH | {"max_cost": "0.10"}).json()["quote"]
    assert (quote["violated"], quote["fits"]) == ("free_today", False)
