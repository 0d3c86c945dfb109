"""From a request to a spec and a job, with a file or without."""

import re
from decimal import Decimal
from typing import Any

from rest_framework.request import Request

from billing.models import ApiKey, User
from billing.money import MICROS, MOST, micros
from billing.services import Actor
from generation import services
from generation.api.forms import SentFile, wish_in
from generation.models import Job
from generation.services import Quote, Terms
from generation.spec import Complaint, InvalidSpec, NoMedia, VideoSpec, shown, video_spec


def quoted(request: Request) -> Quote:
    """Price what a request asks for; its file is measured and not kept."""
    wish, sent = wish_in(request)
    return services.quote(_user(request), _spec_of(_user(request), wish, sent))


def created(request: Request, *, by: Actor) -> Job:
    """Make the job that a request asks for. What is refused leaves nothing behind, its file neither."""
    wish, sent = wish_in(request)
    user, terms = _user(request), _terms(request, wish)
    if sent is None:
        return services.create(user, services.spec_of(user, wish), by=by, terms=terms)
    # What can be refused is refused before the file is kept.
    services.quote(user, _spec_of(user, wish, sent))
    upload = sent.keep(user)
    try:
        spec = services.spec_of(user, wish | {sent.field: str(upload.pk)})
        return services.create(user, spec, by=by, terms=terms)
    except BaseException:
        services.delete_upload(upload.pk)
        raise


def retried(request: Request, job: Job, *, by: Actor) -> Job:
    """Try a job again, under the terms of a request."""
    body = dict(request.data)
    terms = _terms(request, body)
    if body:
        complaints = [_unknown(name) for name in list(body)[:10]]
        raise InvalidSpec(tuple(complaints))
    return services.retry(job.pk, by=by, terms=terms)


def _spec_of(user: User, wish: dict[str, Any], sent: SentFile | None) -> VideoSpec:
    if sent is None:
        return services.spec_of(user, wish)
    if sent.field == "video" and "source_job" in wish:
        both = NoMedia(given_as="source_job", message="Give either source_job or video, not both.")
        return video_spec({name: value for name, value in wish.items() if name != "source_job"} | {"video": both})
    return video_spec(wish | {sent.field: sent.measured()})


def _terms(request: Request, wish: dict[str, Any]) -> Terms:
    """Take the terms out of a wish: max_cost of it, and the key that the caller came with."""
    key = request.auth if isinstance(request.auth, ApiKey) else None
    return Terms(max_cost=_max_cost(wish.pop("max_cost", None)), api_key=key)


def _max_cost(value: object) -> int | None:
    """Return max_cost in micro-dollars."""
    if value is None:
        return None
    if isinstance(value, float) and 0 < value < MOST:
        # A number may be finer than any cost: what lies between two micro-dollars allows the lower one.
        return int(Decimal(str(value)) * MICROS)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    # Decimal takes much more for a number: spaces, underscores, exponents and other scripts' digits.
    amount = micros(text) if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text, re.ASCII) else 0
    if amount <= 0:
        message = f'{shown(value)} is no amount; allowed: dollars above 0, such as "0.36".'
        raise InvalidSpec((Complaint(field="max_cost", message=message),))
    return amount


def _unknown(name: str) -> Complaint:
    return Complaint(field=name[:100], message=f"A retry has no field {shown(name)}; it takes: max_cost.")


def _user(request: Request) -> User:
    return request.user  # type: ignore[return-value]  # IsAuthenticated: never anonymous
