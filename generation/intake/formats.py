"""What may be sent, what its first bytes tell, and why something is not taken."""

from dataclasses import dataclass
from typing import IO

from generation.catalog import Kind

_HEAD = 4096  # bytes that tell a format


class NotMedia(Exception):
    """It is no picture or video that can be used; the message says what it is instead, and what is allowed."""

    code = "invalid_media"


class TooLarge(NotMedia):
    """It has more bytes, pixels or seconds than is allowed."""

    code = "media_too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A kind of file that is taken; `reader` is what Pillow or FFmpeg calls it."""

    kind: Kind
    content_type: str
    suffix: str
    reader: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was found in a file: pixels and seconds."""

    format: Format
    width: int
    height: int
    seconds: float = 0.0
    has_audio: bool = False


_PNG = Format(kind=Kind.IMAGE, content_type="image/png", suffix="png", reader="PNG")
_JPEG = Format(kind=Kind.IMAGE, content_type="image/jpeg", suffix="jpg", reader="JPEG")
_WEBP = Format(kind=Kind.IMAGE, content_type="image/webp", suffix="webp", reader="WEBP")
_MP4 = Format(kind=Kind.VIDEO, content_type="video/mp4", suffix="mp4", reader="mp4")
_MOV = Format(kind=Kind.VIDEO, content_type="video/quicktime", suffix="mov", reader="mov")
_WEBM = Format(kind=Kind.VIDEO, content_type="video/webm", suffix="webm", reader="webm")

_ELSE = (
    (b"PK\x03\x04", "a ZIP file"),
    (b"%PDF", "a PDF"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"\x1f\x8b", "a gzip file"),
    (b"ffconcat", "a list of files for FFmpeg"),
    (b"#EXTM3U", "a playlist"),
    (b"FLV", "an FLV video"),
    (b"OggS", "an Ogg file"),
    (b"ID3", "an MP3 file"),
)


def told(file: IO[bytes], size: int) -> Format:
    """Return the format that a file's first bytes tell, or raise NotMedia."""
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(0)
    if not size or not head:
        raise NotMedia(f"This file is empty; allowed: {_allowed()}.")
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _PNG
    if head.startswith(b"\xff\xd8\xff"):
        return _JPEG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _WEBP
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        if b"webm" in head[:64]:
            return _WEBM
        raise NotMedia(f"This is a Matroska video, but no WebM; allowed: {_allowed()}.")
    if head[4:8] == b"ftyp":
        return _MOV if head[8:12] == b"qt  " else _MP4
    if head[4:8] in {b"moov", b"mdat", b"wide", b"free", b"skip"}:
        return _MOV  # from before files said so
    raise NotMedia(f"This is no picture or video that can be used: {_begins_like(head)}; allowed: {_allowed()}.")


def _allowed() -> str:
    return "PNG, JPEG or WebP pictures, and MP4, MOV or WebM videos"


def _begins_like(head: bytes) -> str:
    for start, name in _ELSE:
        if head.startswith(start):
            return f"it begins like {name}"
    try:
        head[:512].decode()
    except UnicodeDecodeError:
        return "its first bytes are unknown"
    return "it is text"
