"""Webhooks as WaveSpeed sends them, for tests: a job's address with a token that is known, and signed letters."""

import hashlib
import json
import time

from django.test import Client

from generation.models import Ear, Job
from generation.providers.webhooks import sign

SECRET = "whsec_of-a-test"
TOKEN = "token-of-a-test"


def listen(secret: str = SECRET) -> None:
    """Let the secret be known, as if a worker had fetched it."""
    Ear.objects.update_or_create(pk=1, defaults={"secret": secret})


def give_token(job: Job, token: str = TOKEN) -> str:
    """Give a job the token, as its submission does, and return the path of its webhook."""
    Job.objects.filter(pk=job.pk).update(webhook_hash=hashlib.sha256(token.encode()).hexdigest())
    return f"/hooks/wavespeed/{job.pk}/{token}"


def letter(prediction_id: str | None, *, secret: str = SECRET, age: float = 0, **fields: object) -> dict[str, str]:
    """Return headers and body of a signed webhook about a prediction, as `call` takes them."""
    body = json.dumps({"id": prediction_id, "status": "completed", "outputs": []} | fields)
    return signed(body, secret=secret, age=age)


def signed(body: str, *, secret: str = SECRET, age: float = 0) -> dict[str, str]:
    """Return headers and body, signed."""
    timestamp = str(int(time.time() - age))
    signature = sign("msg_1", timestamp, body.encode(), secret=secret)
    return {"id": "msg_1", "timestamp": timestamp, "signature": f"v3,{signature}", "body": body}


def call(path: str, sent: dict[str, str]) -> int:
    """Send a webhook as a stranger without session, and return the status of the answer."""
    names = ("id", "timestamp", "signature")
    headers = {f"webhook-{name}": sent[name] for name in names if name in sent}
    client = Client(enforce_csrf_checks=True)
    response = client.post(path, data=sent["body"], content_type="application/json", headers=headers)
    assert not response.cookies
    return response.status_code
