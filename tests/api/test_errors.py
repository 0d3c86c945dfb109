"""What is refused: always a problem that says what, where and under which request id, and nothing is written."""

import json
from datetime import UTC, datetime

import pytest
from django.core.cache import caches
from django.http import HttpRequest, UnreadablePostError
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from billing import services as billing
from billing.models import Hold, LedgerEntry, Period, Price
from generation import services
from generation.api.rates import UserRate
from generation.models import Job, JobEvent
from tests.conftest import api_of
from tests.make import ACTOR, make_job, make_plan, make_user

WISH = {"model": "ltx-2-pro", "prompt": "A red fox in snow"}
TOMORROW = datetime(2026, 8, 24, tzinfo=UTC)


@pytest.fixture
def raw(api):
    """Sends a body as it stands."""

    def send(body, content_type="application/json", address="/api/v1/jobs"):
        return api.generic("POST", address, body, content_type=content_type)

    return send


def assert_problem(answer, status, code, param=None):
    body = answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.status_code, body["status"]) == (status, status)
    assert body["type"] == f"urn:clapboard:problem:{code}"
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer["X-Request-ID"]
    kind = "server_error" if status >= 500 else "invalid_request_error"
    assert body["error"] == {"message": body["detail"], "type": kind, "param": param, "code": code}
    assert len(answer.content) < 10_000
    return body


def assert_nothing_written():
    for model in (Job, JobEvent, Hold, LedgerEntry):
        assert not model.objects.exists(), model
    assert not Period.objects.exclude(spend_held=0, videos_held=0, seconds_held=0).exists()


UNREADABLE = {
    "nothing that is JSON": b"{",
    "half a string": b'{"model": "ltx',
    "a trailing comma": b'{"model": "ltx-2-pro",}',
    "a list": b"[]",
    "a string": b'"ltx-2-pro"',
    "a number": b"1",
    "null": b"null",
    "true": b"true",
    "not UTF-8": b'{"model": "\xff\xfe"}',
    "UTF-16": json.dumps(WISH).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "half a character": b'{"model": "ltx-2-pro", "prompt": "\\ud83d fox"}',
    "half a character in a name": b'{"model": "ltx-2-pro", "prompt": "x", "\\udc00": 1}',
    "NaN": b'{"model": "ltx-2-pro", "prompt": "x", "duration": NaN}',
    "Infinity": b'{"model": "ltx-2-pro", "prompt": "x", "max_cost": Infinity}',
    "deep lists": b'{"seed": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"seed":' * 50_000 + b"1" + b"}" * 50_000,
    "eleven levels": b'{"seed": ' + b"[" * 11 + b"]" * 11 + b"}",
    "a number of 5000 digits": b'{"model": "ltx-2-pro", "prompt": "x", "duration": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("address", ["/api/v1/jobs", "/api/v1/quotes"])
def test_an_unreadable_body_is_a_parse_error(raw, body, address):
    assert_problem(raw(body, address=address), 400, "parse_error")
    assert_nothing_written()


@pytest.mark.parametrize("charset", ["utf-16", "zlib", "base64", "rot13", "no-such-charset", "idna"])
def test_the_charset_of_the_caller_does_not_change_how_json_is_read(raw, charset):
    assert raw(json.dumps(WISH), f"application/json; charset={charset}").status_code == 202


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
        "/",
    ],
)
def test_another_content_type_is_named(raw, content_type):
    body = assert_problem(raw(b"model=ltx-2-pro", content_type), 415, "unsupported_media_type")
    assert body["detail"].endswith("Send application/json or multipart/form-data.")
    assert_nothing_written()


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json", "image/png", ""])
def test_an_upload_is_a_form(raw, content_type):
    body = assert_problem(raw(b"x", content_type, "/api/v1/uploads"), 415, "unsupported_media_type")
    assert body["detail"].endswith("Send multipart/form-data.")


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_called_by_its_full_name(raw, content_type):
    assert raw(json.dumps(WISH), content_type).status_code == 202


