"""What comes in."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

_DEEPEST = 10  # levels of a body; no parameter needs more than two


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


class AlwaysTheSame(BaseContentNegotiation):
    """Answer in the one form there is, whatever the caller says it accepts: a player asks for video/mp4."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Take the one of that Content-Type; None makes it 415."""
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Take the first."""
        return renderers[0], renderers[0].media_type


_KINDS: dict[type, str] = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(part, levels - 1) for part in inner)
