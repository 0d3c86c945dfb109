"""Every request has an id, which answers, rows and log lines bear; and no log line tells what is nobody's business."""

import json
import logging

import pytest
import structlog
from rest_framework.test import APIClient

from billing.models import LedgerEntry
from config.logs import configure_logging
from generation import services
from generation.models import Job
from tests.make import make_key

WISH = {"model": "ltx-2-pro", "prompt": "A SECRET fox in snow"}


@pytest.fixture
def lines():
    """Collects what the log says while the test runs, as production writes it."""
    root = logging.getLogger()
    kept = root.handlers[:], root.level, structlog.get_config()
    configure_logging(json=True, level="DEBUG")
    written = []

    class Lines(logging.Handler):
        def emit(self, record):
            written.append(self.format(record))

    handler = Lines()
    handler.setFormatter(root.handlers[0].formatter)
    root.handlers[:] = [handler]
    yield written
    root.handlers[:], root.level = kept[:2]
    structlog.configure(**kept[2])


def test_the_callers_id_comes_back_and_stands_on_job_and_ledger(api):
    answer = api.post("/api/v1/jobs", WISH, HTTP_X_REQUEST_ID="my-request.7_a")
    assert answer["X-Request-ID"] == "my-request.7_a"
    assert Job.objects.get().request_id == "my-request.7_a"
    assert LedgerEntry.objects.get().request_id == "my-request.7_a"


@pytest.mark.parametrize(
    "wished", [None, "", "short", "x" * 65, "has a space", "new\nline-here", "söme-request", "a;b-c-d-e"]
)
def test_any_other_id_is_replaced(api, wished):
    headers = {} if wished is None else {"HTTP_X_REQUEST_ID": wished}
    ids = {api.post("/api/v1/jobs", WISH, **headers)["X-Request-ID"] for _ in range(2)}
    assert len(ids) == 2
    assert wished not in ids
    assert set(Job.objects.values_list("request_id", flat=True)) == ids


@pytest.mark.parametrize("address", ["/api/v1/usage", "/api/v1/nothing", "/healthz", "/api/schema/"])
def test_every_answer_bears_an_id(api, address):
    assert len(api.get(address)["X-Request-ID"]) == 32


def test_the_log_tells_which_request_it_was(api, lines):
    answer = api.post("/api/v1/jobs", WISH, HTTP_X_REQUEST_ID="request-number-7")
    (line,) = [json.loads(line) for line in lines if "job created" in line]
    assert (line["request_id"], line["job_id"]) == ("request-number-7", answer.json()["id"])


def test_the_log_never_tells_prompt_or_key(alice, lines, monkeypatch):
    secret = make_key(alice)[1]
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    job = api.post("/api/v1/jobs", WISH).json()
    api.post("/api/v1/jobs", WISH | {"duration": 7})
    api.post("/api/v1/quotes", WISH)
    api.get("/api/v1/jobs")
    api.post(f"/api/v1/jobs/{job['id']}/cancel")
    api.get("/api/v1/usage", HTTP_AUTHORIZATION=f"Bearer {secret}x")

    def explode(user, spec, **kwargs):
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(services, "create", explode)
    assert api.post("/api/v1/jobs", WISH, HTTP_X_REQUEST_ID="request-number-8").status_code == 500
    (unexpected,) = [json.loads(line) for line in lines if "unexpected error" in line]
    assert unexpected["request_id"] == "request-number-8"
    assert "nobody expected this" in unexpected["exception"]
    log = "\n".join(lines)
    assert "SECRET" not in log.replace("AWS_SECRET", "")
    assert secret.removeprefix("cb_live_") not in log
