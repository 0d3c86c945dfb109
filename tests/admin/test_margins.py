"""What was charged beside what the provider billed: a job's, and a model's over a time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import services as billing
from generation.catalog import LTX_2_PRO
from generation.models import Job, Status
from generation.services.earning import Earning, earnings, margin_of
from tests.make import ACTOR, make_job, make_user
from tests.web.reading import words

pytestmark = pytest.mark.django_db

PAGE = "/admin/generation/job/margins/"


@pytest.fixture
def jobs(alice):
    """Make one that earns, one that was refunded, one without a bill, a billed failure, and an old one."""
    now = timezone.now()
    made = {
        "earns": make_job(alice, status=Status.SUCCEEDED, billed=300_000),
        "refunded": make_job(alice, status=Status.SUCCEEDED, billed=300_000),
        "awaited": make_job(alice, status=Status.SUCCEEDED),
        "failed": make_job(alice, status=Status.FAILED, billed=100_000),
        "free": make_job(alice, status=Status.FAILED),
        "old": make_job(alice, status=Status.SUCCEEDED, billed=1, finished_at=now - timedelta(days=40)),
        "running": make_job(alice, status=Status.RUNNING),
    }
    billing.refund(made["refunded"].hold, reason="it flickers", now=now, by=ACTOR)
    return {name: Job.objects.select_related("hold").get(pk=job.pk) for name, job in made.items()}


def test_a_job_s_margin_is_its_charge_less_its_bill(jobs):
    assert {name: margin_of(job) for name, job in jobs.items()} == {
        "earns": 60_000,
        "refunded": -300_000,
        "awaited": None,
        "failed": -100_000,
        "free": None,
        "old": 359_999,
        "running": None,
    }


def test_a_model_s_sums_count_only_known_bills(jobs):
    now = timezone.now()

    assert earnings(now - timedelta(days=30), now) == [
        Earning(
            model=LTX_2_PRO.id,
            videos=3,
            charged=1_080_000,
            refunded=360_000,
            billed=700_000,
            margin=60_000 - 300_000 - 100_000,
            awaited=1,
        )
    ]
    assert earnings(now - timedelta(days=90), now)[0].videos == 4
    assert earnings(now - timedelta(days=90), now - timedelta(days=50)) == []


def test_sums_take_one_query_whatever_the_number(jobs, django_assert_num_queries):
    make_job(status=Status.SUCCEEDED, model="once/offered/model", billed=5)

    with django_assert_num_queries(1):
        assert len(earnings(timezone.now() - timedelta(days=1), timezone.now())) == 2


def test_the_page_shows_each_model_and_all(desk, jobs):
    make_job(status=Status.SUCCEEDED, model="lightricks/ltx-2-fast/text-to-video", billed=400_000)

    text = words(desk.get(PAGE))
    assert "3 $1.08 $0.36 $0.70 −$0.34 (−48.6 %) 1" in text
    assert "1 $0.36 $0.00 $0.40 −$0.04 (−10.0 %) 0" in text
    assert "All models 4 $1.44 $0.36 $1.10 −$0.38 (−34.5 %) 1" in text


def test_a_margin_of_which_all_bills_are_awaited_is_not_said(desk, alice):
    make_job(alice, status=Status.SUCCEEDED)

    assert "1 $0.36 $0.00 $0.00 – 1" in words(desk.get(PAGE))


def test_another_time_can_be_chosen_and_nonsense_is_the_usual_one(desk, jobs):
    assert "4 $1.44" in words(desk.get(PAGE, {"days": "90"}))
    assert "3 $1.08" in words(desk.get(PAGE, {"days": "-1"}))


def test_the_list_shows_bill_and_margin(desk, jobs):
    text = words(desk.get("/admin/generation/job/"))
    assert "$0.30, +$0.06" in text
    assert "$0.10, −$0.10" in text
    assert text.count("no bill yet") == 1
    assert "$0.30, +$0.06" in words(desk.get(f"/admin/generation/job/{jobs['earns'].pk}/change/"))


def test_nothing_ended_is_said(desk):
    assert "No video was charged or billed in this time." in words(desk.get(PAGE))


def test_the_stranger_and_the_operator_without_a_right_see_nothing(client, alice):
    assert client.get(PAGE).status_code == 302
    client.force_login(alice)
    assert client.get(PAGE).status_code == 302
    client.force_login(make_user(is_staff=True))
    assert client.get(PAGE).status_code == 403
