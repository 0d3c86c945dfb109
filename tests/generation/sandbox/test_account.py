from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.generation.sandbox.conftest import HUNYUAN, LTX_FAST, LTX_PRO, RETAKE, Api, data_of, fetch, wait_until
from tests.sandbox import RunningSandbox


def ids(page: dict[str, Any]) -> list[str]:
    return [item["id"] for item in page["items"]]


def test_the_list_shows_the_newest_first_by_pages(api: Api) -> None:
    made = [api.submit(f"Fox {n}") for n in range(5)]
    newest = list(reversed(made))
    assert ids(api.post("/predictions", {"page": 1, "page_size": 2})) == newest[:2]
    assert ids(api.post("/predictions", {"page": 3, "page_size": 2})) == newest[4:]
    assert api.post("/predictions", {"page": 4, "page_size": 2}) == {"page": 4, "items": []}
    assert ids(api.post("/predictions", {})) == newest


@pytest.mark.parametrize(
    "body", [{"page": 0}, {"page": "1"}, {"page_size": 101}, {"page_size": 0}, {"created_after": "yesterday"}]
)
def test_the_list_refuses_what_it_does_not_understand(api: Api, body: dict[str, Any]) -> None:
    assert api.call("POST", "/predictions", json=body).status_code == 400


def test_the_list_can_be_narrowed(api: Api) -> None:
    fast = api.submit("A fox", model=LTX_FAST)
    failed = api.submit("A fox [fault:failed]")
    api.wait(fast)
    api.wait(failed)
    assert ids(api.post("/predictions", {"model": LTX_FAST})) == [fast]
    assert ids(api.post("/predictions", {"status": "failed"})) == [failed]
    assert ids(api.post("/predictions", {"status": "processing"})) == []


def test_the_list_can_be_narrowed_in_time(api: Api) -> None:
    first = api.submit("A fox")
    between = (datetime.fromisoformat(api.show(first)["created_at"]) + timedelta(microseconds=1)).isoformat()
    second = api.submit("A cat")
    assert ids(api.post("/predictions", {"created_after": between})) == [second]
    assert ids(api.post("/predictions", {"created_before": between.replace("+00:00", "Z")})) == [first]
    later = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None).isoformat()
    assert ids(api.post("/predictions", {"created_after": later})) == []


def test_the_list_may_honour_the_wish_for_inputs(api: Api, sandbox: RunningSandbox) -> None:
    api.submit("A fox", duration=8)
    (with_inputs,) = api.post("/predictions", {"include_inputs": True})["items"]
    assert with_inputs["inputs"] == {"prompt": "A fox", "duration": 8}
    assert "inputs" not in api.post("/predictions", {})["items"][0]
    sandbox.set(include_inputs=False)
    assert "inputs" not in api.post("/predictions", {"include_inputs": True})["items"][0]


def test_deleting_hides_predictions_and_counts_them(api: Api) -> None:
    first, second = api.submit("A fox"), api.submit("A cat")
    api.wait(first)
    assert api.post("/predictions/delete", {"ids": [first, first, "unknown"]}) == {"deleted_count": 1}
    assert api.post("/predictions/delete", {"ids": [first]}) == {"deleted_count": 0}
    assert ids(api.post("/predictions", {})) == [second]
    gone = api.show(first)
    assert (gone["status"], gone["outputs"]) == ("deleted", [])


@pytest.mark.parametrize("body", [{}, {"ids": []}, {"ids": "x"}, {"ids": [1]}])
def test_deleting_wants_ids(api: Api, body: dict[str, Any]) -> None:
    assert api.call("POST", "/predictions/delete", json=body).status_code == 400


