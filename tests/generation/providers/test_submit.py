from __future__ import annotations

import json
import logging
import pickle
import tomllib
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from socket import gaierror
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError, ProtocolError

from generation.providers.answers import judge_submit, read_answer
from generation.providers.errors import (
    Ambiguous,
    NotSent,
    ProviderError,
    RateLimited,
    RefusedForAccount,
    RefusedForJob,
    Unavailable,
)
from generation.providers.predictions import Prediction
from generation.providers.wavespeed import WaveSpeed
from tests.generation.providers.cases import CONCURRENCY, ID, NO_CREDIT, SUBMITS, envelope, failed, prediction, refusal
from tests.generation.providers.conftest import KEY, URL

Refusal = TypeVar("Refusal", bound=ProviderError)

MODEL = "lightricks/ltx-2-pro/text-to-video"
ADDRESS = f"{URL}/api/v3/{MODEL}"
INPUTS = {"prompt": "a cat", "duration": 6, "generate_audio": True}


def text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body)


@pytest.mark.parametrize(("status", "body", "kind", "prediction_id"), SUBMITS)
@responses.activate
def test_submit_means(client: WaveSpeed, status: int, body: Any, kind: type, prediction_id: str | None) -> None:
    responses.post(ADDRESS, body=text(body), status=status, headers={"Location": f"{URL}/elsewhere"})
    if kind is Prediction:
        assert client.submit(MODEL, INPUTS).id == prediction_id
    else:
        with pytest.raises(ProviderError) as caught:
            client.submit(MODEL, INPUTS)
        assert type(caught.value) is kind
        assert caught.value.prediction_id == prediction_id
        assert caught.value.status == status
    assert len(responses.calls) == 1


