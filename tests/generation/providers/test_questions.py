"""Everything we ask WaveSpeed but a submit."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import requests
import responses

from generation.providers.errors import NotFound, ProviderError, RefusedForAccount, Unavailable
from generation.providers.predictions import Prediction
from generation.providers.wavespeed import Offer, WaveSpeed
from tests.generation.providers.cases import ID, RESULTS, envelope, prediction, refusal
from tests.generation.providers.conftest import KEY, URL
from tests.sandbox import RunningSandbox

API = f"{URL}/api/v3"
RESULT = f"{API}/predictions/{ID}/result"


@pytest.mark.parametrize(("status", "body", "kind", "_id"), RESULTS)
@responses.activate
def test_result_means(
    client: WaveSpeed, pauses: list[float], status: int, body: Any, kind: type, _id: str | None
) -> None:
    responses.get(RESULT, body=body if isinstance(body, str) else json.dumps(body), status=status)
    if kind is Prediction:
        assert client.result(ID).id == ID
    else:
        with pytest.raises(ProviderError) as caught:
            client.result(ID)
        assert type(caught.value) is kind
    assert len(pauses) == (3 if kind is Unavailable else 0)


@pytest.mark.parametrize(
    "hiccup",
    [
        {"status": 429},
        {"status": 500},
        {"status": 503, "body": "<html>"},
        {"json": refusal(5003)},
        {"body": requests.ConnectionError("cut")},
        {"body": requests.ReadTimeout("slow")},
        {"body": requests.ConnectTimeout("slow")},
    ],
    ids=str,
)
@responses.activate
def test_result_asks_again_after(client: WaveSpeed, pauses: list[float], hiccup: dict[str, Any]) -> None:
    responses.get(RESULT, **hiccup)
    responses.get(RESULT, **hiccup)
    responses.get(RESULT, json=envelope(prediction(status="processing")))
    assert client.result(ID).status == "processing"
    assert len(pauses) == 2


@responses.activate
def test_result_gives_up_after_four_attempts_with_growing_pauses(client: WaveSpeed, pauses: list[float]) -> None:
    responses.get(RESULT, status=503)
    with pytest.raises(Unavailable):
        client.result(ID)
    assert len(responses.calls) == 4
    assert [0.25 <= pauses[0] <= 0.75, 0.5 <= pauses[1] <= 1.5, 1 <= pauses[2] <= 3] == [True] * 3


@responses.activate
def test_result_waits_as_long_as_it_is_told(client: WaveSpeed, pauses: list[float]) -> None:
    responses.get(RESULT, status=429, headers={"Retry-After": "8"})
    responses.get(RESULT, json=envelope(prediction()))
    client.result(ID)
    assert pauses == [8]


@responses.activate
def test_result_leaves_a_long_wait_to_its_caller(client: WaveSpeed, pauses: list[float]) -> None:
    responses.get(RESULT, status=429, headers={"Retry-After": "60"})
    with pytest.raises(Unavailable) as caught:
        client.result(ID)
    assert caught.value.retry_after == 60
    assert pauses == []
    assert len(responses.calls) == 1


@pytest.mark.parametrize("name", ["", "..", "../balance", "a/b", "a?b", "x" * 65])
@responses.activate
def test_result_asks_for_nothing_that_is_no_id(client: WaveSpeed, name: str) -> None:
    with pytest.raises(NotFound):
        client.result(name)
    assert len(responses.calls) == 0


# Each question, and an answer it likes.
QUESTIONS: list[tuple[str, str, Callable[[WaveSpeed], object], object]] = [
    ("GET", "balance", lambda client: client.balance(), {"balance": 50.25}),
    ("GET", "models", lambda client: client.models(), []),
    ("POST", "predictions", lambda client: client.predictions(), {"page": 1, "items": []}),
    ("POST", "model/price", lambda client: client.price("a/b", {}), {"price": 0.36, "currency": "USD"}),
    ("POST", "predictions/delete", lambda client: client.delete([ID]), {"deleted_count": 1}),
]
question = pytest.mark.parametrize(("method", "path", "ask", "data"), QUESTIONS, ids=[q[1] for q in QUESTIONS])


@question
@responses.activate
def test_a_question_carries_the_key(client: WaveSpeed, method: str, path: str, ask: Any, data: object) -> None:
    responses.add(method, f"{API}/{path}", json=envelope(data))
    ask(client)
    assert responses.calls[0].request.headers["Authorization"] == f"Bearer {KEY}"


@question
@pytest.mark.parametrize("hiccup", [{"status": 500}, {"body": requests.ReadTimeout("slow")}, {"json": refusal(5003)}])
@responses.activate
def test_only_a_get_is_asked_again(
    client: WaveSpeed, pauses: list[float], method: str, path: str, ask: Any, data: object, hiccup: Any
) -> None:
    responses.add(method, f"{API}/{path}", **hiccup)
    with pytest.raises(Unavailable):
        ask(client)
    assert len(responses.calls) == (4 if method == "GET" else 1)
    assert len(pauses) == len(responses.calls) - 1


@question
@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, RefusedForAccount), (402, Unavailable), (403, Unavailable), (404, NotFound), (400, Unavailable)],
)
@responses.activate
@pytest.mark.usefixtures("pauses")
def test_a_question_refused_means(
    client: WaveSpeed, method: str, path: str, ask: Any, data: object, status: int, kind: type
) -> None:
    responses.add(method, f"{API}/{path}", json=refusal(status), status=status)
    with pytest.raises(kind):
        ask(client)


@question
@pytest.mark.parametrize("senseless", [None, 7, "x", {}, {"items": 7}, {"items": [7]}, [7]], ids=str)
@responses.activate
@pytest.mark.usefixtures("pauses")
def test_a_senseless_answer_is_no_answer(
    client: WaveSpeed, method: str, path: str, ask: Any, data: object, senseless: object
) -> None:
    responses.add(method, f"{API}/{path}", json=envelope(senseless))
    with pytest.raises(Unavailable):
        ask(client)


@pytest.mark.parametrize(
    ("dollars", "micros"),
    [
        ("0.36", 360_000),
        ("0.29", 290_000),
        ("1.1", 1_100_000),
        ("4.35", 4_350_000),
        ("0.000001", 1),
        ("1e-6", 1),
        ('"0.36"', 360_000),
        ("0", 0),
        ("12", 12_000_000),
        ("0.0000001", 1),
        ("0.1234561", 123_457),
    ],
)
@responses.activate
def test_a_price_is_exact_to_the_micro(client: WaveSpeed, dollars: str, micros: int) -> None:
    responses.post(f"{API}/model/price", body=f'{{"code": 200, "data": {{"price": {dollars}, "currency": "USD"}}}}')
    assert client.price("a/b", {"duration": 6}) == micros
    assert json.loads(responses.calls[0].request.body or "") == {"model_id": "a/b", "inputs": {"duration": 6}}


@pytest.mark.parametrize("price", ["null", "true", "-0.01", "NaN", "Infinity", '"free"', "[]", "1e300", '"1e999999"'])
@responses.activate
def test_a_price_that_is_none_is_never_zero(client: WaveSpeed, price: str) -> None:
    responses.post(f"{API}/model/price", body=f'{{"code": 200, "data": {{"price": {price}}}}}')
    with pytest.raises(Unavailable):
        client.price("a/b", {})


@responses.activate
def test_a_price_in_another_currency_is_none(client: WaveSpeed) -> None:
    responses.post(f"{API}/model/price", json=envelope({"price": 1, "currency": "EUR"}))
    with pytest.raises(Unavailable):
        client.price("a/b", {})


@responses.activate
def test_the_list_price_counts_and_not_the_discount(client: WaveSpeed) -> None:
    responses.post(f"{API}/model/price", json=envelope({"price": 0.36, "discounted_price": 0.18, "currency": "USD"}))
    assert client.price("a/b", {}) == 360_000


@pytest.mark.parametrize(("balance", "micros"), [(50.25, 50_250_000), (-0.5, -500_000), (0.1234569, 123_456), (0, 0)])
@responses.activate
def test_a_balance_is_never_rounded_up(client: WaveSpeed, balance: float, micros: int) -> None:
    responses.get(f"{API}/balance", json=envelope({"balance": balance}))
    assert client.balance() == micros


MODELS = [
    {"model_id": "a/b", "name": "B", "base_price": 0.2, "type": "text-to-video", "api_schema": {}},
    {"model_id": "a/c"},
    {"name": "no id"},
]


@pytest.mark.parametrize("data", [MODELS, {"items": MODELS}], ids=["bare", "as items"])
@responses.activate
def test_models_are_listed(client: WaveSpeed, data: object) -> None:
    responses.get(f"{API}/models", json=envelope(data))
    assert client.models() == [
        Offer(model="a/b", name="B", type="text-to-video", base_price=200_000),
        Offer(model="a/c", name="", type="", base_price=None),
    ]


@pytest.mark.parametrize(
    ("api_schema", "expected"),
    [
        ({"api_schemas": [{"type": "other"}, {"type": "model_run", "request_schema": {"a": 1}}]}, {"a": 1}),
        ({"api_schemas": [{"type": "model_run"}]}, None),
        ({"api_schemas": [{"type": "model_run", "request_schema": "x"}]}, None),
        ({"api_schemas": [{"type": "other", "request_schema": {"a": 1}}, 7]}, None),
        ({"api_schemas": 7}, None),
        ({"api_schemas": []}, None),
        ([], None),
        (None, None),
    ],
    ids=str,
)
@responses.activate
def test_an_offer_carries_the_schema_of_its_submit(client: WaveSpeed, api_schema: object, expected: object) -> None:
    responses.get(f"{API}/models", json=envelope([{"model_id": "a/b", "api_schema": api_schema}]))
    (offer,) = client.models()
    assert offer.schema == expected


def test_an_offer_of_the_sandbox_has_a_schema(sandbox: RunningSandbox) -> None:
    offers = WaveSpeed(url=sandbox.url, key=KEY).models()
    assert len(offers) == 7
    assert all(offer.schema and "prompt" in offer.schema["properties"] for offer in offers)  # type: ignore[operator]


@responses.activate
def test_predictions_are_listed_as_wished(client: WaveSpeed) -> None:
    responses.post(f"{API}/predictions", json=envelope({"page": 2, "items": [prediction(), prediction(id="b")]}))
    east = timezone(timedelta(hours=2))
    found = client.predictions(
        page=2,
        page_size=50,
        model="a/b",
        status="completed",
        created_after=datetime(2026, 9, 1, 14, 0, 0, 999_999, tzinfo=east),
        created_before=datetime(2026, 9, 1, 12, 30, 0, 1, tzinfo=UTC),
    )
    assert [one.id for one in found] == [ID, "b"]
    assert json.loads(responses.calls[0].request.body or "") == {
        "page": 2,
        "page_size": 50,
        "model": "a/b",
        "status": "completed",
        "created_after": "2026-09-01T12:00:00Z",
        "created_before": "2026-09-01T12:30:01Z",
        "include_inputs": True,
    }


@responses.activate
def test_predictions_leave_out_filters_that_nobody_wished(client: WaveSpeed) -> None:
    responses.post(f"{API}/predictions", json=envelope({"items": []}))
    assert client.predictions() == ()
    assert json.loads(responses.calls[0].request.body or "") == {"page": 1, "page_size": 100, "include_inputs": True}


@responses.activate
def test_a_list_with_something_unreadable_is_none(client: WaveSpeed) -> None:
    responses.post(f"{API}/predictions", json=envelope({"items": [prediction(), {"status": "created"}]}))
    with pytest.raises(Unavailable, match="cannot be read"):
        client.predictions()


@responses.activate
def test_a_list_may_be_longer_than_one_answer(client: WaveSpeed) -> None:
    items = [prediction(id=str(number), inputs={"prompt": "x" * 30_000}) for number in range(100)]
    responses.post(f"{API}/predictions", json=envelope({"items": items}))
    assert len(client.predictions()) == 100


@pytest.mark.parametrize("wish", [{"page": 0}, {"page_size": 101}, {"page_size": 0}])
@responses.activate
def test_a_page_that_does_not_exist_is_not_asked_for(client: WaveSpeed, wish: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Pages"):
        client.predictions(**wish)
    assert len(responses.calls) == 0


@responses.activate
def test_a_moment_without_a_time_zone_is_not_asked_for(client: WaveSpeed) -> None:
    with pytest.raises(ValueError, match="time zone"):
        client.predictions(created_after=datetime(2026, 9, 1))  # noqa: DTZ001 - the point
    assert len(responses.calls) == 0


@responses.activate
def test_delete_says_how_many_went(client: WaveSpeed) -> None:
    responses.post(f"{API}/predictions/delete", json=envelope({"deleted_count": 1}))
    assert client.delete(iter([ID, "b"])) == 1
    assert json.loads(responses.calls[0].request.body or "") == {"ids": [ID, "b"]}


@responses.activate
def test_delete_asks_for_nothing_that_is_no_id(client: WaveSpeed) -> None:
    with pytest.raises(ValueError, match="id"):
        client.delete([ID, "../x"])
    assert len(responses.calls) == 0