def test_deleting_stops_nothing(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(seconds=3600)
    prediction_id = api.submit("A fox")
    api.post("/predictions/delete", {"ids": [prediction_id]})
    assert sandbox.stats()["running"] == 1
    sandbox.finish()
    _until_idle(sandbox)
    assert sandbox.stats()["balance"] == 9_999.64


def _until_idle(sandbox: RunningSandbox) -> None:
    wait_until(lambda: sandbox.stats()["running"] == 0)


PRICES = [
    (LTX_PRO, {}, 0.36),
    (LTX_PRO, {"prompt": "x", "duration": 10}, 0.60),
    (LTX_FAST, {"duration": 20}, 0.80),
    (HUNYUAN, {}, 0.10),
    (HUNYUAN, {"duration": 10}, 0.10),
    (HUNYUAN, {"duration": 5, "size": "1280*720"}, 0.20),
    (HUNYUAN, {"duration": 10, "size": "480*832"}, 0.20),
    (RETAKE, {"video": "https://example.com/a.mp4"}, 0.10),
]


@pytest.mark.parametrize(("model", "inputs", "dollars"), PRICES)
def test_both_paths_say_the_price_and_the_floor_if_something_is_missing(
    api: Api, model: str, inputs: dict[str, Any], dollars: float
) -> None:
    priced = api.post("/model/price", {"model_id": model, "inputs": inputs})
    assert priced == {
        "model_id": model,
        "price": dollars,
        "discounted_price": dollars,
        "discount_rate": 0,
        "currency": "USD",
    }
    assert api.post("/model/pricing", {"model_id": model, "inputs": inputs}) == {
        "unit_price": dollars,
        "currency": "USD",
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model_id": "somebody/else"}, 404),
        ({}, 404),
        ({"model_id": LTX_PRO, "inputs": []}, 200),
        ({"model_id": LTX_PRO, "inputs": [1]}, 400),
        ({"model_id": LTX_PRO, "inputs": {"duration": "long"}}, 400),
    ],
)
def test_a_price_is_refused_for_what_is_not_on_offer(api: Api, body: dict[str, Any], status: int) -> None:
    assert api.call("POST", "/model/price", json=body).status_code == status


def test_a_retake_is_priced_and_charged_by_its_source(api: Api, sandbox: RunningSandbox) -> None:
    source = api.upload(fetch(api.made("A fox", duration=8)), "fox.mp4", "video/mp4")
    assert api.post("/model/price", {"model_id": RETAKE, "inputs": {"video": source}})["price"] == 0.8
    sandbox.set(balance=100)
    prediction_id = api.submit("Again", model=RETAKE, video=source)
    api.wait(prediction_id)
    assert sandbox.stats()["balance"] == 99.2
    assert _bills(api, prediction_id)["items"][0]["price"] == 0.8


