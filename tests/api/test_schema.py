"""The OpenAPI schema: it says what the API does, and the API does what it says."""

import itertools

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection
from schemathesis.transport.serialization import Binary

from config.wsgi import application
from generation.catalog import MODELS
from generation.models import Job, Status, Upload
from tests.api.test_permissions import stored
from tests.make import make_job, make_key, make_plan, make_user
from tests.media import make_upload, mp4, png

pytestmark = pytest.mark.any_database

ROUTES = {
    ("get", "/api/v1/jobs"),
    ("post", "/api/v1/jobs"),
    ("get", "/api/v1/jobs/{job_id}"),
    ("delete", "/api/v1/jobs/{job_id}"),
    ("post", "/api/v1/jobs/{job_id}/cancel"),
    ("post", "/api/v1/jobs/{job_id}/retry"),
    ("get", "/api/v1/jobs/{job_id}/video"),
    ("get", "/api/v1/jobs/{job_id}/poster"),
    ("get", "/api/v1/uploads"),
    ("post", "/api/v1/uploads"),
    ("get", "/api/v1/uploads/{upload_id}"),
    ("delete", "/api/v1/uploads/{upload_id}"),
    ("post", "/api/v1/quotes"),
    ("get", "/api/v1/models"),
    ("get", "/api/v1/usage"),
    ("get", "/api/v1/ledger"),
}


@pytest.fixture
def document(client):
    """Is the schema as everybody reads it."""
    answer = client.get("/api/schema/")
    assert answer.status_code == 200
    return yaml.safe_load(answer.content)


def test_the_schema_is_made_without_a_warning(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))


@pytest.mark.django_db
def test_the_schema_is_openapi_3_1(document):
    assert document["openapi"].startswith("3.1")
    assert "nullable" not in str(document)  # which is 3.0


def test_the_schema_knows_every_route_and_how_to_come_in(document):
    routes = {(method, path): route for path, methods in document["paths"].items() for method, route in methods.items()}
    assert set(routes) == ROUTES
    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    for route in routes.values():
        assert {"apiKey": []} in route["security"]
        problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        assert route["responses"]["401"]["content"] == problem
        assert route["responses"]["default"]["content"] == problem


@pytest.mark.parametrize("path", ["jobs", "quotes"])
@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data"])
def test_the_bodies_come_from_the_catalogue(document, path, media_type):
    body = document["paths"][f"/api/v1/{path}"]["post"]["requestBody"]
    assert body["required"]
    forms = body["content"][media_type]["schema"]["oneOf"]
    assert [form["title"] for form in forms] == [model.title for model in MODELS]
    for form, model in zip(forms, MODELS, strict=True):
        named = {parameter.name for parameter in (*model.parameters, *model.shorthands)}
        extra = ({"max_cost"} if path == "jobs" else set()) | ({"source_job"} if model.has("video") else set())
        assert set(form["properties"]) == {"model", *extra, *named, *model.ignored}
        for parameter in (*model.parameters, *model.shorthands):
            described = form["properties"][parameter.name]
            assert described.get("enum", []) == list(parameter.choices)
            assert described.get("minimum") == parameter.minimum
            assert described.get("maximum") == parameter.maximum
            assert described.get("maxLength") == parameter.max_length
        assert form["additionalProperties"] is False


def forms_of(document, media_type):
    return document["paths"]["/api/v1/jobs"]["post"]["requestBody"]["content"][media_type]["schema"]


def test_pictures_and_videos_are_ids_in_json_and_files_in_forms(document):
    for model, form in zip(MODELS, forms_of(document, "application/json")["oneOf"], strict=True):
        if model.media:
            assert form["properties"][model.media.name]["format"] == "uuid"
    form = forms_of(document, "multipart/form-data")
    assert {name: described["format"] for name, described in form["properties"].items()} == {
        "image": "binary",
        "video": "binary",
    }


def test_a_retake_takes_a_video_or_a_job_and_not_both(document):
    retake = forms_of(document, "application/json")["oneOf"][-1]
    assert retake["required"] == ["model", "prompt"]
    assert retake["oneOf"] == [{"required": ["video"]}, {"required": ["source_job"]}]
    assert retake["properties"]["source_job"]["format"] == "uuid"


