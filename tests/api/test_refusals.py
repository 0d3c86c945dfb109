"""Who may make nothing more, and why, over HTTP: the words, the status, and all that is still open to them."""

from types import SimpleNamespace

import pytest
from allauth.account.models import EmailAddress
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from billing import services as billing
from billing.ledger import differences
from billing.models import Hold, LedgerEntry, Override
from generation.models import Job, Status, Upload
from tests.api.test_errors import assert_problem
from tests.api.test_permissions import stored
from tests.billing.make import make_amount, make_hold
from tests.make import ACTOR, make_job, make_user
from tests.media import make_upload, png

WISH = {"model": "ltx-2-pro", "prompt": "A red fox in snow"}


def _allow(user, videos):
    billing.set_override(user, "videos", videos, reason="x", now=timezone.now(), by=ACTOR)


def _videos(user, settings):
    _allow(user, 2)


def _key(user, settings):
    user.api_keys.update(spend_limit=100_000)


def _free_today(user, settings):
    settings.FREE_DAILY_CEILING = 500_000
    make_hold(make_user(plan="free"), make_amount(spend=400_000))


def _past_due(user, settings):
    billing.set_past_due(user, now=timezone.now())


def _unverified(user, settings):
    settings.VERIFY_ADDRESSES = True


def _under_review(user, settings):
    settings.MODERATED_BEFORE_REVIEW = 1
    make_job(user, status=Status.FAILED, error_code="moderated")


CLOSED = {
    "videos": (_videos, 402, "insufficient_quota", "1 needed, but 0 videos are left of this period's limit until "),
    "key": (_key, 402, "insufficient_quota", "$0.36 needed, but $0.10 is left of the cap of this API key."),
    "free_today": (_free_today, 402, "insufficient_quota", "$0.10 is left of what Free may cost in all today until "),
    "past_due": (_past_due, 402, "past_due", "Payment is due since "),
    "unverified": (_unverified, 403, "address_not_verified", "Please confirm "),
    "under_review": (_under_review, 403, "review_needed", "An operator looks at your account before you can make more"),
}


@pytest.fixture(params=CLOSED)
def refused(request, db, settings):
    """Is somebody on Free with a video and a job that waits, to whom making more was closed since."""
    close, status, code, words = CLOSED[request.param]
    user = make_user(plan="free")
    secret = billing.create_api_key(user, "test")[1]
    video, waiting = stored(make_job(user, status=Status.SUCCEEDED)), make_job(user)
    _allow(user, None)
    close(user, settings)
    return SimpleNamespace(
        user=user,
        client=APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}"),
        video=video,
        waiting=waiting,
        violated=request.param if code == "insufficient_quota" else None,
        told=(status, code),
        words=words,
    )


def rows():
    return [table.objects.count() for table in (Job, Hold, LedgerEntry)]


def picture():
    return SimpleUploadedFile("fox.png", png())


def test_a_job_is_refused_in_its_words_and_nothing_is_written(refused):
    before = rows()
    body = assert_problem(refused.client.post("/api/v1/jobs", WISH), *refused.told)
    assert refused.words in body["detail"]
    assert body.get("violated") == refused.violated
    assert rows() == before
    assert not list(differences())


def test_a_retry_is_refused_as_well(refused):
    assert refused.client.post(f"/api/v1/jobs/{refused.waiting.pk}/cancel").status_code == 200
    if Override.objects.get().value == 2:
        _allow(refused.user, 1)
    before = rows()
    assert_problem(refused.client.post(f"/api/v1/jobs/{refused.waiting.pk}/retry"), *refused.told)
    assert rows() == before


def test_a_picture_that_came_along_is_not_kept(refused):
    before = rows()
    answer = refused.client.post("/api/v1/jobs", WISH | {"image": picture()}, format="multipart")
    assert_problem(answer, *refused.told)
    assert not Upload.objects.filter(deleted_at__isnull=True).exists()
    assert rows() == before


@pytest.mark.parametrize("path", ["jobs", "jobs/{video}", "models", "usage", "ledger", "uploads", "uploads/{upload}"])
def test_they_still_look_and_list(refused, path):
    upload = make_upload(refused.user)
    answer = refused.client.get(f"/api/v1/{path.format(video=refused.video.pk, upload=upload.pk)}")
    assert answer.status_code == 200
    assert answer.json().get("results", True)


def test_they_still_download_and_delete(refused):
    address = f"/api/v1/jobs/{refused.video.pk}"
    for path in ("/video", "/poster"):
        answer = refused.client.get(f"{address}{path}")
        assert (answer.status_code, bool(answer.getvalue())) == (200, True)
    assert refused.client.delete(address).status_code == 204


def test_they_still_ask_for_prices_and_bring_files(refused):
    quote = refused.client.post("/api/v1/quotes", WISH)
    assert (quote.status_code, quote.json()["cost"]) == (200, "0.36")
    sent = refused.client.post("/api/v1/uploads", {"file": picture()}, format="multipart")
    assert sent.status_code == 201
    assert refused.client.delete(f"/api/v1/uploads/{sent.json()['id']}").status_code == 204


def test_they_still_take_back_what_waits(refused):
    answer = refused.client.post(f"/api/v1/jobs/{refused.waiting.pk}/cancel")
    assert (answer.status_code, answer.json()["cost"]["released"]) == (200, "0.36")


# --- And the way back -------------------------------------------------------------------------------------------------


def _paid(user):
    billing.reactivate(user, now=timezone.now())


def _confirmed(user):
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)


def _reviewed(user):
    user.reviewed_at = timezone.now()
    user.save(update_fields=["reviewed_at"])


def _uncapped(user):
    user.api_keys.update(spend_limit=None)


OPENED = [("past_due", _paid), ("unverified", _confirmed), ("under_review", _reviewed), ("key", _uncapped)]


@pytest.mark.parametrize(("refused", "open_again"), OPENED, indirect=["refused"])
def test_what_stood_in_the_way_is_gone_and_a_job_is_made(refused, open_again):
    assert refused.client.post("/api/v1/jobs", WISH).status_code == refused.told[0]
    open_again(refused.user)
    assert refused.client.post("/api/v1/jobs", WISH).status_code == 202
