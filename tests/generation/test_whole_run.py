"""A whole run as processes, with webhooks: what is noticed by them, and what all the logs of it say."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.test import Client

from billing.ledger import differences
from billing.models import Hold
from generation.models import FINAL, Ear, Job, Status
from tests.hooks import letter
from tests.make import make_key, make_plan, make_user
from tests.processes import engine, wait_for_life, wait_until
from tests.sandbox import RunningSandbox, running_sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

PROMPT = "A heron that nobody may read of in a log"
RESET_KEY = "1-cq9x-nobody-may-use-me"
# The POST gets no answer: only the webhook knows how it went.
LOST = ("dropped", "500_after", "no_id")
ACCESS_LOG = "--access-logfile=- --log-level=debug"
UNMADE = {"failed": "provider_failed", "refused_quoting": "refused"}
FAULTS = (*LOST, "webhook_twice", "webhook_forged", *UNMADE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run has left behind."""

    stats: dict[str, Any]
    lines: list[str]
    secrets: dict[str, str]


def ordered(url: str, key: str, prompt: str) -> str:
    answer = requests.post(
        f"{url}/api/v1/jobs",
        json={"model": "ltx-2-pro", "prompt": prompt},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def ordered_by_form(url: str, session: str, prompt: str) -> None:
    browser = requests.Session()
    browser.cookies.set("sessionid", session)
    page = browser.get(f"{url}/", timeout=60).text
    found = dict(re.findall(r'name="(csrfmiddlewaretoken|token|max_cost|priced|shown)" value="([^"]*)"', page))
    form = {"model": found["shown"], "duration": "6", "generate_audio": "true", "prompt": prompt, **found}
    answer = browser.post(f"{url}/", form, headers={"Referer": url}, timeout=60)
    assert answer.status_code == 200, answer.text
    assert "/videos/" in answer.url


def looked_around(url: str, session: str, job_id: str) -> None:
    """Look at pages that hold the prompt, and send a form that is refused and one without its token."""
    browser = requests.Session()
    browser.cookies.set("sessionid", session)
    for path in (f"/?from={job_id}", f"/videos/{job_id}", "/gallery/"):
        assert browser.get(f"{url}{path}", timeout=60).status_code in {200, 404}, path
    page = browser.get(f"{url}/", timeout=60).text
    found = dict(re.findall(r'name="(csrfmiddlewaretoken|token|max_cost|priced|shown)" value="([^"]*)"', page))
    form = {"model": found["shown"], "duration": "7", "prompt": PROMPT, **found}
    assert "/videos/" not in browser.post(f"{url}/", form, headers={"Referer": url}, timeout=60).url
    key = f"{url}/accounts/password/reset/key/{RESET_KEY}/"
    assert requests.post(key, {"prompt": PROMPT}, timeout=60).status_code == 403


def all_over(number: int) -> bool:
    return Job.objects.filter(status__in=FINAL).count() == number


def stranger_calls(url: str, webhooks: list[str]) -> None:
    """Call as somebody who found an address, and as somebody who guesses."""
    for address in (webhooks[0], f"{url}/hooks/wavespeed/{uuid4()}/{uuid4().hex}"):
        sent = letter("0" * 32, secret="whsec_other")
        assert requests.post(address, data=sent["body"], timeout=60).status_code == 404
    assert requests.get(webhooks[0], timeout=60).status_code == 405


@pytest.fixture
def run(tmp_path: Path, settings) -> Run:
    user = make_user(plan=make_plan())
    key, client = make_key(user)[1], Client()
    client.force_login(user)
    session = client.cookies["sessionid"].value
    file = tmp_path / "log"
    number = len(FAULTS) + 2
    options = {"LOG_LEVEL": "DEBUG", "JSON_LOGS": "1", "POLL_INTERVAL": "3600", "GUNICORN_CMD_ARGS": ACCESS_LOG}
    with (
        running_sandbox(seconds=0.5, webhook_pause=1) as sandbox,
        engine(sandbox.url, **options) as rig,
        file.open("wb") as rig.log,
    ):
        rig.be_called()
        rig.start("web", "watch", "worker")
        wait_for_life()
        first = ordered(rig.url, key, PROMPT)
        ordered_by_form(rig.url, session, PROMPT)
        for fault in FAULTS:
            ordered(rig.url, key, f"{PROMPT} [fault:{fault}]")
        wait_until(lambda: all_over(number), "the end of all")
        requests.get(f"{rig.url}/api/v1/jobs", headers={"Authorization": f"Bearer {key}"}, timeout=60)
        looked_around(rig.url, session, first)
        webhooks = webhooks_of(sandbox)
        stranger_calls(rig.url, webhooks)
        stats = sandbox.stats()
        rig.stop()
    tokens = {f"token of {address}": address.rpartition("/")[2] for address in webhooks}
    secrets = {"prompt": PROMPT, "key": key, "session": session, "webhook secret": "sandbox-secret", **tokens}
    secrets["key of a password"] = RESET_KEY
    return Run(stats=stats, lines=file.read_text().splitlines(), secrets=secrets)


def webhooks_of(sandbox: RunningSandbox) -> list[str]:
    return [str(prediction["webhook"]) for prediction in sandbox.stats()["predictions"]]


def test_webhooks_tell_of_every_end_and_no_log_tells_a_secret(run):
    assert_all_ended_by_webhooks(run.stats)
    assert_silent(run.lines, run.secrets)


def assert_all_ended_by_webhooks(stats: dict[str, Any]) -> None:
    jobs = list(Job.objects.all())
    sent = [job for job in jobs if job.prediction_id]
    assert {job.error_code for job in jobs if job.status == Status.FAILED} == set(UNMADE.values())
    assert Counter(job.status for job in jobs) == {Status.SUCCEEDED: len(FAULTS), Status.FAILED: len(UNMADE)}
    assert len(sent) == stats["submissions"] == len(jobs) - 1
    assert all(job.heard_at for job in sent)
    # What was lost was named by its webhook, and only compared with the list.
    assert stats["requests"].get("POST /api/v3/predictions", 0) <= len(LOST), stats["requests"]
    assert Hold.objects.filter(state=Hold.State.SETTLED).count() == len(FAULTS)
    assert not list(differences())
    assert Ear.objects.get().heard_at


def assert_silent(lines: list[str], secrets: dict[str, str]) -> None:
    assert not [line for line in lines for secret in secrets.values() if secret in line]
    assert not [line for line in lines if re.search(r"/outputs/[^ ]+\?", line)]  # a signed address

    # Each line is one of ours, those of gunicorn too, and a request's bears its id.
    read = [json.loads(line) for line in lines]
    asked = [line for line in read if line["logger"] == "gunicorn.access"]
    assert any("/api/v1/jobs" in line["event"] for line in asked)
    assert all(line["request_id"] for line in asked if "/api/" in line["event"])

    # The scan has looked at all processes, and at lines of requests, jobs, predictions, calls and the provider's words.
    for seen in ("submitted", "not submitted", "job moved", "webhook not believed", "POST /hooks/wavespeed/"):
        assert [line for line in lines if seen in line], seen
    moved = [json.loads(line) for line in lines if '"event": "job moved"' in line]
    posted = [
        json.loads(line) for line in lines if '"event": "submitted"' in line or '"event": "not submitted"' in line
    ]
    assert len(posted) == len(FAULTS) + 2
    assert all(line["request_id"] and line["job_id"] for line in moved + posted)
    assert {line["after"] for line in moved if line["prediction_id"]} == {
        "running",
        "collecting",
        "succeeded",
        "failed",
    }
