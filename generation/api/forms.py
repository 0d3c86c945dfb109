"""What a form brings: text, which is converted as the catalogue says, and at most one file."""

import json
from dataclasses import dataclass
from typing import IO, Any, cast

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework.request import Request

from billing.models import User
from generation import services
from generation.api.parsers import InvalidFile
from generation.catalog import Kind, UnknownModel, model_named
from generation.intake import NotMedia, measure
from generation.models import Upload
from generation.services import TooManyUploads
from generation.spec import Complaint, InvalidSpec, Media, shown

KINDS = {"image": Kind.IMAGE, "video": Kind.VIDEO}
"""What may be sent as a file along with a wish."""

_ALLOWED = {Kind.IMAGE: "a PNG, JPEG or WebP picture", Kind.VIDEO: "an MP4, MOV or WebM video"}
# Of what a form can only write as text.
_TYPES: dict[Kind | None, tuple[type, ...]] = {
    Kind.INTEGER: (int,),
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: (bool,),
}
_LONGEST = 100  # characters of a number


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A file that came along, and in which field."""

    field: str
    file: UploadedFile

    def measured(self) -> Media:
        """Return it as a spec sees it; it is kept nowhere. Raises InvalidFile."""
        try:
            found = measure(cast(IO[bytes], self.file.file), self.file.size or 0)
        except NotMedia as error:
            raise InvalidFile(self.field, error) from error
        wanted = KINDS[self.field]
        if found.format.kind is not wanted:
            what = "a picture" if found.format.kind is Kind.IMAGE else "a video"
            raise InvalidFile(self.field, NotMedia(f"This is {what}; allowed: {_ALLOWED[wanted]}."))
        return Media(
            kind=wanted,
            given_as=self.field,
            width=found.width,
            height=found.height,
            seconds=found.seconds,
            has_audio=found.has_audio,
        )

    def keep(self, user: User) -> Upload:
        """Make an upload of it. Raises InvalidFile, and TooManyUploads."""
        try:
            return services.upload(user, self.file, kind=KINDS.get(self.field))
        except TooManyUploads:
            raise
        except NotMedia as error:
            raise InvalidFile(self.field, error) from error


def sent_in(request: Request) -> SentFile:
    """Return the file of a form that has one part, "file"."""
    fields, sent = _parts(request, "file")
    complaints = [Complaint(field=name[:100], message=_not_taken(name, value)) for name, value in fields.items()]
    if not sent and "file" not in fields:
        complaints.insert(0, Complaint(field="file", message=f"This is required: {_any_media()}."))
    if complaints or not sent:
        raise InvalidSpec(tuple(complaints))
    return sent


def wish_in(request: Request) -> tuple[dict[str, Any], SentFile | None]:
    """Return the fields of a body with their JSON types, and the file that came along."""
    if not isinstance(request.data, QueryDict):
        return dict(request.data), None
    fields, sent = _parts(request, *KINDS)
    given = fields.keys() | {sent.field} if sent else fields.keys()
    kinds = _kinds(fields.get("model", ""), from_=frozenset({"image"} & given))
    return {name: _typed(text, kinds.get(name)) for name, text in fields.items()}, sent


def _parts(request: Request, *allowed: str) -> tuple[dict[str, str], SentFile | None]:
    """Return text and file of a form, or raise InvalidSpec for what comes twice or is no place for a file."""
    texts, files = dict(request.POST.lists()), dict(request.FILES.lists())
    complaints = [
        Complaint(field=name[:100], message=f"This is given {count} times; allowed: once.")
        for name in dict.fromkeys([*texts, *files])
        if (count := len(texts.get(name, [])) + len(files.get(name, []))) > 1
    ]
    complaints += [
        Complaint(field=name[:100], message=f"This can't be a file; allowed as files: {', '.join(allowed)}.")
        for name in files
        if name not in allowed
    ]
    if not complaints and len(files) > 1:
        complaints = [Complaint(field=list(files)[1], message="This is a second file; allowed: one.")]
    if complaints:
        raise InvalidSpec(tuple(complaints[:10]))
    sent = next((SentFile(field=name, file=found[0]) for name, found in files.items()), None)
    return {name: str(values[0]) for name, values in texts.items()}, sent


def _kinds(model: str, *, from_: frozenset[str]) -> dict[str, Kind]:
    """Return the kinds of a model's parameters; none of a model that nobody knows."""
    try:
        found = model_named(model, from_=from_)
    except UnknownModel:
        return {}
    return {parameter.name: parameter.kind for parameter in (*found.parameters, *found.shorthands)}


def _typed(text: str, kind: Kind | None) -> object:
    """Return what JSON would say; what is none of its kind stays text, so that it is complained about as it is."""
    if kind not in _TYPES or len(text) > _LONGEST:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if type(value) in _TYPES[kind] else text


def _not_taken(name: str, value: str) -> str:
    if name == "file":
        return f"{shown(value)} is text; allowed: a part with a file name, {_any_media()}."
    return f"An upload has no field {shown(name)}; it takes: file."


def _any_media() -> str:
    return " or ".join(_ALLOWED.values())
