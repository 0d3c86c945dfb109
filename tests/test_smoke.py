import pytest

from generation import services
from generation.models import Job, Status
from tests.make import ACTOR, make_job, make_spec


def test_create_sets_the_cost_aside_and_queues_a_job(alice):
    job = services.create(alice, make_spec(), by=ACTOR)
    assert job.status == Status.QUEUED
    assert job.hold.spend == 360_000


def test_dispatch_hands_a_job_over(alice):
    make_job(alice)
    assert services.dispatch() == 1
    assert Job.objects.get().handed_at


@pytest.mark.parametrize("status", Status.values)
def test_make_job(alice, status):
    assert make_job(alice, status=Status(status)).status == status


def test_post(api):
    answer = api.post("/api/v1/jobs", {"model": "ltx-2-pro", "prompt": "x", "seed": 3})
    assert answer.status_code == 202, answer.content
    assert answer.json()["cost"]["held"] == "0.36"
    print(answer.json())
    answer = api.post("/api/v1/jobs", {"model": "ltx-2-pro", "prompt": " ", "duration": 7, "generate_audio": "yes", "x/y": 1})
    assert answer.status_code == 400, answer.content
    print(answer.json())
    print(api.get("/api/v1/models").json(), api.get("/api/v1/usage").json(), api.get("/api/v1/jobs").json())
    print(api.post("/api/v1/quotes", {"model": "ltx-2-pro", "prompt": "x"}).json())
    assert api.get("/api/v1/nothing").status_code == 404
    assert api.post("/api/v1/jobs", {"model": "ltx-2-pro", "prompt": "x", "max_cost": "0.35"}).status_code == 409