def never_connected(reason: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(MaxRetryError(cast(Any, None), "/", reason))


NOBODY = cast(Any, None)
FAILURES = [
    pytest.param(never_connected(NewConnectionError(NOBODY, "refused")), NotSent, id="a refused connection"),
    pytest.param(never_connected(NameResolutionError("host", NOBODY, gaierror())), NotSent, id="a name unknown"),
    pytest.param(requests.ConnectTimeout("slow"), NotSent, id="a connect time-out"),
    pytest.param(requests.ReadTimeout("slow"), Ambiguous, id="a read time-out"),
    pytest.param(requests.ConnectionError(ProtocolError("aborted")), Ambiguous, id="a dropped connection"),
    pytest.param(requests.exceptions.ChunkedEncodingError("cut"), Ambiguous, id="a body cut short"),
    pytest.param(requests.exceptions.ContentDecodingError("garbage"), Ambiguous, id="a body in no encoding"),
    pytest.param(requests.exceptions.SSLError("bad record"), Ambiguous, id="TLS that breaks later"),
    pytest.param(requests.ConnectionError(), Ambiguous, id="an error without a word"),
    pytest.param(ConnectionResetError(), Ambiguous, id="a reset"),
]


@pytest.mark.parametrize(("failure", "kind"), FAILURES)
@responses.activate
def test_submit_that_fails_on_the_way_means(client: WaveSpeed, failure: Exception, kind: type) -> None:
    responses.post(ADDRESS, body=failure)
    with pytest.raises(ProviderError) as caught:
        client.submit(MODEL, INPUTS)
    assert type(caught.value) is kind
    assert len(responses.calls) == 1


@responses.activate
def test_submit_sends_the_inputs_as_they_are_with_key_and_attribution(client: WaveSpeed) -> None:
    responses.post(ADDRESS, json=envelope(prediction()))
    client.submit(MODEL, INPUTS)
    request = responses.calls[0].request
    assert json.loads(request.body or "") == INPUTS
    assert request.url == ADDRESS
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Client-Name"] == "clapboard"
    assert request.headers["X-Client-Version"] == version()
    assert request.headers["X-Client-OS"]


def version() -> str:
    pyproject = Path(__file__).parents[3] / "pyproject.toml"
    return str(tomllib.loads(pyproject.read_text())["project"]["version"])


@responses.activate
def test_submit_hands_over_the_webhook_whole(client: WaveSpeed) -> None:
    webhook = "https://us.example/hook?token=a&b=c d#e"
    responses.post(ADDRESS, json=envelope(prediction()))
    client.submit(MODEL, INPUTS, webhook=webhook)
    assert parse_qs(urlsplit(responses.calls[0].request.url or "").query) == {"webhook": [webhook]}


@pytest.mark.parametrize(
    "model", ["", "one-word", "a/../balance", "../a/b", "a//b", "a/b?x=1", "a/b#c", "a/b c", "/a/b"]
)
@responses.activate
def test_submit_sends_nothing_to_what_is_no_model(client: WaveSpeed, model: str) -> None:
    with pytest.raises(ValueError, match="model"):
        client.submit(model, INPUTS)
    assert len(responses.calls) == 0


@pytest.mark.parametrize("value", [float("nan"), object()])
@responses.activate
def test_submit_sends_nothing_that_is_no_json(client: WaveSpeed, value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        client.submit(MODEL, {"prompt": "a cat", "seed": value})
    assert len(responses.calls) == 0


@responses.activate
def test_moderation_is_told_apart(client: WaveSpeed) -> None:
    responses.post(ADDRESS, json=refusal(1200, "Content policy"))
    responses.post(ADDRESS, json=refusal(1401, "duration must be 6, 8 or 10"))
    responses.post(ADDRESS, json=refusal(1200, data=failed(400)))
    moderated, invalid, failed_at_once = refusals(client, RefusedForJob, 3)
    assert moderated.moderated
    assert failed_at_once.moderated
    assert not invalid.moderated
    assert "duration must be 6, 8 or 10" in invalid.message


def refusals(client: WaveSpeed, kind: type[Refusal], count: int) -> list[Refusal]:
    found = []
    for _ in range(count):
        with pytest.raises(kind) as caught:
            client.submit(MODEL, INPUTS)
        found.append(caught.value)
    return found


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, refusal(401), "WaveSpeed does not accept the API key."),
        (403, refusal(403), "WaveSpeed forbids this to our account."),
        (402, refusal(402), "The WaveSpeed account is out of credit."),
        (403, refusal(403, NO_CREDIT), "The WaveSpeed account is out of credit."),
        (200, refusal(1407), "The WaveSpeed account is out of credit."),
        (400, refusal(400, NO_CREDIT), "The WaveSpeed account is out of credit."),
    ],
)
@responses.activate
def test_a_refusal_for_the_account_has_a_reason_for_operators(
    client: WaveSpeed, status: int, body: Any, reason: str
) -> None:
    responses.post(ADDRESS, json=body, status=status)
    assert refusals(client, RefusedForAccount, 1)[0].reason == reason


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [(400, "insufficient credits", RefusedForJob), (429, "the rate limit of concurrency", Ambiguous)],
)
@responses.activate
def test_a_prompt_quoted_in_its_refusal_speaks_for_nobody(
    client: WaveSpeed, status: int, message: str, kind: type
) -> None:
    responses.post(ADDRESS, json=refusal(status, f"Invalid prompt: {message[:20]}…"), status=status)
    with pytest.raises(ProviderError) as caught:
        client.submit(MODEL, {"prompt": f"a sign that says {message}, {message}"})
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        ("-3", 0, 0),
        ("inf", 86_400, 86_400),
        ("1e300", 86_400, 86_400),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 0),
        ("Thu, 01 Jan 1970 00:00:00 -0000", 0, 0),
    ],
)
@responses.activate
def test_a_limit_says_when_to_come_back(client: WaveSpeed, header: str, least: float, most: float) -> None:
    responses.post(ADDRESS, json=refusal(429, CONCURRENCY), status=429, headers={"Retry-After": header})
    retry_after = refusals(client, RateLimited, 1)[0].retry_after
    assert retry_after is not None
    assert least <= retry_after <= most


