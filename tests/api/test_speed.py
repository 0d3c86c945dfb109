"""What programs ask for all the time takes a fixed number of queries, and no more than it needs."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from generation.api.serializers import JobSerializer
from generation.api.serializers.jobs import QueueSerializer
from generation.line import Place, WaitsFor
from generation.models import Job, Status
from tests.make import make_job

pytestmark = pytest.mark.django_db

WISH = {"model": "ltx-2-pro", "prompt": "A red fox in snow"}


def number_of(ask):
    with CaptureQueriesContext(connection) as captured:
        ask()
    return len(captured)


@pytest.fixture
def known(api):
    """The API, once the last use of the key was written down."""
    api.get("/api/v1/models")
    return api


@pytest.mark.parametrize(("status", "queries"), [("running", 2), ("succeeded", 2), ("queued", 5)])
def test_a_job_takes_the_key_the_job_and_its_place_in_the_queue(known, alice, status, queries):
    job = make_job(alice, status=status)
    assert number_of(lambda: known.get(f"/api/v1/jobs/{job.pk}")) == queries


def test_a_list_takes_the_key_the_page_and_the_queue(known, alice):
    for status in Status:
        make_job(alice, status=status)
    assert number_of(lambda: known.get("/api/v1/jobs")) == 5
    assert number_of(lambda: known.get("/api/v1/jobs", {"status": "failed"})) == 2


def test_a_new_job_takes_eleven_queries_at_most_and_none_after_its_commit(known, alice):
    make_job(alice)  # opens the period
    # Of these BEGIN and COMMIT are a savepoint here: tests/generation/services/test_creating.py names each.
    with CaptureQueriesContext(connection) as captured:
        assert known.post("/api/v1/jobs", WISH).status_code == 202
    assert len(captured) == (8 if connection.vendor == "postgresql" else 11)
    assert captured[-1]["sql"].startswith("RELEASE SAVEPOINT")


def test_usage_takes_the_key_and_the_period(known, alice):
    make_job(alice)
    assert number_of(lambda: known.get("/api/v1/usage")) == 2


@pytest.mark.parametrize("status", Status.values)
def test_a_job_is_written_out_as_its_fields_say(alice, status):
    source = make_job(alice, status=Status.SUCCEEDED)
    job = make_job(
        alice,
        status=status,
        retry_of=source,
        source_job=source,
        warnings=[{"parameter": "seed", "message": "It is ignored."}],
        flags=[{"what": "audio", "wished": True, "delivered": False}],
        late_at=source.created_at,
    )
    found = Job.objects.select_related("hold").get(pk=job.pk)
    by_hand, by_fields = JobSerializer(found), JobSerializer(found)
    assert by_hand.data == super(JobSerializer, by_fields).to_representation(found)
    assert list(by_hand.data) == list(by_fields.fields)


@pytest.mark.parametrize("starts_at", [None, timezone.now()])
@pytest.mark.parametrize("waits_for", [None, *WaitsFor])
def test_a_place_is_written_out_as_its_fields_say(alice, starts_at, waits_for):
    place = Place(position=3, starts_at=starts_at, waits_for=waits_for)
    by_hand = JobSerializer(make_job(alice), context={"place": place}).data["queue"]
    assert by_hand == QueueSerializer(place).data
    assert by_hand["waits_for"] is None or type(by_hand["waits_for"]) is str
