"""Every route, and who asks: nobody, the owner, another user, an operator."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from billing.models import ApiKey, LedgerEntry
from generation.models import Job, Status, Upload
from tests.conftest import api_of
from tests.make import make_job, make_key, make_user
from tests.media import make_upload, png

WISH = {"model": "ltx-2-pro", "prompt": "A red fox in snow"}

OF_THE_CALLER = [
    ("get", "/api/v1/jobs", None, 200),
    ("post", "/api/v1/jobs", WISH, 202),
    ("post", "/api/v1/quotes", WISH, 200),
    ("post", "/api/v1/uploads", {"file": png()}, 201),
    ("get", "/api/v1/uploads", None, 200),
    ("get", "/api/v1/models", None, 200),
    ("get", "/api/v1/usage", None, 200),
    ("get", "/api/v1/ledger", None, 200),
]
OF_A_JOB = [
    ("get", "", Status.QUEUED, 200),
    ("post", "/cancel", Status.QUEUED, 200),
    ("post", "/retry", Status.FAILED, 202),
    ("delete", "", Status.SUCCEEDED, 204),
    ("get", "/video", Status.SUCCEEDED, 200),
    ("get", "/poster", Status.SUCCEEDED, 200),
]
OF_AN_UPLOAD = [("get", 200), ("delete", 204)]


def stored(job):
    """Lay down the files that a job speaks of."""
    default_storage.save("videos/x.mp4", ContentFile(b"video"))
    default_storage.save("posters/x.jpg", ContentFile(b"poster"))
    return job


def call(client, method, address, body=None):
    if body and "file" in body:
        answer = client.post(address, {"file": SimpleUploadedFile("fox.png", body["file"])}, format="multipart")
    else:
        answer = client.generic(method.upper(), address, json.dumps(body or {}), content_type="application/json")
    answer.getvalue()  # to its end, which closes a file
    return answer


@pytest.mark.parametrize(("method", "address", "body", "status"), OF_THE_CALLER)
def test_whoever_has_a_key_may_ask_for_their_own(alice, olga, method, address, body, status):
    assert call(api_of(alice), method, address, body).status_code == status
    assert call(api_of(olga), method, address, body).status_code == status


@pytest.mark.parametrize(("method", "address", "body", "status"), OF_THE_CALLER)
def test_a_session_may_ask_as_well(alice, method, address, body, status):
    client = APIClient()
    client.force_login(alice)
    assert call(client, method, address, body).status_code == status


@pytest.mark.parametrize(("method", "path", "status", "code"), OF_A_JOB)
def test_the_owner_sees_the_job(alice, method, path, status, code):
    job = stored(make_job(alice, status=status))
    assert call(api_of(alice), method, f"/api/v1/jobs/{job.pk}{path}").status_code == code


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SUCCEEDED, Status.FAILED])
@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _, _ in OF_A_JOB])
def test_strangers_and_operators_see_nothing_at_the_address_of_a_job(alice, bob, olga, method, path, status):
    job = stored(make_job(alice, status=status))
    for stranger in (bob, olga):
        answer = call(api_of(stranger), method, f"/api/v1/jobs/{job.pk}{path}")
        nothing = call(api_of(stranger), method, f"/api/v1/jobs/{uuid4()}{path}")
        assert answer.status_code == nothing.status_code == 404
        assert {**answer.json(), "request_id": ""} == {**nothing.json(), "request_id": ""}
    assert Job.objects.get().status == status
    assert Job.objects.kept().exists()


@pytest.mark.parametrize(("method", "code"), OF_AN_UPLOAD)
def test_only_the_owner_sees_an_upload(alice, bob, olga, method, code):
    address = f"/api/v1/uploads/{make_upload(alice).pk}"
    for stranger in (bob, olga):
        answer = call(api_of(stranger), method, address)
        nothing = call(api_of(stranger), method, f"/api/v1/uploads/{uuid4()}")
        assert answer.status_code == nothing.status_code == 404
        assert {**answer.json(), "request_id": ""} == {**nothing.json(), "request_id": ""}
    assert call(api_of(alice), method, address).status_code == code


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _, _ in OF_A_JOB])
def test_a_deleted_job_is_gone_for_its_owner_too(alice, method, path):
    job = stored(make_job(alice, status=Status.SUCCEEDED, deleted_at=timezone.now()))
    assert call(api_of(alice), method, f"/api/v1/jobs/{job.pk}{path}").status_code == 404


@pytest.mark.parametrize("kind", ["jobs", "uploads", "ledger"])
def test_strangers_see_nothing_in_lists(alice, bob, olga, kind):
    make_job(alice, upload=make_upload(alice))
    assert [api_of(user).get(f"/api/v1/{kind}").json()["results"] for user in (bob, olga)] == [[], []]
    assert len(api_of(alice).get(f"/api/v1/{kind}").json()["results"]) == 1


@pytest.mark.parametrize(
    ("method", "address"),
    [(method, address) for method, address, _, _ in OF_THE_CALLER]
    + [(method, f"/api/v1/jobs/{{job}}{path}") for method, path, _, _ in OF_A_JOB]
    + [(method, "/api/v1/uploads/{upload}") for method, _ in OF_AN_UPLOAD],
)
def test_nobody_is_told_to_come_with_a_key(alice, client, method, address):
    upload = make_upload(alice)
    job = stored(make_job(alice, status=Status.SUCCEEDED))
    answer = call(APIClient(), method, address.format(job=job.pk, upload=upload.pk), WISH)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["error"]["code"] == "not_authenticated"
    assert Job.objects.kept().count() == Upload.objects.filter(deleted_at__isnull=True).count() == 1


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(alice, scheme):
    secret = make_key(alice)[1]
    assert APIClient().get("/api/v1/usage", HTTP_AUTHORIZATION=f"{scheme} {secret}").status_code == 200


def _revoked(key):
    key.revoked_at = timezone.now()


def _expired(key):
    key.expires_at = timezone.now() - timedelta(seconds=1)


def _of_somebody_inactive(key):
    key.user.is_active = False
    key.user.save()


@pytest.mark.parametrize("spoil", [_revoked, _expired, _of_somebody_inactive])
def test_a_key_that_is_over_opens_nothing(alice, spoil):
    key, secret = make_key(alice)
    spoil(key)
    key.save()
    answer = APIClient().post("/api/v1/jobs", WISH, HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "authentication_failed")
    assert "WWW-Authenticate" in answer
    assert not Job.objects.exists()
    assert ApiKey.objects.get().last_used_at is None


def test_a_key_that_expires_later_opens(alice):
    key, secret = make_key(alice)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() + timedelta(minutes=1))
    assert APIClient().get("/api/v1/usage", HTTP_AUTHORIZATION=f"Bearer {secret}").status_code == 200


@pytest.mark.parametrize(
    "header", ["Bearer cb_live_wrong", "Bearer", "Bearer ", "Bearer a b c", "Basic YTpi", "Token x", "Bearer \xe4\xff"]
)
@pytest.mark.django_db
def test_a_wrong_key_opens_nothing(header):
    answer = APIClient().get("/api/v1/usage", HTTP_AUTHORIZATION=header)
    assert answer.status_code == 401
    assert "cb_live_wrong" not in answer.content.decode()


def test_a_wrong_key_is_refused_though_there_is_a_session(alice):
    client = APIClient()
    client.force_login(alice)
    assert client.get("/api/v1/usage", HTTP_AUTHORIZATION="Bearer wrong").status_code == 401


def test_the_session_of_somebody_inactive_is_nobodys(alice):
    client = APIClient()
    client.force_login(alice)
    alice.is_active = False
    alice.save()
    assert client.get("/api/v1/usage").status_code == 401


def test_a_session_needs_the_csrf_token_to_write(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post("/api/v1/jobs", WISH, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert "CSRF" in answer.json()["detail"]
    assert not Job.objects.exists()

    client.cookies["csrftoken"] = "x" * 32
    answer = client.post("/api/v1/jobs", WISH, content_type="application/json", HTTP_X_CSRFTOKEN="x" * 32)
    assert answer.status_code == 202


def test_a_key_needs_no_csrf_token(alice):
    client = Client(enforce_csrf_checks=True)
    secret = make_key(alice)[1]
    answer = client.post("/api/v1/jobs", WISH, content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert answer.status_code == 202


def test_the_key_of_a_request_is_noted_on_the_job(alice):
    key, secret = make_key(alice)
    APIClient().post("/api/v1/jobs", WISH, HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert Job.objects.get().api_key == key


def test_the_last_use_of_a_key_is_written_once_a_minute(alice):
    _, secret = make_key(alice)
    header = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
    APIClient().get("/api/v1/models", **header)
    first = ApiKey.objects.get().last_used_at
    APIClient().get("/api/v1/models", **header)
    assert first
    assert ApiKey.objects.get().last_used_at == first


@pytest.mark.django_db
def test_a_user_without_quota_can_still_look():
    user = make_user(plan="free")
    jobs = [make_job(user), make_job(user)]
    api = api_of(user)
    assert api.post("/api/v1/jobs", WISH).status_code == 402
    assert api.get("/api/v1/jobs").status_code == 200
    assert api.get(f"/api/v1/jobs/{jobs[0].pk}").status_code == 200
    assert api.get("/api/v1/usage").status_code == 200
    assert api.post("/api/v1/quotes", WISH).json()["fits"] is False
    assert LedgerEntry.objects.count() == 2
