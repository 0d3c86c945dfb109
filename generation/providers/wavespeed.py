"""The WaveSpeed API v3, as far as Clapboard speaks it. The facts and their sources: docs/wavespeed.md.

No POST is ever sent twice by anything in here: a call opens a connection of its own, follows no redirect, and hands
what went wrong to its caller. Only the GETs of `result`, `balance`, `models` and the webhooks' secret are repeated.
"""

from __future__ import annotations

import json
import platform
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from time import monotonic, sleep
from typing import IO, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import aiohttp

from generation.providers.amounts import micros_down, micros_up
from generation.providers.answers import (
    RETRY_AFTER,
    Answer,
    items_of,
    judge_question,
    judge_submit,
    judge_ticket,
    mapping_of,
    read_answer,
)
from generation.providers.connections import FAILURES, PIECE, AnswerTooLong, Bounds, exchange, surely_not_sent
from generation.providers.errors import Ambiguous, NotFound, NotSent, ProviderError, Unavailable
from generation.providers.offers import Offer, read_offer
from generation.providers.predictions import Prediction, Status, is_prediction_id, read_prediction
from generation.providers.uploads import FileBody, put, read_ticket

__all__ = ["Offer", "Prediction", "Status", "WaveSpeed", "is_prediction_id"]

T = TypeVar("T")

CLIENT_NAME = "clapboard"
CLIENT_VERSION = "0.1.0"
ANSWER_LIMIT = 1 << 20  # bytes of one prediction's answer
LIST_LIMIT = 16 << 20  # bytes of a list: 100 predictions with prompts, or the whole catalogue with its schemas
SECRET_LIMIT = 200  # characters of the webhooks' secret
GET_WAITS = (0.5, 1.0, 2.0)  # seconds between the attempts of a GET, give or take half
UPLOAD_SECONDS = 600.0  # for a file of 200 MB: 2.7 Mbit/s
GET_PATIENCE = 10.0  # seconds; a longer `Retry-After` is the caller's to wait for

_MODEL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+", re.ASCII)
_KEY = re.compile(r"[!-~]+", re.ASCII)


