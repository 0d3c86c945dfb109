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

from config.wsgi import application
from generation.catalog import MODELS
from generation.models import Job, Status
from tests.api.test_permissions import stored
from tests.make import make_job, make_key, make_plan, make_user

ROUTES = {
    ("get", "/api/v1/jobs"),
    ("post", "/api/v1/jobs"),
    ("get", "/api/v1/jobs/{job_id}"),
    ("post", "/api/v1/jobs/{job_id}/cancel"),
    ("get", "/api/v1/jobs/{job_id}/video"),
    ("get", "/api/v1/jobs/{job_id}/poster"),
    ("post", "/api/v1/quotes"),
    ("get", "/api/v1/models"),
    ("get", "/api/v1/usage"),
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


def test_the_bodies_come_from_the_catalogue(document):
    body = document["paths"]["/api/v1/jobs"]["post"]["requestBody"]
    assert body["required"]
    forms = body["content"]["application/json"]["schema"]["oneOf"]
    assert [form["title"] for form in forms] == [model.title for model in MODELS]
    for form, model in zip(forms, MODELS, strict=True):
        named = {parameter.name for parameter in model.parameters}
        assert set(form["properties"]) == {"model", "max_cost", *named, *model.ignored}
        assert form["properties"]["duration"]["enum"] == list(model.parameter("duration").choices)
        assert form["additionalProperties"] is False


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
    """Is somebody without limits, with a job in each status that has something to show."""
    user = make_user(plan=make_plan())
    for status in (Status.QUEUED, Status.FAILED):
        make_job(user, status=status)
    stored(make_job(user, status=Status.SUCCEEDED))
    return {"Authorization": f"Bearer {make_key(user)[1]}"}


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_the_api_does_what_the_schema_says(described, caller, method, path, mode):
    operation = described[path][method.upper()]
    ids = itertools.cycle(Job.objects.order_by("created_at").values_list("pk", flat=True))

    @settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def check(case):
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = {name: str(next(ids)) for name in case.path_parameters}
            case.query.pop("cursor", None)  # which one is right, no schema can say
        case.call_and_validate(headers=caller)

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
