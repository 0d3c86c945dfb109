"""The answers WaveSpeed may give, as tables: what was answered, what it means, and the sentence that says why.

The law is states.md; where two of its rows fit one answer, doubt wins.
"""

from __future__ import annotations

from typing import Any

import pytest

from generation.providers.errors import (
    Ambiguous,
    NotFound,
    RateLimited,
    RefusedForAccount,
    RefusedForJob,
    Unavailable,
)
from generation.providers.predictions import Prediction

ID = "0123456789abcdef0123456789abcdef"


def prediction(**changes: object) -> dict[str, object]:
    return {
        "id": ID,
        "model": "lightricks/ltx-2-pro/text-to-video",
        "status": "created",
        "outputs": [],
        "urls": {"get": f"https://api.wavespeed.ai/api/v3/predictions/{ID}/result"},
        "has_nsfw_contents": None,
        "created_at": "2026-09-01T12:00:00.948268264Z",
        "error": "",
        "executionTime": 0,
        **changes,
    }


def envelope(data: object = None, code: object = 200, message: str = "success") -> dict[str, object]:
    return {"code": code, "message": message, "data": data}


def refusal(code: object, message: str = "no", data: object = None) -> dict[str, object]:
    return envelope(data, code, message)


def failed(code: object = None, error: object = "it failed") -> dict[str, object]:
    return prediction(status="failed", code=code, error=error)


def _case(status: int, body: Any, kind: type, *, names_it: bool = False, says: str) -> Any:
    return pytest.param(status, body, kind, ID if names_it else None, id=says)


CONCURRENCY = "You have reached your concurrency limit"
NO_CREDIT = "Insufficient credits. Please top up."

