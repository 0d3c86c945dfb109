"""The refund of a job, by operators who may move money."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import Grant, Hold, LedgerEntry, Period, Subscription
from generation.admin.jobs import JobsAdmin
from generation.models import Job, Status
from tests.admin.deciding import WHY, decide, refused, said
from tests.admin.test_pages import address
from tests.make import ACTOR, make_job, make_user


def refund(job):
    return f"/admin/generation/job/{job.pk}/refund_this/"


def age(job):
    """Let the job's period be the one of two months ago."""
    ago = timedelta(days=62)
    period = Period.objects.get(pk=job.hold.period_id)
    Period.objects.filter(pk=period.pk).update(starts_at=period.starts_at - ago, ends_at=period.ends_at - ago)
    Subscription.objects.filter(pk=period.subscription_id).update(anchor=period.starts_at - ago)


@pytest.mark.parametrize("status", Status)
def test_a_refund_is_offered_where_it_works(desk, status):
    job = make_job(status=status)
    page = desk.get(address(Job, "change", job.pk)).content.decode()
    assert (refund(job) in page) == (status == Status.SUCCEEDED)


def test_what_was_charged_is_refunded_with_a_reason(desk, olga):
    job = make_job(status=Status.SUCCEEDED)
    assert "$0.36 charged → refunded; it can be spent again until " in desk.get(refund(job)).content.decode()
    answer = decide(desk, refund(job))
    assert said(answer)[0].startswith("$0.36 charged → refunded; it can be spent again until ")
    line = LedgerEntry.objects.get(kind="refund")
    assert (line.spend, line.reason, line.actor) == (360_000, WHY, f"operator {olga.pk}")
    assert Period.objects.get().spend_spent == 0
    assert WHY in LogEntry.objects.get().get_change_message()
    page = answer.content.decode()
    assert f"by olga@example.org: {WHY}" in page
    assert "$0.36 refunded" in page
    assert refund(job) not in page
    assert list(differences()) == []


def test_where_its_period_is_over_the_money_becomes_a_grant_in_the_current_one(desk):
    job = make_job(status=Status.SUCCEEDED)
    age(job)
    goes = "$0.36 charged → refunded; it goes to the current period as a grant, since its own was over on "
    assert goes in desk.get(refund(job)).content.decode()
    assert said(decide(desk, refund(job)))[0].startswith(goes)
    grant = Grant.objects.select_related("period").get()
    assert (grant.spend, grant.period.spend_limit) == (360_000, 100_360_000)
    assert grant.period.ends_at > timezone.now()
    assert list(differences()) == []


@pytest.mark.parametrize(
    ("allowed", "told"),
    [
        (1, "Videos: 1 is meant to hold, but the limit stops at 2, which is spent and held already; it sinks as some"),
        (2, "Videos: 0 left, since more was spent and held than is meant to hold."),
    ],
)
def test_what_can_not_be_spent_again_is_not_promised(desk, allowed, told):
    user = make_user()
    job, *_ = [make_job(user, status=Status.SUCCEEDED) for _ in range(3)]
    billing.set_override(user, "videos", allowed, reason=WHY, now=timezone.now(), by=ACTOR)
    page = desk.get(refund(job)).content.decode()
    assert f"$0.36 charged → refunded. Videos: {allowed} is meant to hold, but the limit stops at 3" in page
    (answer,) = said(decide(desk, refund(job)))
    assert told in answer
    assert "spent again" not in page + answer
    assert Period.objects.get().left("videos") == 0


def test_a_grant_out_of_a_refund_that_fills_what_is_used_says_so(desk):
    job = make_job(status=Status.SUCCEEDED)
    age(job)
    for _ in range(2):
        make_job(job.user)
    billing.set_override(job.user, "videos", 0, reason=WHY, now=timezone.now(), by=ACTOR)
    (answer,) = said(decide(desk, refund(job)))
    assert "as a grant" in answer
    assert "Videos: 1 is meant to hold, but the limit stops at 2, which is spent and held already" in answer


def test_a_death_before_the_line_of_history_leaves_nothing_refunded(desk, monkeypatch):
    job = make_job(status=Status.SUCCEEDED)

    def dies(*args, **kwargs):
        raise SystemError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(JobsAdmin, "log_change", dies)
        with pytest.raises(SystemError):
            decide(desk, refund(job))
    assert not LedgerEntry.objects.filter(kind="refund").exists()
    decide(desk, refund(job))
    assert LedgerEntry.objects.filter(kind="refund").count() == LogEntry.objects.count() == 1


def test_a_job_is_refunded_once(desk):
    job = make_job(status=Status.SUCCEEDED)
    decide(desk, refund(job))
    answer = decide(desk, refund(job), reason="once more, for the same video")
    assert said(answer)[0].startswith("It was refunded before: ")
    assert said(answer)[0].endswith(WHY)
    assert LedgerEntry.objects.filter(kind="refund").count() == LogEntry.objects.count() == 1


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.SUCCEEDED}))
def test_what_was_not_charged_is_not_refunded(desk, status):
    job = make_job(status=status)
    assert "Nothing was charged" in desk.get(refund(job)).content.decode()
    assert "only what was charged can be refunded" in said(decide(desk, refund(job)))[0]
    assert not LedgerEntry.objects.filter(kind="refund").exists()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("reason", ["", "too short", "x" * 301])
def test_without_a_good_reason_nothing_is_refunded(desk, reason):
    job = make_job(status=Status.SUCCEEDED)
    assert "reason" in refused(decide(desk, refund(job), reason=reason))
    assert Hold.objects.get().refunded_at is None


@pytest.mark.parametrize("key", ["7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11", "nonsense"])
def test_a_job_that_is_not_there_is_not_found(desk, key):
    page = f"/admin/generation/job/{key}/refund_this/"
    assert desk.get(page).status_code == 404
    assert desk.post(page, {"_form_submitted": "1", "reason": WHY}).status_code == 404


def test_who_may_look_or_steer_jobs_moves_no_money(client, onlooker):
    job = make_job(status=Status.SUCCEEDED)
    body = {"_form_submitted": "1", "reason": WHY}
    assert onlooker.post(refund(job), body).status_code == 403
    steers = make_user(is_staff=True)
    steers.user_permissions.set(Permission.objects.filter(codename__in=["view_job", "change_job"]))
    client.force_login(steers)
    assert refund(job) not in client.get(address(Job, "change", job.pk)).content.decode()
    assert client.post(refund(job), body).status_code == 403
    assert Hold.objects.get().refunded_at is None


def test_the_list_says_that_it_was_refunded(desk):
    job = make_job(status=Status.SUCCEEDED)
    decide(desk, refund(job))
    assert "$0.36 refunded" in desk.get(address(Job, "changelist")).content.decode()
    assert "refunded" in desk.get(address(Hold, "changelist")).content.decode()
