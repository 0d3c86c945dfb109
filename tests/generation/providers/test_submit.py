from __future__ import annotations

import json
import logging
import pickle
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from urllib3.exceptions import NameResolutionError, NewConnectionError, ProtocolError

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
from tests.generation.providers.cases import CONCURRENCY, ID, NO_CREDIT, SUBMITS, envelope, prediction, refusal
from tests.generation.providers.conftest import KEY, URL

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


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (requests.ConnectTimeout("slow"), NotSent),
        (requests.ConnectionError(_reason := requests.packages.urllib3.exceptions.MaxRetryError), Ambiguous),
        (requests.ReadTimeout("slow"), Ambiguous),
        (requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError())), Ambiguous),
        (requests.exceptions.ChunkedEncodingError("cut"), Ambiguous),
        (requests.exceptions.ContentDecodingError("garbage"), Ambiguous),
        (requests.exceptions.SSLError("bad record"), Ambiguous),
        (requests.ConnectionError(), Ambiguous),
        (ConnectionResetError(), Ambiguous),
    ],
)
@responses.activate
def test_submit_that_fails_on_the_way_means(client: WaveSpeed, failure: Exception, kind: type) -> None:
    responses.post(ADDRESS, body=failure)
    with pytest.raises(ProviderError) as caught:
        client.submit(MODEL, INPUTS)
    assert type(caught.value) is kind
    assert len(responses.calls) == 1
