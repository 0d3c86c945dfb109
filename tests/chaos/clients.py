"""Who orders in a storm, through which door, and what a client can know about what came of it."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Any, TypeVar
from uuid import uuid4

import requests
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from billing.models import User
from generation import services
from generation.spec import video_spec
from tests.chaos.sending import Form, HungUp
from tests.chaos.wishes import Wish
from tests.make import ACTOR, make_key

T = TypeVar("T")

_PATIENCE = 120  # seconds
_TIMEOUT = 30
_CSRF = "c" * 32
_HANGS_UP_EVERY = 3  # of those who send files


class Outcome(Enum):
    """What the client knows."""

    MADE = "made"
    NOBODY_KNOWS = "nobody knows"  # no answer, or one of a server in trouble
    REFUSED = "refused"


@dataclass
class Clients:
    """Threads that take wishes and order them. What came of each stands in `outcomes`."""

    url: str
    users: list[User]
    wishes: "SimpleQueue[Wish]" = field(default_factory=SimpleQueue)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    hung_up: int = 0

    def __post_init__(self) -> None:
        self._keys = {user.pk: make_key(user)[1] for user in self.users}
        self._sessions = {user.pk: _session(user) for user in self.users}
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in self.users]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End them after the wishes that they have in hand."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _work(self) -> None:
        doors = {
            "rest": self._rest,
            "form": self._form,
            "service": self._service,
            "upload": self._upload,
            "retake": self._upload,
            "multipart": self._multipart,
        }
        while not self._stopping.is_set():
            try:
                wish = self.wishes.get(timeout=0.1)
            except Empty:
                continue
            try:
                self.outcomes[wish.number] = doors[wish.door](wish, self.users[wish.number % len(self.users)])
            except Exception as error:  # noqa: BLE001 - told at the end, by the storm
                self.said.append(f"{wish.door} of {wish.prompt!r}: {type(error).__name__}: {error}")
        connection.close()

    def _rest(self, wish: Wish, user: User) -> Outcome:
        """Order once: the API has no way to order a second time without making a second job."""
        return self._order(user, json=wish.body)

    def _upload(self, wish: Wish, user: User) -> Outcome:
        """Send a picture or a video until it is kept, and order once what is made from it."""
        field = "video" if wish.door == "retake" else "image"
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            form = Form.of({}, "file", field)
            try:
                self._hang_up_now_and_then(wish, user, "/api/v1/uploads", form)
                answer = self._post(user, "/api/v1/uploads", data=form, headers=form.headers)
            except requests.RequestException:
                continue
            if answer.status_code == 201:
                return self._order(user, json=wish.body | {field: answer.json()["id"]})
            if answer.status_code < 500:
                return self._told(answer, 201)
        return Outcome.NOBODY_KNOWS

    def _multipart(self, wish: Wish, user: User) -> Outcome:
        """Order once with a picture that comes along."""
        form = Form.of(wish.body, "image", "image")
        self._hang_up_now_and_then(wish, user, "/api/v1/jobs", form)
        return self._order(user, data=form, headers=form.headers)

    def _hang_up_now_and_then(self, wish: Wish, user: User, path: str, form: Form) -> None:
        """Be a client that dies while it sends: nothing may come of that."""
        if wish.number % _HANGS_UP_EVERY:
            return
        with suppress(HungUp, requests.RequestException):
            self._post(user, path, data=form.broken_off(), headers=form.headers)
        self.hung_up += 1

    def _order(self, user: User, **body: Any) -> Outcome:
        try:
            answer = self._post(user, "/api/v1/jobs", **body)
        except requests.RequestException:
            return Outcome.NOBODY_KNOWS
        return self._told(answer, 202)

    def _post(
        self, user: User, path: str, *, headers: Mapping[str, str] | None = None, **body: Any
    ) -> requests.Response:
        key = {"Authorization": f"Bearer {self._keys[user.pk]}"}
        return requests.post(f"{self.url}{path}", headers=key | dict(headers or {}), timeout=_TIMEOUT, **body)

    def _form(self, wish: Wish, user: User) -> Outcome:
        """Send the same form until it is answered: its token makes one job of it."""
        form = {
            "shown": f"lightricks/{wish.model}/text-to-video",
            "model": f"lightricks/{wish.model}/text-to-video",
            "duration": str(wish.duration),
            "generate_audio": "true",
            "prompt": wish.prompt,
            "max_cost": str(wish.cost),
            "token": str(uuid4()),
            "csrfmiddlewaretoken": _CSRF,
        }
        cookies = {settings.SESSION_COOKIE_NAME: self._sessions[user.pk], settings.CSRF_COOKIE_NAME: _CSRF}
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = requests.post(
                    f"{self.url}/", data=form, cookies=cookies, timeout=_TIMEOUT, allow_redirects=False
                )
            except requests.RequestException:
                continue
            if answer.status_code < 500:
                return self._told(answer, 303)
        return Outcome.NOBODY_KNOWS

    def _service(self, wish: Wish, user: User) -> Outcome:
        """Call the service with a token until it answers."""
        spec = video_spec({"model": wish.model, "prompt": wish.prompt, "duration": wish.duration})
        terms = services.Terms(max_cost=wish.cost, token=uuid4())
        patiently(lambda: services.create(user, spec, by=ACTOR, terms=terms))
        return Outcome.MADE

    def _told(self, answer: requests.Response, good: int) -> Outcome:
        if answer.status_code == good:
            return Outcome.MADE
        if answer.status_code >= 500:
            return Outcome.NOBODY_KNOWS
        self.said.append(f"refused with {answer.status_code}: {answer.text[:300]}")
        return Outcome.REFUSED


def patiently(ask: Callable[[], T]) -> T:
    """Ask the database, again and again while it is away."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _session(user: User) -> str:
    client = Client()
    client.force_login(user)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)