def test_the_schema_is_json_for_whoever_asks_for_json(client):
    answer = client.get("/api/schema/", headers={"Accept": "application/json"})
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["openapi"].startswith("3.1")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/api/schema/", "/api/docs/", "/api/docs/?script="])
def test_whoever_has_lost_their_key_reads_on(client, address):
    assert client.get(address, headers={"Authorization": "Bearer wrong"}).status_code == 200


def test_the_page_holds_no_script_and_names_no_other_host(client):
    answer = client.get("/api/docs/")
    page = answer.content.decode()
    assert "<script>" not in page
    assert "//" not in page.replace("<!DOCTYPE html>", "")
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self';" in f"{policy};"
    assert "http" not in policy


# --- What schemathesis thinks of -------------------------------------------------------------------------------------


@pytest.fixture
def described(db):
    """Is the schema, with the application behind it, which keeps the connection that holds the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/schema/", _read_to_the_end)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def caller():
    """Is somebody without limits, with a job in each status that has something to show, and uploads."""
    user = make_user(plan=make_plan())
    for status in (Status.QUEUED, Status.FAILED):
        make_job(user, status=status)
    stored(make_job(user, status=Status.SUCCEEDED))
    for data in (png(), mp4()):
        make_upload(user, data)
    return user


@pytest.fixture
def real(caller):
    """Knows what is there, which no schema can say: files to send, and ids by the field that names them."""
    return {
        "files": {"image": Binary(png()), "video": Binary(mp4()), "file": Binary(mp4())},
        "ids": {
            "image": str(Upload.objects.get(kind="image").pk),
            "video": str(Upload.objects.get(kind="video").pk),
            "source_job": str(Job.objects.get(status=Status.SUCCEEDED).pk),
        },
        "job_id": itertools.cycle(map(str, Job.objects.order_by("created_at").values_list("pk", flat=True))),
        "upload_id": itertools.cycle(map(str, Upload.objects.order_by("created_at").values_list("pk", flat=True))),
    }


def make_real(case, real):
    """Put what is there in the place of what is only described, and leave out what contradicts the rest."""
    case.path_parameters = {name: next(real[name]) for name in case.path_parameters}
    case.query.pop("cursor", None)
    if "Range" in case.headers:
        case.headers["Range"] = "bytes=0-2"  # within the file
    if not isinstance(case.body, dict):
        return
    is_form = case.media_type == "multipart/form-data"
    named = real["ids"] | (real["files"] if is_form else {})
    body = {name: named.get(name, value) for name, value in case.body.items()}
    for name in ("start_time", "end_time", *(("size",) if {"resolution", "aspect_ratio"} & body.keys() else ())):
        body.pop(name, None)  # a part lies within its source, and a size is said once
    # JSON Schema takes 6.0 for an integer; we don't, since programs that compute lengths in floats round elsewhere.
    case.body = {name: int(value) if _is_whole(value) else value for name, value in body.items()}


def _is_whole(value):
    return isinstance(value, float) and value.is_integer()


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_the_api_does_what_the_schema_says(described, caller, real, method, path, mode):
    operation = described[path][method.upper()]
    headers = {"Authorization": f"Bearer {make_key(caller)[1]}"}

    @settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def check(case):
        if mode is GenerationMode.POSITIVE:
            make_real(case, real)
        # In a form true is text like any other, and whether a file is what it should be, no schema can tell.
        untold = [negative_data_rejection] if case.media_type == "multipart/form-data" else []
        case.call_and_validate(headers=headers, excluded_checks=untold)

    try:
        check()
    except Unsatisfiable:  # a route without anything that could be wrong
        assert mode is GenerationMode.NEGATIVE


@pytest.mark.parametrize("status", Status)
def test_a_job_is_as_the_schema_says_in_every_status(alice, described, status):
    job = make_job(alice, status=status, flags=[{"what": "duration", "wished": 6, "delivered": 5.4}])
    headers = {"Authorization": f"Bearer {make_key(alice)[1]}"}
    described["/api/v1/jobs"]["GET"].Case().call_and_validate(headers=headers)
    one = described["/api/v1/jobs/{job_id}"]["GET"].Case(path_parameters={"job_id": str(job.pk)})
    assert one.call_and_validate(headers=headers).json()["status"] == status


def _read_to_the_end(environ, start_response):
    answer = application(environ, start_response)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()
