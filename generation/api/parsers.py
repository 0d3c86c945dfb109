"""What comes in."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import DataAndFiles, JSONParser, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from generation.intake import NotMedia, TooLarge
from generation.receiving import takes_files

_DEEPEST = 10  # levels of a body; no parameter needs more than two


class InvalidFile(Exception):
    """The file in one field of a form can't be taken; `reason` says why."""

    def __init__(self, field: str, reason: NotMedia) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class StrictJSONParser(JSONParser):
    """JSON objects only, of a bounded depth, of what can be stored and sent back as UTF-8."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the object; ParseError for anything else. Django has looked at its size before."""
        context = dict(parser_context or {})
        try:
            # JSON is UTF-8 (RFC 8259). The caller's charset is not asked: Python also knows "zlib" by that name.
            data = super().parse(stream, media_type, context | {"encoding": "utf-8"})
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        if not isinstance(data, dict):
            raise ParseError(f"The body must be a JSON object, not {_KINDS.get(type(data), 'a number')}.")
        if _is_deeper(data, _DEEPEST):
            raise ParseError("The JSON is nested too deeply.")
        try:
            json.dumps(data, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ParseError("The JSON contains half a character (a lone surrogate).") from None
        return data


class FileParser(MultiPartParser):
    """Forms with a file, which goes to disk as it comes.

    The first who wants the body reads it through this: the view, or before it the CSRF check of a session. So no file
    is let in for callers who are nobody, and none is missed.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> "DataAndFiles[Any, Any]":
        """Return fields and files; ParseError for no form, InvalidFile for more bytes than any file may have."""
        context = dict(parser_context or {})
        request: HttpRequest = context["request"]._request  # noqa: SLF001  # DRF gives no other way to Django's own
        receiving, counted = takes_files(request), _Counted(stream)
        # Forms are UTF-8, as JSON is: the caller's charset is not asked.
        parsed = super().parse(counted, media_type, context | {"encoding": "utf-8"})  # type: ignore[arg-type]
        # Servers hand on half a body like a whole one. Without its picture it would be another wish, and be paid.
        cut_off = receiving.interrupted or counted.bytes < int(request.META["CONTENT_LENGTH"])
        if receiving.stopped or cut_off:
            _drop(parsed)
        if receiving.stopped:
            raise InvalidFile(receiving.field_name, TooLarge(_too_large()))
        if cut_off:
            raise ParseError("The form ends in the middle.")
        return parsed


class _Counted:
    """A body that tells how much of it has come."""

    def __init__(self, stream: IO[Any]) -> None:
        self.bytes = 0
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Return a piece."""
        piece: bytes = self._stream.read(size)
        self.bytes += len(piece)
        return piece


class AlwaysTheSame(BaseContentNegotiation):
    """Answer in the one form there is, whatever the caller says it accepts: a player asks for video/mp4."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Take the one of that Content-Type; UnsupportedMediaType names those there are."""
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        for parser in parsers:
            if parser.media_type == media_type:
                return parser
        allowed = " or ".join(parser.media_type for parser in parsers)
        raise UnsupportedMediaType(media_type, f'Unsupported media type "{media_type}" in request. Send {allowed}.')

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Take the first."""
        return renderers[0], renderers[0].media_type


def _drop(parsed: "DataAndFiles[Any, Any]") -> None:
    """Remove the files that came whole: the request does not know them yet, so that it would not."""
    for _, files in parsed.files.lists():
        for file in files:
            file.close()


def _too_large() -> str:
    videos, pictures = (f"{most / 1e6:g} MB" for most in (settings.UPLOAD_VIDEO_BYTES, settings.UPLOAD_IMAGE_BYTES))
    return f"This has more than {videos}; allowed: at most {videos} for videos and {pictures} for pictures."


_KINDS: dict[type, str] = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(part, levels - 1) for part in inner)
