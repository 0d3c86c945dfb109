"""Whose webhook it is and what it speaks of, to the letter of WaveSpeed's documentation."""

import json

import pytest

from generation.providers.errors import Unavailable
from generation.providers.wavespeed import WaveSpeed
from generation.providers.webhooks import is_signed, named_prediction, sign

pytestmark = pytest.mark.any_database

NOW = 1_700_000_000
BODY = b'{"id":"pred_123","status":"completed"}'
VECTORS = [
    ("whsec_secret-value", "8ae8a3af37c66d113524b329f4b951d736eb51f32e23c56a5c5d49c4b4adee1c"),
    ("whsec_c2VjcmV0LXZhbHVl", "bc52f3bf70fec18f6a18184ce47b2e9e6585f1e0ef2aaca55c088a4841e6443e"),
]
SECRET, SIGNATURE = VECTORS[0]


def believed(*, body: bytes = BODY, secret: str = SECRET, now: float = NOW, **headers: str | None) -> bool:
    """Ask about the documented webhook, changed where the test says so; None leaves a header out."""
    sent = {"id": "pred_123", "timestamp": str(NOW), "signature": f"v3,{SIGNATURE}", **headers}
    present = {f"webhook-{name}": value for name, value in sent.items() if value is not None}
    return is_signed(present, body, secret=secret, now=now)


@pytest.mark.parametrize(("secret", "signature"), VECTORS)
def test_the_documented_vectors_hold(secret, signature):
    assert sign("pred_123", str(NOW), BODY, secret=secret) == signature
    assert believed(secret=secret, signature=f"v3,{signature}")


def test_a_secret_without_its_prefix_is_the_same():
    assert believed(secret="secret-value")


@pytest.mark.parametrize("secret", ["", "whsec_"])
def test_an_empty_secret_believes_nothing(secret):
    own = sign("pred_123", str(NOW), BODY, secret=secret)  # what a forger would send

    assert not believed(secret=secret, signature=f"v3,{own}")


@pytest.mark.parametrize(
    "signature",
    [
        f"v3,{'0' * 64} v3,{SIGNATURE}",
        f"v3,{SIGNATURE} v3,{'0' * 64}",
        f"v1,other  v3,{SIGNATURE}",
    ],
)
def test_one_right_value_among_several_is_enough(signature):
    assert believed(signature=signature)


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "v3,",
        SIGNATURE,
        f"v1,{SIGNATURE}",
        f"v3,{SIGNATURE[:-1]}",
        f"v3,{SIGNATURE}0",
        f"v3,{SIGNATURE},v3",
        f"v3,{'0' * 64}",
        f"v3,{VECTORS[1][1]}",
        "v3,übel",
        "v3,\udcff",
    ],
)
def test_any_other_signature_is_refused(signature):
    assert not believed(signature=signature)


@pytest.mark.parametrize(
    "changed",
    [
        {"body": BODY + b" "},
        {"body": b'{"id":"pred_124","status":"completed"}'},
        {"id": "pred_124"},
        {"id": None},
        {"id": ""},
        {"timestamp": str(NOW + 1)},
        {"secret": "whsec_other"},
    ],
)
def test_what_was_tampered_with_is_refused(changed):
    assert not believed(**changed)


def test_it_is_believed_for_300_seconds():
    assert believed(now=NOW + 300)
    assert not believed(now=NOW + 301)


def test_a_clock_may_be_wrong_by_as_much():
    assert believed(now=NOW - 300)
    assert not believed(now=NOW - 301)


@pytest.mark.parametrize("timestamp", [None, "", "now", "-1", "1e9", "²", "9" * 13, f"{NOW}.0", f" {NOW}"])
def test_a_time_that_is_no_number_is_refused(timestamp):
    signature = sign("pred_123", str(timestamp or ""), BODY, secret=SECRET)

    assert not believed(timestamp=timestamp, signature=f"v3,{signature}")


@pytest.mark.parametrize(
    "body",
    [
        {"id": "pred_123", "status": "failed"},
        {"code": 200, "data": {"id": "pred_123"}},
        {"id": "evt_1", "data": {"id": "pred_123"}},
        {"id": "pred_123", "data": {}},
    ],
)
def test_the_prediction_is_named_bare_or_in_an_envelope(body):
    assert named_prediction(json.dumps(body).encode()) == "pred_123"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"pred_123", b"null", b"[]", b"{}", b'{"id": null}', b'{"id": 7}', b'{"id": "../balance"}'),
        *(b'{"data": []}', b'{"id": "pred_123"', b"\xff\xfe", b"[" * 100_000, b'{"id": "' + b"x" * 65 + b'"}'),
    ],
)
def test_what_names_no_prediction_names_none(body):
    assert named_prediction(body) is None


def test_the_secret_is_the_provider_s_word(sandbox):
    assert WaveSpeed(url=sandbox.url, key="key").webhook_secret() == "whsec_sandbox-secret"


@pytest.mark.parametrize("secret", ["", "x" * 201, "with\x00nul"])
def test_a_secret_that_is_none_is_not_taken(sandbox, secret, monkeypatch):
    sandbox.set(webhook_secret=secret)
    monkeypatch.setattr("generation.providers.wavespeed.GET_WAITS", ())

    with pytest.raises(Unavailable):
        WaveSpeed(url=sandbox.url, key="key").webhook_secret()
