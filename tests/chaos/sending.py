"""Forms with a file, sent slowly enough that somebody dies in the middle: whoever takes them, or whoever sends them."""

import io
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

import requests
from PIL import Image

from tests.chaos.wishes import SOURCE_SECONDS
from tests.media import mp4, padding

_PIECE = 1 << 16
_PAUSE = 0.02  # seconds before each piece
_SIDE = 600  # pixels of noise: a megabyte, since nothing of it can be packed
_PADDED = 1_000_000  # bytes


class HungUp(Exception):
    """The client is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The body of a form, which goes out in pieces, and its headers."""

    body: bytes
    headers: Mapping[str, str]
    breaks_off: bool = False

    @classmethod
    def of(cls, fields: Mapping[str, object], name: str, kind: str) -> "Form":
        """Put together a form with these fields and a picture or a video in the field `name`."""
        file = ("fox.mp4", _video()) if kind == "video" else ("fox.png", _picture())
        told = {field: str(value) for field, value in fields.items()}
        prepared = requests.Request("POST", "http://nobody", data=told, files={name: file}).prepare()
        assert isinstance(prepared.body, bytes)
        return cls(body=prepared.body, headers={"Content-Type": prepared.headers["Content-Type"]})

    def broken_off(self) -> "Form":
        """Return it as a client sends it who dies half way."""
        return replace(self, breaks_off=True)

    def __len__(self) -> int:
        return len(self.body)

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self.body), _PIECE):
            time.sleep(_PAUSE)
            if self.breaks_off and start * 2 > len(self.body):
                raise HungUp
            yield self.body[start : start + _PIECE]


@cache
def _picture() -> bytes:
    file = io.BytesIO()
    Image.frombytes("RGB", (_SIDE, _SIDE), os.urandom(3 * _SIDE * _SIDE)).save(file, "PNG")
    return file.getvalue()


@cache
def _video() -> bytes:
    return mp4(SOURCE_SECONDS) + padding(_PADDED) + bytes(_PADDED - 8)