def test_a_huge_body_is_not_read(raw, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert_problem(raw(json.dumps(WISH | {"prompt": "x" * 1000})), 413, "body_too_large")
    assert_nothing_written()


@pytest.mark.parametrize("address", ["/api/v1/jobs", "/api/v1/uploads"])
def test_an_address_as_a_form_is_not_even_read_for_a_session(alice, address):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    client.cookies["csrftoken"] = "x" * 32
    form = "application/x-www-form-urlencoded"
    answer = client.post(address, "a=" + "x" * 5_000_000, content_type=form)
    assert_problem(answer, 415, "unsupported_media_type")


def test_a_caller_who_hangs_up_is_no_server_error(api, monkeypatch):
    def hang_up(*args):
        raise UnreadablePostError("gone")

    monkeypatch.setattr(HttpRequest, "read", hang_up)
    assert_problem(api.post("/api/v1/jobs", WISH), 400, "bad_request")


WRONG = {
    "no model": ({"model": None}, "model"),
    "unknown model": ({"model": "sora-2"}, "model"),
    "blank model": ({"model": ""}, "model"),
    "model with a space": ({"model": "ltx-2-pro "}, "model"),
    "model in capitals": ({"model": "LTX-2-PRO"}, "model"),
    "number for a model": ({"model": 2}, "model"),
    "list for a model": ({"model": ["ltx-2-pro"]}, "model"),
    "object for a model": ({"model": {"a": {"b": 1}}}, "model"),
    "endless model": ({"model": "x" * 100_000}, "model"),
    "no prompt": ({"prompt": None}, "prompt"),
    "empty prompt": ({"prompt": ""}, "prompt"),
    "blank prompt": ({"prompt": " \n\t"}, "prompt"),
    "prompt too long": ({"prompt": "x" * 5001}, "prompt"),
    "number for a prompt": ({"prompt": 7}, "prompt"),
    "list for a prompt": ({"prompt": ["a fox"]}, "prompt"),
    "NUL in a prompt": ({"prompt": "a\0fox"}, "prompt"),
    "duration not offered": ({"duration": 7}, "duration"),
    "zero": ({"duration": 0}, "duration"),
    "negative": ({"duration": -6}, "duration"),
    "huge duration": ({"duration": 10**4000}, "duration"),
    "fraction": ({"duration": 6.5}, "duration"),
    "float for a whole number": ({"duration": 6.0}, "duration"),
    "text for a number": ({"duration": "6"}, "duration"),
    "true for a number": ({"duration": True}, "duration"),
    "null for a number": ({"duration": None}, "duration"),
    "yes for a boolean": ({"generate_audio": "yes"}, "generate_audio"),
    "one for a boolean": ({"generate_audio": 1}, "generate_audio"),
    "null for a boolean": ({"generate_audio": None}, "generate_audio"),
    "unknown parameter": ({"fps": 24}, "fps"),
    "parameter in capitals": ({"Duration": 6}, "Duration"),
    "unknown parameter with NUL": ({"a\0b": 1}, "a\0b"),
    "endless parameter": ({"x" * 100_000: 1}, "x" * 100),
}


@pytest.mark.parametrize(("change", "param"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("address", ["/api/v1/jobs", "/api/v1/quotes"])
def test_a_wrong_field_is_named(raw, change, param, address):
    body = assert_problem(raw(json.dumps(WISH | change), address=address), 400, "invalid_input", param)
    assert body["errors"][0]["pointer"] == f"#/{param}"
    assert body["errors"][0]["detail"] in body["detail"]
    assert_nothing_written()


@pytest.mark.parametrize("field", ["model", "prompt"])
def test_a_missing_field_is_named(api, field):
    answer = api.post("/api/v1/jobs", {name: value for name, value in WISH.items() if name != field})
    assert_problem(answer, 400, "invalid_input", field)


def test_an_empty_body_lacks_the_model(api):
    assert_problem(api.generic("POST", "/api/v1/jobs"), 400, "invalid_input", "model")


def test_the_message_names_value_and_what_is_allowed(api):
    (error,) = api.post("/api/v1/jobs", WISH | {"duration": 7}).json()["errors"]
    assert error == {"pointer": "#/duration", "detail": "7 is not offered; allowed: 6, 8 or 10."}


def test_every_wrong_field_is_named_at_once(api):
    body = api.post("/api/v1/jobs", WISH | {"prompt": " ", "duration": 7, "generate_audio": "yes", "x/y~z": 1}).json()
    pointers = [error["pointer"] for error in body["errors"]]
    assert pointers == ["#/prompt", "#/duration", "#/generate_audio", "#/x~1y~0z"]


def test_ten_thousand_unknown_parameters_do_not_make_a_huge_answer(api):
    answer = api.post("/api/v1/jobs", WISH | {f"p{n}": n for n in range(10_000)})
    body = assert_problem(answer, 400, "invalid_input", "p0")
    assert len(body["errors"]) == 10
    assert "9990 more" in body["detail"]


NO_AMOUNT = [
    *["", " ", "x", "0", "0.00", "-1", "-0.36", "+0.36", "0.3600001", "NaN", "sNaN", "inf", "1e3", "1e999999999"],
    *["1_000", " 0.36", "0.36 ", "\uff10.36", "0,36", "$0.36", ".36", "1.", "9" * 5000],
    *[True, False, 0, -1, 0.0, -0.36, 1e300, 10**12, 10**4000, [], ["0.36"], {}, {"a": 1}],
]


@pytest.mark.parametrize("max_cost", NO_AMOUNT, ids=lambda value: ascii(value)[:20])
def test_a_max_cost_that_is_no_amount_is_named(api, max_cost):
    body = assert_problem(api.post("/api/v1/jobs", WISH | {"max_cost": max_cost}), 400, "invalid_input", "max_cost")
    assert "0.36" in body["errors"][0]["detail"]
    assert_nothing_written()


def test_infinity_as_an_overflowing_number_is_no_amount(raw):
    answer = raw(b'{"model": "ltx-2-pro", "prompt": "x", "max_cost": 1e999}')
    assert_problem(answer, 400, "invalid_input", "max_cost")


@pytest.mark.parametrize("max_cost", ["0.36", "0.360000", "0.37", "1", 1, 0.36, 0.3600001, 0.5, "999999999", None])
def test_a_max_cost_that_is_enough_makes_the_job(api, max_cost):
    assert api.post("/api/v1/jobs", WISH | {"max_cost": max_cost}).status_code == 202


@pytest.mark.parametrize("max_cost", ["0.35", "0.359999", 0.00001, 0.3599999, 1e-9, "0.000001"])
def test_a_max_cost_below_the_price_is_answered_with_the_new_quote(api, max_cost):
    body = assert_problem(api.post("/api/v1/jobs", WISH | {"max_cost": max_cost}), 409, "price_changed", "max_cost")
    assert body["quote"]["cost"] == "0.36"
    assert_nothing_written()


def test_a_quote_takes_no_max_cost(api):
    assert_problem(api.post("/api/v1/quotes", WISH | {"max_cost": "1"}), 400, "invalid_input", "max_cost")


@pytest.mark.django_db
def test_used_up_quota_says_what_is_needed_left_and_when_there_is_more():
    user = make_user(plan=make_plan(spend_limit=2_000_000))
    for _ in range(5):
        make_job(user)
    body = assert_problem(api_of(user).post("/api/v1/jobs", WISH), 402, "insufficient_quota")
    period = Period.objects.get()
    expected = {"violated": "spend", "required": "0.36", "available": "0.20", "currency": "USD"}
    assert {name: body[name] for name in expected} == expected
    assert body["resets_at"] == period.ends_at.isoformat()
    assert "$0.36" in body["detail"]
    assert "$0.20" in body["detail"]
    assert Job.objects.count() == 5


@pytest.mark.parametrize(("limit", "name"), [("videos", "videos"), ("spend", "spend"), ("seconds", "seconds")])
@pytest.mark.django_db
def test_what_never_comes_back_does_not_say_when(limit, name):
    user = make_user(plan=make_plan())
    billing.set_override(user, limit, 0, reason="x", now=timezone.now(), by=ACTOR)
    body = assert_problem(api_of(user).post("/api/v1/jobs", WISH), 402, "insufficient_quota")
    assert (body["violated"], body["resets_at"]) == (name, None)
    assert "until" not in body["detail"]


@pytest.mark.parametrize(("now", "then", "comes_back"), [(1, 0, False), (0, 1, True), (1, 1, True)])
@pytest.mark.django_db
def test_when_there_is_more_is_told_by_the_plan_that_follows(now, then, comes_back):
    user = make_user(plan=make_plan(videos_limit=now, spend_limit=9_000_000))
    billing.change_plan(user, make_plan(videos_limit=then, spend_limit=8_000_000), now=timezone.now(), by=ACTOR)
    if now:
        make_job(user)
    body = assert_problem(api_of(user).post("/api/v1/jobs", WISH), 402, "insufficient_quota")
    assert (body["resets_at"] is not None) is comes_back
    assert ("until" in body["detail"]) is comes_back


@pytest.mark.parametrize(("limit", "required"), [("videos", 1), ("seconds", 6)])
@pytest.mark.django_db
def test_videos_and_seconds_are_counted_in_whole_numbers(limit, required):
    user = make_user(plan=make_plan(**{f"{limit}_limit": 0}))
    body = assert_problem(api_of(user).post("/api/v1/jobs", WISH), 402, "insufficient_quota")
    assert (body["violated"], body["required"], body["available"]) == (limit, required, 0)


@pytest.mark.django_db
def test_a_model_that_the_plan_lacks_is_refused():
    user = make_user(plan=make_plan(models_allowed=[]))
    assert_problem(api_of(user).post("/api/v1/jobs", WISH), 403, "model_not_in_plan", "model")
    assert_nothing_written()


MORE_REFUSALS = {
    "the key": (
        billing.InsufficientQuota(violated="key", required=360_000, available=100_000, resets_at=None),
        *(402, "insufficient_quota", "$0.36 needed, but $0.10 is left of the cap of this API key."),
    ),
    "Free today": (
        billing.InsufficientQuota(violated="free_today", required=360_000, available=0, resets_at=TOMORROW),
        *(402, "insufficient_quota", "left of what Free may cost in all today until 24 August 2026 00:00 UTC."),
    ),
    "past due": (billing.PastDue(TOMORROW), 402, "past_due", "Payment is due since 24 August 2026."),
    "not verified": (billing.AddressNotVerified("a@example.org"), 403, "address_not_verified", "confirm a@example.org"),
}


@pytest.mark.parametrize(("error", "status", "code", "words"), MORE_REFUSALS.values(), ids=MORE_REFUSALS)
def test_what_billing_refuses_is_told_in_its_words(api, monkeypatch, error, status, code, words):
    def refuse(*args, **kwargs):
        raise error

    monkeypatch.setattr(services, "create", refuse)
    body = assert_problem(api.post("/api/v1/jobs", WISH), status, code)
    assert words in body["detail"]
    assert body.get("violated") == getattr(error, "violated", None)


@pytest.mark.parametrize("address", ["/api/v1/jobs", "/api/v1/quotes"])
def test_without_a_price_there_is_no_job(api, address):
    Price.objects.all().delete()
    assert_problem(api.post(address, WISH), 409, "no_price", "model")
    assert_nothing_written()


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("PUT", "/api/v1/jobs", {"GET", "POST"}),
        ("DELETE", "/api/v1/jobs", {"GET", "POST"}),
        ("PATCH", "/api/v1/jobs", {"GET", "POST"}),
        ("TRACE", "/api/v1/jobs", {"GET", "POST"}),
        ("GET", "/api/v1/quotes", {"POST"}),
        ("POST", "/api/v1/models", {"GET"}),
        ("POST", "/api/v1/usage", {"GET"}),
        ("POST", "/api/v1/ledger", {"GET"}),
        ("DELETE", "/api/v1/ledger", {"GET"}),
        ("PUT", "/api/v1/uploads", {"GET", "POST"}),
        ("PATCH", "/api/v1/uploads/7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11", {"GET", "DELETE"}),
        ("POST", "/api/v1/jobs/7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11", {"GET", "DELETE"}),
        ("GET", "/api/v1/jobs/7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11/retry", {"POST"}),
    ],
)
def test_a_wrong_method_is_answered_with_the_right_ones(api, method, address, allowed):
    answer = api.generic(method, address)
    assert_problem(answer, 405, "method_not_allowed")
    assert set(answer["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == allowed


@pytest.mark.parametrize(
    "address",
    [
        "/api/",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v2/jobs",
        "/api/v1/jobs/",
        "/api/v1/jobs/not-an-id",
        "/api/v1/jobs/123",
        "/api/v1/jobs/00000000-0000-0000-0000-00000000000g",
        "/api/v1/jobs/%00",
        "/api/v1/jobs/%0A",
        "/api/v1/jobs/a%0Ab/cancel",
        "/api/v1/jobs/%ff",
        "/api/v1/jobs/../../admin",
        "/api/v1/jobs/7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11",
        "/api/v1/jobs/7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11/video",
        "/api/v1/jobs/7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11/nothing",
        "/api/v1/jobs/7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11/retry",
        "/api/v1/uploads/",
        "/api/v1/uploads/not-an-id",
        "/api/v1/uploads/7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_that_leads_nowhere_is_404(api, method, address):
    answer = api.generic(method, address)
    if answer.status_code != 405:  # POST to a job or its video
        assert_problem(answer, 404, "not_found")


def test_nowhere_is_404_for_a_browser_without_the_csrf_token(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert_problem(client.post("/api/v1/nothing"), 404, "not_found")


WRONG_QUERY = [
    ("limit", "0"),
    ("limit", "-1"),
    ("limit", "201"),
    ("limit", "many"),
    ("limit", ""),
    ("limit", "1.5"),
    ("limit", "9" * 5000),
    ("limit", "\u0661"),
    ("cursor", "nonsense"),
    ("cursor", "cD1hYmM="),  # p=abc: well-formed, but no time
    ("cursor", "cD0yMDI2LTk5LTk5"),  # p=2026-99-99
    ("cursor", "bz0tMQ=="),  # o=-1
    ("cursor", "bz14"),  # o=x
    ("cursor", "cD0lMDA="),  # p=NUL
    ("cursor", "\xe4"),
    ("cursor", "x" * 5000),
    ("status", "done"),
    ("status", "QUEUED"),
    ("status", ""),
    ("model", ""),
    ("status", "a\0b"),
    ("model", "sora-2"),
    ("model", "a\0b"),
]


@pytest.mark.parametrize(("name", "value"), WRONG_QUERY, ids=lambda value: ascii(value)[:20])
def test_a_wrong_parameter_of_a_list_is_named(api, name, value):
    body = assert_problem(api.get("/api/v1/jobs", {name: value}), 400, "invalid_input", name)
    (error,) = body["errors"]
    assert (error["pointer"], error["parameter"]) == ("#", name)


def test_a_wrong_status_is_answered_with_those_there_are(api):
    detail = api.get("/api/v1/jobs", {"status": "done"}).json()["detail"]
    assert '"done"' in detail
    assert "queued, submitting, running" in detail


def test_too_many_requests_are_told_when_to_come_back(alice, monkeypatch):
    monkeypatch.setattr(UserRate, "rate", "2/min", raising=False)
    monkeypatch.setattr(UserRate, "_counts", {})
    caches["passing"].clear()
    api = api_of(alice)
    assert [api.get("/api/v1/usage").status_code for _ in range(2)] == [200, 200]
    answer = api.post("/api/v1/jobs", WISH)
    assert_problem(answer, 429, "throttled")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert_nothing_written()


def test_what_nobody_expected_leaks_nothing(api, monkeypatch, caplog):
    def explode(*args, **kwargs):
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(services, "create", explode)
    answer = api.post("/api/v1/jobs", WISH, HTTP_X_REQUEST_ID="request-number-7")
    body = assert_problem(answer, 500, "server_error")
    assert body["request_id"] == "request-number-7"
    assert "hunter2" not in answer.content.decode()
    assert any("unexpected error" in str(record.msg) for record in caplog.records)
    assert_nothing_written()


def test_a_job_that_is_gone_while_it_is_canceled_is_no_server_error(api):
    answer = APIClient().post("/api/v1/jobs/7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11/cancel")
    assert answer.status_code == 401
    assert api.post("/api/v1/jobs/7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11/cancel").status_code == 404