SUBMITS = [
    # A prediction.
    _case(200, envelope(prediction()), Prediction, names_it=True, says="an id is a prediction"),
    _case(201, envelope(prediction()), Prediction, names_it=True, says="201 is as good as 200"),
    _case(200, {"data": prediction()}, Prediction, names_it=True, says="a missing code with an id is a prediction"),
    _case(200, envelope(prediction(), "200"), Prediction, names_it=True, says="a code may be text"),
    _case(200, envelope(prediction(status="queued-ish")), Prediction, names_it=True, says="an unknown status goes on"),
    _case(200, envelope({"id": ID}), Prediction, names_it=True, says="an id alone is enough"),
    _case(200, envelope(prediction(status="completed")), Prediction, names_it=True, says="it may be done at once"),
    _case(200, envelope(failed()), Prediction, names_it=True, says="failed at once is a prediction"),
    _case(200, envelope(failed(1200)), Prediction, names_it=True, says="moderated at once is a prediction"),
    _case(200, envelope(failed(5003)), Prediction, names_it=True, says="a server error at once is a prediction"),
    _case(200, envelope(prediction(status="timeout")), Prediction, names_it=True, says="timed out is a prediction"),
    _case(200, envelope(prediction(), message=NO_CREDIT), Prediction, names_it=True, says="a live one outdoes words"),
    # Refused for this job.
    _case(400, refusal(400), RefusedForJob, says="400 refuses the job"),
    _case(404, "<html>nginx</html>", RefusedForJob, says="a 4xx needs no body we can read"),
    _case(413, "", RefusedForJob, says="a 4xx needs no body at all"),
    _case(422, refusal(422), RefusedForJob, says="422 refuses the job"),
    _case(200, refusal(400), RefusedForJob, says="400 in the envelope refuses the job"),
    _case(200, refusal("400"), RefusedForJob, says="400 as text in the envelope refuses the job"),
    _case(400, refusal(200), RefusedForJob, says="a good code does not mend a 400"),
    _case(400, {"message": "bad size"}, RefusedForJob, says="a 400 needs no code"),
    _case(400, refusal(7777), RefusedForJob, says="an unknown code does not unsay a 400"),
    _case(400, refusal(1405), RefusedForJob, says="a task error with 400 refuses the job"),
    _case(200, refusal(1200), RefusedForJob, says="moderation in the envelope refuses the job"),
    _case(200, refusal(1400), RefusedForJob, says="a missing parameter refuses the job"),
    _case(400, refusal(1401), RefusedForJob, says="an invalid parameter refuses the job"),
    _case(200, refusal(1402), RefusedForJob, says="media that cannot be fetched refuse the job"),
    _case(403, refusal(1200), RefusedForJob, says="moderation says more than its 403"),
    _case(200, refusal(1200, data=failed(1200)), RefusedForJob, names_it=True, says="moderated and failed: job, id"),
    _case(200, envelope({"status": "failed", "code": 1401}), RefusedForJob, says="failed without an id, for the job"),
    _case(400, refusal(400, CONCURRENCY), RefusedForJob, says="a limit without 429 is a plain refusal"),
    # Refused for the account.
    _case(401, refusal(401), RefusedForAccount, says="401 is about the account"),
    _case(403, "<html>blocked</html>", RefusedForAccount, says="403 is about the account, readable or not"),
    _case(402, refusal(402), RefusedForAccount, says="402 is about the account"),
    _case(200, refusal(401), RefusedForAccount, says="401 in the envelope is about the account"),
    _case(200, refusal("402"), RefusedForAccount, says="402 as text in the envelope is about the account"),
    _case(200, refusal(1407), RefusedForAccount, says="1407 is about the account"),
    _case(400, refusal(1407), RefusedForAccount, says="1407 says more than its 400"),
    _case(400, refusal(400, NO_CREDIT), RefusedForAccount, says="words about credit in a 400"),
    _case(400, {"error": "insufficient_credits"}, RefusedForAccount, says="credit in another field"),
    _case(400, {"code": 400, "error_code": "INSUFFICIENT_BALANCE"}, RefusedForAccount, says="credit as an error code"),
    _case(200, envelope(None, message=NO_CREDIT), RefusedForAccount, says="words about credit and no prediction"),
    _case(429, refusal(429, NO_CREDIT), RefusedForAccount, says="a 429 that speaks of credit is not a plain one"),
    _case(200, envelope(failed(1407)), RefusedForAccount, names_it=True, says="failed at once with 1407: account, id"),
    _case(200, envelope(failed("1407")), RefusedForAccount, names_it=True, says="failed at once with 1407 as text"),
    _case(200, envelope(failed(None, NO_CREDIT)), RefusedForAccount, names_it=True, says="failed for lack of credit"),
    _case(
        200,
        envelope(failed(None, {"code": 1407, "message": "no"})),
        RefusedForAccount,
        names_it=True,
        says="failed with 1407 inside the error",
    ),
    _case(
        402, refusal(402, data=failed()), RefusedForAccount, names_it=True, says="402 with a failed one: account, id"
    ),
    # A limit.
    _case(429, refusal(429, CONCURRENCY), RateLimited, says="429 that names the concurrency limit"),
    _case(429, refusal(429, "Rate limit exceeded"), RateLimited, says="429 that names the rate limit"),
    _case(429, {"error_code": "rate_limit_exceeded"}, RateLimited, says="429 that names it as an error code"),
    _case(200, refusal(429, CONCURRENCY), RateLimited, says="429 in the envelope that names the limit"),
    # Nobody knows.
    _case(429, "Too Many Requests", Ambiguous, says="a plain 429 is ambiguous"),
    _case(429, refusal(429, "Too many requests"), Ambiguous, says="a plain 429 with an envelope is ambiguous"),
    _case(429, refusal(429, "You must moderate limits"), Ambiguous, says="moderate limits are no rate limits"),
    _case(429, refusal(1400), Ambiguous, says="429 against 1400 is ambiguous"),
    _case(408, refusal(408), Ambiguous, says="408 is ambiguous"),
    _case(200, refusal(408), Ambiguous, says="408 in the envelope is ambiguous"),
    _case(500, refusal(500), Ambiguous, says="500 is ambiguous"),
    _case(502, "<html>bad gateway</html>", Ambiguous, says="502 is ambiguous"),
    _case(503, refusal(400), Ambiguous, says="503 against 400 is ambiguous"),
    _case(500, refusal(1407, NO_CREDIT), Ambiguous, says="500 outdoes words about credit"),
    _case(500, refusal(429, CONCURRENCY), Ambiguous, says="500 outdoes a limit"),
    _case(200, refusal(5003), Ambiguous, says="HTTP 200 with 5003 is ambiguous"),
    _case(200, refusal("5003"), Ambiguous, says="5003 as text is ambiguous"),
    _case(400, refusal(5000), Ambiguous, says="400 with 5000 is ambiguous"),
    _case(401, refusal(5099), Ambiguous, says="401 with 5099 is ambiguous"),
    _case(200, refusal(500), Ambiguous, says="500 in the envelope is ambiguous"),
    _case(200, refusal(1403), Ambiguous, says="a task error in the envelope is ambiguous"),
    _case(200, refusal(7777), Ambiguous, says="an unknown code is ambiguous"),
    _case(200, refusal(-1), Ambiguous, says="a negative code is ambiguous"),
    _case(200, refusal({"a": 1}), Ambiguous, says="a code that is an object is ambiguous"),
    _case(200, refusal(10**40), Ambiguous, says="a code beyond all measure is ambiguous"),
    _case(200, envelope(prediction(), "fine"), Ambiguous, names_it=True, says="a code that is no number: id kept"),
    _case(200, envelope(prediction(), True), Ambiguous, names_it=True, says="a code that is a truth: id kept"),
    _case(301, "", Ambiguous, says="a redirect is ambiguous"),
    _case(307, envelope(prediction()), Ambiguous, names_it=True, says="a redirect with an id keeps the id"),
    _case(200, "", Ambiguous, says="an empty body is ambiguous"),
    _case(200, "<html>hello</html>", Ambiguous, says="a page is ambiguous"),
    _case(200, "[]", Ambiguous, says="a list is ambiguous"),
    _case(200, "[" * 100_000, Ambiguous, says="a list without a bottom is ambiguous"),
    _case(200, '{"code": 200, "data": {"id": "', Ambiguous, says="half an object is ambiguous"),
    _case(200, envelope(None), Ambiguous, says="no data is ambiguous"),
    _case(200, envelope([prediction()]), Ambiguous, says="data that is a list is ambiguous"),
    _case(200, envelope({"status": "created"}), Ambiguous, says="no id is ambiguous"),
    _case(200, envelope(prediction(id="")), Ambiguous, says="an empty id is ambiguous"),
    _case(200, envelope(prediction(id=17)), Ambiguous, says="an id that is a number is ambiguous"),
    _case(200, envelope(prediction(id="../balance")), Ambiguous, says="an id with a slash is ambiguous"),
    _case(200, envelope(prediction(id="x" * 65)), Ambiguous, says="an id that is too long is ambiguous"),
    _case(200, envelope({"status": "failed"}), Ambiguous, says="failed without id or reason is ambiguous"),
    _case(200, {"id": ID, "status": "created"}, Ambiguous, says="a bare prediction is not what submit answers"),
    # Bad signs around a prediction.
    _case(500, envelope(prediction()), Ambiguous, names_it=True, says="500 with an id keeps the id"),
    _case(200, refusal(5003, data=prediction()), Ambiguous, names_it=True, says="5003 with an id keeps the id"),
    _case(500, refusal(500, data=failed()), Ambiguous, names_it=True, says="500 with a failed one keeps the id"),
    _case(400, refusal(400, data=prediction()), Ambiguous, names_it=True, says="400 with a live one is ambiguous"),
    _case(400, refusal(400, data={"id": ID}), Ambiguous, names_it=True, says="400 with an id of unknown fate"),
    _case(402, refusal(402, data=prediction()), Ambiguous, names_it=True, says="402 with a live one is ambiguous"),
    _case(429, refusal(429, CONCURRENCY, prediction()), Ambiguous, names_it=True, says="a limit with a live one"),
    _case(400, refusal(400, data=prediction(id="../x")), Ambiguous, says="400 with a live one of unusable id"),
]

