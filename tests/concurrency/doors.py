"""Every door through which a video can be ordered, as an action of a race: takes a Caller, returns "made" or a refusal.

The refusal is told in the door's own way: status and limit of the API, status of a page, code and limit of a Python
error, the colour of an operator's message.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

from asgiref.sync import ThreadSensitiveContext
from django.conf import settings
from django.contrib.messages import SUCCESS, get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from rest_framework.test import APIClient

from generation import ai_video_generate
from generation.calls.errors import InsufficientQuota, TimedOut
from generation.calls.threads import let_go
from generation.catalog import LTX_2_PRO, LTX_2_RETAKE
from tests.media import png

MADE = "made"
HOST = "localhost"  # in a process of a race no test runner has let "testserver" in
_WISH = {"model": "ltx-2-pro", "prompt": "A red fox in snow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever comes in, with all that any door asks for: plain values, since they may go to another process.

    `failed` and `finished` are ids of own jobs, `session` and `operator` values of session cookies.
    """

    user: int
    key: str
    session: str
    operator: str
    failed: str
    finished: str
    media: str


def go(door: str, caller: Caller) -> str:
    """Order a video through a door; return its name and what came of it, since outcomes come in no order."""
    settings.MEDIA_ROOT = Path(caller.media)  # a process of a race does not know the test's own
    return f"{door}: {DOORS[door](caller)}"


def studio(caller: Caller) -> str:
    """Send the form."""
    form = {"shown": LTX_2_PRO.id, "model": LTX_2_PRO.id, "duration": "6", "generate_audio": "true"}
    return _of_page(_browser(caller.session).post("/", form | _pressed(360_000)))


def page_retry(caller: Caller) -> str:
    """Press "try again" on the page of a failed job."""
    return _of_page(_browser(caller.session).post(f"/videos/{caller.failed}/retry", _pressed(360_000)))


def page_retake(caller: Caller) -> str:
    """Send the form for a retake of a finished video."""
    address = f"/videos/{caller.finished}/retake/"
    return _of_page(_browser(caller.session).post(address, {"mode": "replace_audio"} | _pressed(600_000)))


def rest(caller: Caller) -> str:
    """Order with a key, in JSON."""
    return _of_api(_program(caller).post("/api/v1/jobs", _WISH, format="json"))


def rest_picture(caller: Caller) -> str:
    """Order with a key, and send the picture along."""
    wish = _WISH | {"image": SimpleUploadedFile("fox.png", png())}
    return _of_api(_program(caller).post("/api/v1/jobs", wish, format="multipart"))


def rest_retry(caller: Caller) -> str:
    """Try a failed job again with a key."""
    return _of_api(_program(caller).post(f"/api/v1/jobs/{caller.failed}/retry", format="json"))


def rest_retake(caller: Caller) -> str:
    """Order a retake of a finished video with a key."""
    wish = {"model": LTX_2_RETAKE.id, "prompt": "Rain", "source_job": caller.finished, "mode": "replace_audio"}
    return _of_api(_program(caller).post("/api/v1/jobs", wish, format="json"))


def python(caller: Caller) -> str:
    """Call from Python, and leave as soon as the job is made."""
    return asyncio.run(_call(caller))


def admin_retry(caller: Caller) -> str:
    """Let an operator make a failed job again for its owner."""
    address = f"/admin/generation/job/{caller.failed}/retry_this/"
    answer = _browser(caller.operator).post(address, {"_form_submitted": "1"})
    assert answer.status_code == HTTPStatus.FOUND, answer.status_code
    (message,) = get_messages(answer.wsgi_request)
    return MADE if message.level == SUCCESS else str(message.level_tag)


DOORS: dict[str, Callable[[Caller], str]] = {
    door.__name__: door
    for door in (
        *(studio, page_retry, page_retake),
        *(rest, rest_picture, rest_retry, rest_retake),
        *(python, admin_retry),
    )
}
"""A new door joins the races by standing here, and in REFUSALS."""

REFUSALS = {
    **dict.fromkeys(("studio", "page_retry", "page_retake"), "402"),
    **dict.fromkeys(("rest", "rest_picture", "rest_retry", "rest_retake"), "402 insufficient_quota {limit}"),
    "python": "insufficient_quota {limit}",
    "admin_retry": "warning",
}
OF_KEYS = ("rest", "rest_picture", "rest_retry", "rest_retake")
"""The doors at which the cap of a key counts."""


def _browser(session: str) -> Client:
    client = Client(SERVER_NAME=HOST)
    client.cookies[settings.SESSION_COOKIE_NAME] = session
    return client


def _program(caller: Caller) -> APIClient:
    return APIClient(SERVER_NAME=HOST, HTTP_AUTHORIZATION=f"Bearer {caller.key}")


def _pressed(micros: int) -> dict[str, str]:
    """Return what every form has: a prompt, the price on its button, and a token of its own."""
    return {"prompt": "A red fox", "max_cost": str(micros), "token": str(uuid4())}


def _of_page(answer: HttpResponse) -> str:
    return MADE if answer.status_code == HTTPStatus.SEE_OTHER else str(answer.status_code)


def _of_api(answer: HttpResponse) -> str:
    if answer.status_code == HTTPStatus.ACCEPTED:
        return MADE
    problem = answer.json()  # type: ignore[attr-defined]  # test clients add it
    return f"{answer.status_code} {problem['error']['code']} {problem.get('violated')}"


async def _call(caller: Caller) -> str:
    # Calls of one process share a thread, unless each has a context of its own: here they must get in each other's way.
    async with ThreadSensitiveContext():
        try:
            await ai_video_generate(prompt="A red fox", model="ltx-2-pro", user_id=caller.user, timeout=0.001)
        except TimedOut:
            return MADE
        except InsufficientQuota as refusal:
            return f"{refusal.code} {refusal.violated}"
        finally:
            await let_go()
    raise AssertionError("Nobody works on jobs here, and yet there is a video.")
