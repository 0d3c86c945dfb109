"""From a Call to a job: the engine lives, what is local is uploaded, the cost is set aside. All of it or nothing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from io import BytesIO, TextIOBase
from os import PathLike
from pathlib import Path
from typing import IO, TypeGuard

import structlog
from django.core.files import File

from billing import services as billing
from billing.models import User
from billing.money import dollars
from billing.services import Actor
from generation import clock, heart, services
from generation.calls import errors
from generation.calls.asking import FORMS, Call
from generation.catalog import Kind
from generation.models import Job, Upload
from generation.services import Terms
from generation.spec import Complaint, InvalidSpec, shown

log = structlog.get_logger(__name__)

_MOST_ID = 2**63 - 1
_SAID_BY_SERVICES: dict[type[Exception], type[errors.VideoError]] = {
    billing.NoPrice: errors.NoPrice,
    billing.ModelNotInPlan: errors.ModelNotInPlan,
    billing.PastDue: errors.PastDue,
    billing.AddressNotVerified: errors.AddressNotVerified,
    services.ReviewNeeded: errors.ReviewNeeded,
}


def make(call: Call) -> Job:
    """Create the job that a call asks for, and log a warning for each parameter that is ignored.

    Raises EngineDown before anything is uploaded or held, InvalidInput, InsufficientQuota, ModelClosed, PriceChanged,
    NoPrice, ModelNotInPlan, PastDue, AddressNotVerified, ReviewNeeded or TooManyUploads; what was uploaded for it is
    removed again.
    """
    user = user_of(call.user_id)
    if silent := heart.silent(clock.now()):
        raise errors.EngineDown(silent)
    with _in_our_words():
        _check_beforehand(user, call)
        with _uploaded(user, call.files) as uploads:
            spec = services.spec_of(user, {**call.wish, **uploads})
            by = Actor(name=f"user {user.pk} by {call.by}")
            job = services.create(user, spec, by=by, terms=Terms(max_cost=call.max_cost))
    for warning in job.warnings:
        log.warning("parameter ignored", job_id=str(job.pk), model=job.model, parameter=warning["parameter"])
    return job


def user_of(user_id: object) -> User:
    """Return an active user: an int is an id, text an e-mail address or a username; else InvalidInput."""
    found: User | None = None
    active = User.objects.filter(is_active=True)
    if isinstance(user_id, str) and user_id.isprintable():  # PostgreSQL takes no NUL
        # An address is proved, a username is only a handle.
        found = active.filter(email=user_id).first() or active.filter(username=user_id).first()
    elif isinstance(user_id, int) and not isinstance(user_id, bool) and abs(user_id) <= _MOST_ID:
        found = active.filter(pk=user_id).first()
    if found is None:
        message = f"{shown(user_id)} is no active user; allowed: an id (int), or an e-mail address or username (str)."
        raise errors.InvalidInput([Complaint(field="user_id", message=message)])
    return found


def _check_beforehand(user: User, call: Call) -> None:
    """Refuse what is wrong beside the files, before they are copied."""
    if not call.files:
        return
    try:
        services.spec_of(user, {**call.wish, **dict.fromkeys(call.files, "")})
    except InvalidSpec as error:
        beside = tuple(complaint for complaint in error.complaints if complaint.field not in call.files)
        if beside:
            raise InvalidSpec(beside) from None


@contextmanager
def _uploaded(user: User, files: Mapping[str, object]) -> Iterator[dict[str, str]]:
    """Turn local files into uploads and give their ids; they are removed again when the block fails."""
    made: dict[str, Upload] = {}
    try:
        for name, local in files.items():
            made[name] = _upload(user, name, local)
        yield {name: str(upload.pk) for name, upload in made.items()}
    except BaseException:
        for upload in made.values():
            with suppress(services.InUse):  # the job stands after all
                services.delete_upload(upload.pk)
        raise


def _upload(user: User, name: str, local: object) -> Upload:
    with _opened(name, local) as file:
        try:
            return services.upload(user, file, kind=Kind(name))
        except services.TooManyUploads:
            raise
        except services.NotMedia as error:
            raise InvalidSpec((Complaint(field=name, message=str(error)),)) from error


@contextmanager
def _opened(name: str, local: object) -> Iterator[File]:  # type: ignore[type-arg]
    """Give what a caller named as a file: a path, bytes, or a file of theirs, which stays open and is read whole."""
    if isinstance(local, str | PathLike):
        path = Path(local)
        with _read(name, path) as file:
            yield File(file, name=path.name)
    elif isinstance(local, bytes | bytearray | memoryview):
        yield File(BytesIO(local), name=name)
    elif _is_file(local):
        yield File(local, name=Path(str(getattr(local, "name", name))).name)
    else:
        raise _no_file(name, local)


def _read(name: str, path: Path) -> IO[bytes]:
    if not path.is_file():  # a pipe would be waited for
        raise _no_file(name, path)
    try:
        return path.open("rb")
    except OSError as error:
        raise _no_file(name, path) from error


def _is_file(local: object) -> TypeGuard[IO[bytes]]:
    """Say whether it can be read from its start, as bytes."""
    seekable = getattr(local, "seekable", None)
    return hasattr(local, "read") and callable(seekable) and bool(seekable()) and not isinstance(local, TextIOBase)


def _no_file(name: str, local: object) -> InvalidSpec:
    what = shown(str(local)) if isinstance(local, Path) else f"A value of type {type(local).__name__}"
    return InvalidSpec((Complaint(field=name, message=f"{what} is no file that can be read; allowed: {FORMS}."),))


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Raise what the services refuse as an error of the call."""
    try:
        yield
    except InvalidSpec as error:
        raise errors.InvalidInput(error.complaints) from error
    except billing.InsufficientQuota as error:
        raise _quota(error) from error
    except services.ModelClosed as error:
        raise errors.ModelClosed(str(error), error.reason) from error
    except services.PriceChanged as error:
        raise errors.PriceChanged(str(error), Decimal(dollars(error.quote.amount.spend))) from error
    except tuple(_SAID_BY_SERVICES) as error:
        raise _SAID_BY_SERVICES[type(error)](str(error)) from error
    except services.TooManyUploads as error:
        raise errors.TooManyUploads(str(error)) from error


def _quota(error: billing.InsufficientQuota) -> errors.InsufficientQuota:
    is_count = error.violated in {"videos", "seconds"}
    required, available = (v if is_count else Decimal(dollars(v)) for v in (error.required, error.available))
    return errors.InsufficientQuota(
        violated=error.violated, required=required, available=available, resets_at=error.resets_at
    )