RESULTS = [
    _case(200, envelope(prediction(status="processing")), Prediction, names_it=True, says="going on"),
    _case(200, envelope(prediction(status="completed", outputs=["https://a/b.mp4"])), Prediction, says="completed"),
    _case(200, envelope(failed(1200)), Prediction, says="failed is a prediction"),
    _case(200, envelope(failed(1407)), Prediction, says="failed for lack of credit is a prediction, too"),
    _case(200, envelope(prediction(status="cancelled")), Prediction, says="cancelled"),
    _case(200, envelope(prediction(status="what?")), Prediction, says="an unknown status"),
    _case(200, {"data": prediction()}, Prediction, says="a missing code"),
    _case(401, refusal(401), RefusedForAccount, says="401 is about the account"),
    _case(402, refusal(402), Unavailable, says="402 is no verdict on a prediction, nor on the account"),
    _case(403, "<html>", Unavailable, says="403 is none either: a wall on the way says it, too"),
    _case(200, refusal(1407), Unavailable, says="1407 is about credit, and a question costs none"),
    _case(200, refusal(401), RefusedForAccount, says="401 in the envelope is about the account"),
    _case(404, refusal(404), NotFound, says="404 is not found"),
    _case(404, "<html>", NotFound, says="404 is not found, readable or not"),
    _case(200, refusal(404), NotFound, says="404 in the envelope is not found"),
    _case(400, refusal(400), Unavailable, says="400 is no verdict on a prediction"),
    _case(408, "", Unavailable, says="408 is unavailable"),
    _case(429, "", Unavailable, says="429 is unavailable"),
    _case(500, refusal(404), Unavailable, says="500 outdoes 404"),
    _case(503, "<html>", Unavailable, says="503 is unavailable"),
    _case(200, refusal(5003), Unavailable, says="HTTP 200 with 5003 is unavailable"),
    _case(200, refusal(5003, data=failed()), Unavailable, says="5003 with data is unavailable"),
    _case(200, refusal(1403), Unavailable, says="a bad code without data is unavailable"),
    _case(302, "", Unavailable, says="a redirect is unavailable"),
    _case(200, "", Unavailable, says="an empty body is unavailable"),
    _case(200, "<html>", Unavailable, says="a page is unavailable"),
    _case(200, envelope(None), Unavailable, says="no data is unavailable"),
    _case(200, envelope(prediction(id="another")), Unavailable, says="another prediction is unavailable"),
    _case(200, envelope(prediction(id=None)), Unavailable, says="no id is unavailable"),
]
