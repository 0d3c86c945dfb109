"""WaveSpeed's webhooks: is one signed by it, and of which prediction does it speak? The facts: docs/wavespeed.md.

Its published sample verifies with no reading of its text, so that even a signed webhook is no more than a hint.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping

from generation.providers.predictions import read_prediction

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
MOST_SECONDS = 300  # between its signing and now
_VERSION = "v3,"


def sign(message_id: str, timestamp: str, body: bytes, *, secret: str) -> str:
    """Return the hex signature. The key is the secret without its prefix as text; it is not decoded."""
    key = secret.removeprefix("whsec_").encode()
    return hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def is_signed(headers: Mapping[str, str], body: bytes, *, secret: str, now: float) -> bool:
    """Say whether the provider signed this body within the last 300 s. An empty secret signs nothing.

    `headers` are found by any case, `now` is in unix seconds. The signature's header may hold several values.
    """
    message_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not secret.removeprefix("whsec_") or not message_id or not _is_fresh(timestamp, now):
        return False
    wanted = sign(message_id, timestamp, body, secret=secret).encode()
    given = [value.removeprefix(_VERSION) for value in headers.get(SIGNATURE, "").split() if value.startswith(_VERSION)]
    # As bytes: a header may hold what is no ASCII, which compare_digest takes in no text.
    return any(hmac.compare_digest(wanted, value.encode(errors="replace")) for value in given)


def named_prediction(body: bytes) -> str | None:
    """Return the id of the prediction that a webhook speaks of, bare or in an envelope; None if it names none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    within = data.get("data") if isinstance(data, dict) else None
    if isinstance(within, dict) and "id" in within:  # the envelope may have an id of its own
        data = within
    prediction = read_prediction(data)
    return prediction.id if prediction else None


def _is_fresh(timestamp: str, now: float) -> bool:
    """Say whether it is of the last 300 s; a clock may be wrong by as much the other way."""
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12
    return is_number and abs(now - int(timestamp)) <= MOST_SECONDS