class WaveSpeed:
    """One WaveSpeed account. Safe to share between threads: it holds nothing but its settings."""

    def __init__(self, *, url: str, key: str, connect_timeout: float = 5, read_timeout: float = 30) -> None:
        """Take the address without `/api/v3`, the account's key, and seconds.

        `connect_timeout` bounds finding the address, connecting and TLS together, `read_timeout` the whole answer.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or "@" in url:
            # A name and password in it would replace the Authorization header.
            raise ValueError("The address of WaveSpeed must be http(s)://host[:port], without user, query or fragment.")
        if not _KEY.fullmatch(key):
            raise ValueError("The API key must be printable ASCII without spaces.")  # and is not repeated here
        if connect_timeout <= 0 or read_timeout <= 0:
            raise ValueError("Time-outs must be above zero.")
        self.url = url.rstrip("/")
        self.connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self._key = key

    def __repr__(self) -> str:
        return f"<WaveSpeed {self.url}>"

    @property
    def submit_bound(self) -> float:
        """Seconds in which `submit` has returned or raised; the lease of the fence must be longer.

        Connecting, sending head and body, the whole answer, and a margin.
        """
        return 3 * self.connect_timeout + self.read_timeout + 1

    def submit(self, model: str, inputs: Mapping[str, object], *, webhook: str | None = None) -> Prediction:
        """Ask for one video, with one POST that is never repeated. `inputs` are the model's own parameters.

        What follows the last slash of `webhook` is a secret, and stands in no error.
        The prediction may already have failed; polling it tells the same. Raises RefusedForJob, RefusedForAccount,
        NotSent, RateLimited or Ambiguous, and ValueError or TypeError for what cannot be sent, before anything was.
        """
        if not _MODEL.fullmatch(model):
            raise ValueError(f"Not a model's id: {model!r}")
        path = f"{model}?{urlencode({'webhook': webhook})}" if webhook else model
        body = _json(inputs)
        try:
            token = (webhook or "").rpartition("/")[2]
            answer = self._send("POST", path, body=body, limit=ANSWER_LIMIT, token=token)
        except FAILURES as error:
            # Without the cause: it repeats the address, which carries the webhook's token, and its frames hold the key.
            failure = type(error).__name__
            if surely_not_sent(error):
                raise NotSent(f"WaveSpeed could not be reached ({failure}).") from None
            raise Ambiguous(f"It is not known whether WaveSpeed took the job ({failure}).") from None
        verdict = judge_submit(answer, inputs)
        if isinstance(verdict, ProviderError):
            raise verdict
        return verdict

    def upload(
        self, file: IO[bytes], *, filename: str, size: int, content_type: str, time_limit: float = UPLOAD_SECONDS
    ) -> str:
        """Bring a file of `size` bytes to WaveSpeed and return the address that `image` or `video` takes.

        One POST for a ticket and one PUT without the key; neither is repeated, but the caller may do it all again:
        nothing is paid. Memory stays flat. Ends within `time_limit` seconds and what asking for a ticket takes. Raises
        RefusedForJob for a file that WaveSpeed never takes, RefusedForAccount, Unavailable for whatever may be tried
        again, and ValueError, before anything is sent, where the file has not `size` bytes.
        """
        body = FileBody(file, size)
        end = monotonic() + time_limit
        wish = {"filename": filename, "size": size, "content_type": content_type}
        answer = self._ask("POST", "media/uploads", wish=wish, judge=lambda answer: judge_ticket(answer, wish))
        ticket = read_ticket(answer.data, size=size, own_url=self.url)
        put(ticket, body, bounds=self._bounds(piece=self.read_timeout, whole=max(end - monotonic(), 0)))
        return ticket.download_url

    def result(self, prediction_id: str) -> Prediction:
        """Look at a prediction, asking up to four times with pauses of at most 10 s.

        Raises RefusedForAccount, NotFound or Unavailable.
        """
        path = _result_path(prediction_id)
        return _patiently(lambda: _same(prediction_id, self._ask("GET", path, limit=ANSWER_LIMIT)))

    async def fetch_result(self, session: aiohttp.ClientSession, prediction_id: str) -> Prediction:
        """Look at a prediction, once; for the watcher, which asks again by itself. Raises like `result`.

        Where the connection is dropped without a word, aiohttp asks a second time, as it may with a GET.
        Waiting for a free connection of the session counts as well, so bound how many ask at a time. The session must
        not trust the environment (it does not by default), where a ~/.netrc lies in wait.
        """
        url = self._address(_result_path(prediction_id))
        time_out = aiohttp.ClientTimeout(
            total=self.connect_timeout + self.read_timeout, sock_connect=self.connect_timeout
        )
        try:
            async with session.get(
                url, headers=self._headers(), timeout=time_out, allow_redirects=False, raise_for_status=False
            ) as response:
                body = bytearray()
                async for piece in response.content.iter_chunked(PIECE):
                    body += piece
                    if len(body) > ANSWER_LIMIT:
                        raise AnswerTooLong
                answer = self._read(response.status, bytes(body), response.headers)
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"WaveSpeed did not answer ({type(error).__name__}).") from None
        if refusal := judge_question(answer):
            raise refusal
        return _same(prediction_id, answer)

    def predictions(
        self,
        *,
        page: int = 1,
        page_size: int = 100,
        model: str | None = None,
        status: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> tuple[Prediction, ...]:
        """List the account's predictions of the last 7 days, newest first; for finding a lost one, not for polling.

        `page_size` is 100 at most. A page in which anything cannot be read is Unavailable as a whole: what is missing
        might be the second candidate. Raises RefusedForAccount, NotFound or Unavailable.
        """
        if page < 1 or not 1 <= page_size <= 100:
            raise ValueError("Pages count from 1 and hold 1 to 100 predictions.")
        wish = {
            "page": page,
            "page_size": page_size,
            "model": model,
            "status": status,
            "created_after": _iso(created_after),
            "created_before": _iso(created_before and created_before + timedelta(microseconds=999_999)),
            "include_inputs": True,
        }
        data = self._ask("POST", "predictions", wish={name: value for name, value in wish.items() if value is not None})
        found = [read_prediction(item) for item in items_of(data.data)]
        whole = tuple(prediction for prediction in found if prediction)
        if len(whole) != len(found):
            raise Unavailable("WaveSpeed listed a prediction that cannot be read.")
        return whole

    def price(self, model: str, inputs: Mapping[str, object]) -> int:
        """Ask what a job costs before any discount, in micro-dollars; a fraction of one counts as a whole.

        Incomplete inputs silently give the floor. Raises RefusedForAccount, NotFound or Unavailable.
        """
        data = mapping_of(self._ask("POST", "model/price", wish={"model_id": model, "inputs": dict(inputs)}).data)
        price = micros_up(data.get("price"))
        if price is None or price < 0 or data.get("currency", "USD") != "USD":
            raise Unavailable("WaveSpeed named no price in USD.")
        return price

    def balance(self) -> int:
        """Ask what is left on the account, in micro-dollars, rounded down. Raises RefusedForAccount or Unavailable."""
        data = _patiently(lambda: mapping_of(self._ask("GET", "balance").data))
        balance = micros_down(data.get("balance"))
        if balance is None:
            raise Unavailable("WaveSpeed named no balance.")
        return balance

    def bills(self, ids: Sequence[str]) -> dict[str, int]:
        """Ask what predictions really cost, in micro-dollars by their ids; those that were not billed are missing.

        Bills of one prediction are added up. Raises RefusedForAccount or Unavailable.
        """
        wish = {"page": 1, "page_size": 100, "prediction_uuids": list(ids)}
        bills: dict[str, int] = {}
        for item in items_of(self._ask("POST", "billings/search", wish=wish).data):
            about, price = item.get("prediction"), micros_up(item.get("price"))
            prediction_id = about.get("uuid") if isinstance(about, dict) else item.get("prediction_uuid")
            if price is None or not isinstance(prediction_id, str):
                raise Unavailable("WaveSpeed listed a bill that cannot be read.")
            if prediction_id in ids:
                bills[prediction_id] = bills.get(prediction_id, 0) + price
        return bills

    def webhook_secret(self) -> str:
        """Ask with which secret webhooks are signed. Raises RefusedForAccount or Unavailable."""
        data = _patiently(lambda: mapping_of(self._ask("GET", "webhook/secret", limit=ANSWER_LIMIT).data))
        secret = data.get("secret")
        if not isinstance(secret, str) or not 0 < len(secret) <= SECRET_LIMIT or not secret.isprintable():
            raise Unavailable("WaveSpeed named no webhook secret.")
        return secret

    def models(self) -> list[Offer]:
        """List WaveSpeed's catalogue. Raises RefusedForAccount or Unavailable."""
        items = _patiently(lambda: items_of(self._ask("GET", "models").data))
        return [offer for item in items if (offer := read_offer(item))]

    def delete(self, ids: Iterable[str]) -> int:
        """Delete predictions at WaveSpeed, which stops no run, and say how many went.

        Raises RefusedForAccount, NotFound or Unavailable; deleting again does no harm.
        """
        wanted = list(ids)
        if not all(is_prediction_id(wanted_id) for wanted_id in wanted):
            raise ValueError("Not a prediction's id.")
        data = mapping_of(self._ask("POST", "predictions/delete", wish={"ids": wanted}).data)
        count = data.get("deleted_count")
        if not isinstance(count, int):
            raise Unavailable("WaveSpeed did not say how many it deleted.")
        return count

    def _ask(
        self,
        method: str,
        path: str,
        *,
        wish: Mapping[str, object] | None = None,
        limit: int = LIST_LIMIT,
        judge: Callable[[Answer], ProviderError | None] = judge_question,
    ) -> Answer:
        body = None if wish is None else _json(wish)
        try:
            answer = self._send(method, path, body=body, limit=limit)
        except FAILURES as error:
            raise Unavailable(f"WaveSpeed did not answer ({type(error).__name__}).") from None
        if refusal := judge(answer):
            raise refusal
        return answer

    def _send(self, method: str, path: str, *, body: bytes | None, limit: int, token: str = "") -> Answer:
        status, headers, found = exchange(
            method,
            self._address(path),
            body=body,
            headers=self._headers(),
            bounds=self._bounds(piece=self.connect_timeout),
            limit=limit,
        )
        return self._read(status, found, headers, token)

    def _bounds(self, *, piece: float, whole: float = inf) -> Bounds:
        return Bounds(connect=self.connect_timeout, piece=piece, answer=self.read_timeout, whole=whole)

    def _address(self, path: str) -> str:
        return f"{self.url}/api/v3/{path}"

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._key}",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",  # nothing small that unfolds into something large
            "User-Agent": f"{CLIENT_NAME}/{CLIENT_VERSION}",
            "X-Client-Name": CLIENT_NAME,
            "X-Client-Version": CLIENT_VERSION,
            "X-Client-OS": platform.system().lower() or "unknown",
        }

    def _read(self, status: int, body: bytes, headers: Mapping[str, str], token: str = "") -> Answer:
        return read_answer(status, body, retry_after=headers.get(RETRY_AFTER), secrets=(self._key, token))


def _patiently(ask: Callable[[], T]) -> T:
    for wait in GET_WAITS:
        try:
            return ask()
        except Unavailable as error:
            pause = max(wait * random.uniform(0.5, 1.5), error.retry_after or 0)  # noqa: S311 - jitter
            if pause > GET_PATIENCE:
                raise
        sleep(pause)
    return ask()


def _same(prediction_id: str, answer: Answer) -> Prediction:
    prediction = read_prediction(answer.data)
    if prediction is None or prediction.id != prediction_id:
        raise Unavailable("WaveSpeed answered with another prediction or none.", status=answer.status, code=answer.code)
    return prediction


def _result_path(prediction_id: str) -> str:
    if not is_prediction_id(prediction_id):
        raise NotFound("No prediction has an id like this.")
    return f"predictions/{quote(prediction_id, safe='')}/result"


def _json(wish: Mapping[str, object]) -> bytes:
    return json.dumps(dict(wish), allow_nan=False).encode()


def _iso(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError("A moment needs a time zone.")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
