"""The door for webhooks: who is not to be believed learns nothing, and nothing that is sent breaks it."""

import json
from io import BytesIO

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generation.models import Job, Status
from generation.services.hearing import HOOK_PATH
from tests.hooks import TOKEN, call, give_token, letter, listen, signed
from tests.make import make_job

pytestmark = pytest.mark.django_db

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def job(alice) -> Job:
    listen()
    job = make_job(alice, status=Status.RUNNING)
    give_token(job)
    return job


def path_of(job: Job, token: str = TOKEN) -> str:
    return f"/hooks/wavespeed/{job.pk}/{token}"


def test_its_address_is_the_one_that_submissions_carry(job):
    assert reverse("wavespeed_hook", args=[job.pk, TOKEN]) == f"{HOOK_PATH}/{job.pk}/{TOKEN}"


def test_all_that_is_not_believed_looks_alike(job):
    queued = make_job(job.user)  # was never sent: has no token
    right = letter(job.prediction_id)
    before = list(Job.objects.order_by("pk").values())
    tries = {
        "unknown job": (f"/hooks/wavespeed/{NOBODY}/{TOKEN}", right),
        "not sent": (path_of(queued), right),
        "wrong token": (path_of(job, "wrong"), right),
        "no ASCII": (path_of(job, "t%C3%B6ken%00"), right),
        "forged": (path_of(job), letter(job.prediction_id, secret="whsec_somebody-else")),
        "stale": (path_of(job), letter(job.prediction_id, age=301)),
        "tampered": (path_of(job), right | {"body": right["body"].replace("completed", "failed")}),
        "unsigned": (path_of(job), {"body": right["body"]}),
        "no prediction": (path_of(job), signed("{}")),
        "no JSON": (path_of(job), signed("not JSON")),
        "nothing": (path_of(job), signed("")),
        "too long": (path_of(job), signed(json.dumps({"id": job.prediction_id, "outputs": ["x" * (1 << 20)]}))),
    }

    answers = {}
    for name, (path, sent) in tries.items():
        headers = {f"webhook-{part}": value for part, value in sent.items() if part != "body"}
        answer = Client().post(path, sent["body"], content_type="application/json", headers=headers)
        shown = {key: value for key, value in answer.headers.items() if key != "X-Request-ID"}
        answers[name] = (answer.status_code, answer.content, json.dumps(shown, sort_keys=True))

    assert set(answers.values()) == {answers["unknown job"]}
    assert answers["unknown job"][:2] == (404, b"")
    assert list(Job.objects.order_by("pk").values()) == before


def test_a_body_up_to_the_limit_is_taken(job):
    padding = (1 << 20) - len(letter(job.prediction_id)["body"])
    full = signed(letter(job.prediction_id)["body"] + " " * padding)

    assert len(full["body"]) == 1 << 20
    assert call(path_of(job), full) == 204
    assert call(path_of(job), signed(full["body"] + " ")) == 404


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_only_post_is_answered(job, method):
    assert getattr(Client(), method)(path_of(job)).status_code == 405


def test_a_body_that_breaks_off_is_no_error_of_ours(job):
    class Cut(BytesIO):
        def read(self, *args: object) -> bytes:
            raise OSError("gone")

    answer = Client().generic("POST", path_of(job), **{"wsgi.input": Cut(), "CONTENT_LENGTH": "100"})

    assert answer.status_code == 404


def test_a_session_makes_no_difference(job):
    client = Client()
    client.force_login(job.user)
    stranger = client.post(path_of(job, "wrong"), "{}", content_type="application/json")

    assert stranger.status_code == 404
    assert call(path_of(job), letter(job.prediction_id)) == 204
    assert Job.objects.get(pk=job.pk).due_at <= timezone.now()