def test_prices_can_be_changed(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(prices={LTX_PRO: 0.07})
    assert api.post("/model/price", {"model_id": LTX_PRO, "inputs": {"duration": 10}})["price"] == 0.7


def test_the_balance_goes_down_by_what_completes(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(balance=50.25)
    assert data_of(api.call("GET", "/balance")) == {"balance": 50.25}
    api.made("A fox", duration=10)
    api.wait(api.submit("A fox [fault:failed]"))
    assert data_of(api.call("GET", "/balance")) == {"balance": 49.65}


def test_an_empty_account_is_refused(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(balance=0.80, seconds=3600)
    answers = [api.try_submit("A fox") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 402]
    assert "Insufficient credits" in answers[2].json()["message"]
    assert sandbox.stats()["submissions"] == 2


def _bills(api: Api, *prediction_ids: str) -> dict[str, Any]:
    bills = api.post("/billings/search", {"page": 1, "page_size": 20, "prediction_uuids": list(prediction_ids)})
    assert isinstance(bills, dict)
    return bills


def test_bills_say_what_a_task_really_cost(api: Api) -> None:
    first, failed = api.submit("A fox", duration=8), api.submit("[fault:failed]")
    api.wait(first)
    api.wait(failed)
    (bill,) = _bills(api, first)["items"]
    assert (bill["price"], bill["billing_type"], bill["prediction"]["uuid"]) == (0.48, "deduct", first)
    assert _bills(api, failed)["items"] == []
    assert len(_bills(api)["items"]) == 1
    assert api.post("/billings/search", {"billing_type": "refund"})["items"] == []
    assert api.post("/billings/search", {"start_time": "2200-01-01T00:00:00Z"})["items"] == []


def test_models_are_listed_with_their_schemas(api: Api) -> None:
    models = {model["model_id"]: model for model in data_of(api.call("GET", "/models"))}
    assert len(models) == 7
    (schema,) = models[LTX_PRO]["api_schema"]["api_schemas"]
    assert (schema["type"], schema["api_path"]) == ("model_run", f"/api/v3/{LTX_PRO}")
    assert schema["request_schema"]["properties"]["duration"]["enum"] == [6, 8, 10]
    assert models[LTX_PRO]["base_price"] == 0.36
    assert models[HUNYUAN]["base_price"] == 0.1


def test_uploads_are_put_and_fetched_without_a_key(api: Api, sandbox: RunningSandbox) -> None:
    body = bytes(range(256)) * 5000
    url = api.upload(body, "my fox/é.mp4", "video/mp4")
    answer = requests.get(url, timeout=60)
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, body, "video/mp4")
    assert sandbox.stats()["leaked_keys"] == 0


def _ticket(api: Api, **changes: Any) -> dict[str, Any]:
    ticket = api.post("/media/uploads", {"filename": "a.png", "size": 4, "content_type": "image/png", **changes})
    assert isinstance(ticket, dict)
    return ticket


def test_an_upload_is_announced(api: Api) -> None:
    ticket = _ticket(api)
    assert (ticket["type"], ticket["filename"], ticket["size"]) == ("image", "a.png", 4)
    assert ticket["upload"]["method"] == "PUT"
    assert ticket["upload"]["headers"] == {"Content-Type": "image/png"}
    assert requests.get(ticket["download_url"], timeout=60).status_code == 404


def test_bytes_must_come_as_they_were_announced(api: Api, sandbox: RunningSandbox) -> None:
    ticket = _ticket(api)
    url, headers = ticket["upload"]["url"], ticket["upload"]["headers"]

    def put(body: bytes, to: str = url, **more: str) -> int:
        return requests.put(to, data=body, headers={**headers, **more}, timeout=60).status_code

    assert put(b"1234", Authorization="Bearer a-key") == 400
    assert sandbox.stats()["leaked_keys"] == 1
    assert put(b"1234", to=url.partition("?")[0]) == 403
    assert put(b"1234", **{"Content-Type": "image/jpeg"}) == 403
    assert put(b"123") == 400
    assert put(b"12345") == 400
    assert put(b"1234") == 200
    assert fetch(ticket["download_url"]) == b"1234"


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"size": 200 * 1024 * 1024 + 1}, 413), ({"size": 0}, 400), ({"size": "4"}, 400), ({"filename": ""}, 400)],
)
def test_uploads_have_their_limits(api: Api, changes: dict[str, Any], status: int) -> None:
    body = {"filename": "a.png", "size": 4, **changes}
    assert api.call("POST", "/media/uploads", json=body).status_code == status


def test_the_account_allows_so_many_at_a_time(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(concurrent=2, seconds=3600)
    answers = [api.try_submit("A fox") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["message"] == "You have reached your concurrency limit"
    assert sandbox.stats()["submissions"] == 2
    sandbox.finish()
    _until_idle(sandbox)
    assert api.try_submit("A fox").status_code == 200


def test_the_account_allows_so_many_a_minute(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(per_minute=3)
    answers = [api.try_submit("A fox") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "limit" in answers[3].json()["message"]
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60
    sandbox.set(per_minute=None)
    assert api.try_submit("A fox").status_code == 200


def test_a_limit_of_no_submissions_a_minute_refuses_the_first(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(per_minute=0)
    answer = api.try_submit("A fox")
    assert answer.status_code == 429
    assert "rate limit of 0 submissions per minute" in answer.json()["message"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert sandbox.stats()["submissions"] == 0