@responses.activate
def test_a_limit_may_name_a_moment(client: WaveSpeed) -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    responses.post(ADDRESS, json=refusal(429, CONCURRENCY), status=429, headers={"Retry-After": in_a_minute})
    retry_after = refusals(client, RateLimited, 1)[0].retry_after
    assert retry_after is not None
    assert 0 < retry_after <= 60


NONSENSE = (
    "soon",
    "nan",
    "",
    "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    "Mon, 01 Jan 2026 00:00:00 +99999999999999",
    "Mon, 01 Jan 2026 99999999999:00:00 GMT",
)


@pytest.mark.parametrize("headers", [{}, *({"Retry-After": header} for header in NONSENSE)])
@responses.activate
def test_a_limit_may_not_say_when_to_come_back(client: WaveSpeed, headers: dict[str, str]) -> None:
    responses.post(ADDRESS, json=refusal(429, CONCURRENCY), status=429, headers=headers)
    assert refusals(client, RateLimited, 1)[0].retry_after is None


@pytest.mark.parametrize("header", NONSENSE)
@responses.activate
def test_a_nonsensical_header_takes_no_paid_prediction_from_us(client: WaveSpeed, header: str) -> None:
    responses.post(ADDRESS, json=envelope(prediction()), headers={"Retry-After": header})
    assert client.submit(MODEL, INPUTS).id == ID


@responses.activate
def test_the_key_is_in_no_error_and_no_log_even_if_the_answer_quotes_it(
    client: WaveSpeed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    responses.post(ADDRESS, json=refusal(401, f"Bad key {KEY}, said {'x' * 600}{KEY}"), status=401)
    responses.post(ADDRESS, body=requests.ConnectionError(f"with {KEY} to ?webhook=secret-token"))
    webhook = "-".join(["https://us.example/?token=secret", "token"])  # the traceback shows the lines of this test
    for kind in (RefusedForAccount, Ambiguous):
        with pytest.raises(kind) as caught:
            client.submit(MODEL, INPUTS, webhook=webhook)
        told = [*traceback.format_exception(caught.value), repr(caught.value), str(vars(caught.value)), caplog.text]
        assert not [line for line in told if KEY in line or "secret-token" in line]
        assert len(str(caught.value)) < 700


def test_the_client_does_not_show_its_key(client: WaveSpeed) -> None:
    assert repr(client) == f"{client}" == "<WaveSpeed https://api.wavespeed.test>"


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "ключ-ключ", "secret key"])
def test_a_key_that_fits_no_header_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        WaveSpeed(url=URL, key=key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["", "api.wavespeed.ai", "ftp://a", "https://", "https://user:word@a", "https://user@a", "https://a?x=1", "//a"],
)
def test_an_address_that_could_misplace_the_key_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        WaveSpeed(url=url, key=KEY)


@pytest.mark.parametrize("times", [{"connect_timeout": 0}, {"read_timeout": -1}])
def test_a_time_out_of_nothing_is_refused(times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Time-outs"):
        WaveSpeed(url=URL, key=KEY, **times)


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("slow", retry_after=3, status=429, code=429),
        Unavailable("later", retry_after=3, prediction_id=ID),
        RefusedForAccount("no", reason="The key.", prediction_id=ID),
        Ambiguous("who knows", prediction_id=ID, status=500, code=5000),
    ],
)
def test_an_error_survives_a_process_boundary(error: ProviderError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)


def test_a_limit_is_a_limit_whatever_the_prompt_is_about():
    answer = read_answer(429, b'{"code": 429, "message": "You have reached your concurrency limit"}')

    assert isinstance(judge_submit(answer, {"prompt": "Runners in a concurrent motion"}), RateLimited)
