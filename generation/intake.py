"""What users send: pictures and videos are told by their first bytes, bounded, and read before they are kept.

Names and declared types say nothing. The container's format is always given to the reader, never guessed: a list of
other files (ffconcat) that calls itself MP4 would make it open those.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import IO

import av
from av.error import FFmpegError
from av.stream import Disposition
from django.conf import settings
from PIL import Image, UnidentifiedImageError

from generation.catalog import Kind

_CUT_OFF = 1.0  # seconds that may be missing at the end, since the last frame's length is often unknown
_HEAD = 4096  # bytes that tell a format
_LARGEST_SIDE = 8192  # pixels
_TURNED = {5, 6, 7, 8}  # EXIF orientations in which a picture lies on its side
_ORIENTATION = 0x0112
_BROKEN = (
    *(UnidentifiedImageError, OSError, ValueError, SyntaxError, TypeError, LookupError, ArithmeticError, EOFError),
    *(struct.error, zlib.error),
)

# Pillow's own limit only warns up to twice of it. Ours is lower, and looked at before anything is unfolded.
Image.MAX_IMAGE_PIXELS = None


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


def measure(file: IO[bytes], size: int) -> Measured:
    """Tell what a file of `size` bytes is and read it; NotMedia or TooLarge otherwise. It stays open, at its start."""
    format_ = told(file, size)
    _check_bytes(format_.kind, size)
    try:
        return _picture(file, format_) if format_.kind is Kind.IMAGE else _video(file, format_)
    finally:
        file.seek(0)


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


def _check_bytes(kind: Kind, size: int) -> None:
    most = settings.UPLOAD_IMAGE_BYTES if kind is Kind.IMAGE else settings.UPLOAD_VIDEO_BYTES
    if size > most:
        what = "pictures" if kind is Kind.IMAGE else "videos"
        raise TooLarge(f"This has {_megabytes(size)}; allowed for {what}: at most {_megabytes(most)}.")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size < 9.95e6 else f"{size / 1e6:.0f} MB"


def _picture(file: IO[bytes], format_: Format) -> Measured:
    """Measure a picture by its header first: what would unfold into too many pixels is never unfolded."""
    try:
        with Image.open(file, formats=[format_.reader]) as picture:
            width, height = picture.size
            _check_pixels(width, height)
            turned = picture.getexif().get(_ORIENTATION) in _TURNED
            picture.draft("RGB", (512, 512))  # a JPEG is then read in small
            picture.load()
    except NotMedia:
        raise
    # Pillow's readers raise nearly anything for a file that is broken.
    except _BROKEN as error:
        raise NotMedia(f"This {format_.reader} picture can't be read.") from error
    return Measured(format=format_, width=height if turned else width, height=width if turned else height)


def _check_pixels(width: int, height: int) -> None:
    if width * height > settings.UPLOAD_IMAGE_PIXELS or max(width, height) > _LARGEST_SIDE:
        allowed = f"at most {settings.UPLOAD_IMAGE_PIXELS / 1e6:g} million, and {_LARGEST_SIDE} on a side"
        raise TooLarge(f"This has {width}×{height} pixels; allowed: {allowed}.")


def _video(file: IO[bytes], format_: Format) -> Measured:
    name = format_.suffix.upper()
    try:
        with av.open(file, mode="r", format=format_.reader) as container:
            stream = _only_picture_track(container)
            width, height = stream.codec_context.width, stream.codec_context.height
            if max(width, height) > _LARGEST_SIDE:
                raise TooLarge(f"This has {width}×{height} pixels; allowed: at most {_LARGEST_SIDE} on a side.")
            has_audio = bool(container.streams.audio)
            seconds = _seconds(container, stream, name)
    except FFmpegError as error:
        # Its own words carry the path of the file.
        raise NotMedia(f"This {name} video can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise NotMedia(f"This {name} video can't be read.") from error
    if seconds <= 0 or not width or not height:
        raise NotMedia("This video has no length or no size.")
    if seconds > settings.UPLOAD_VIDEO_SECONDS:
        raise TooLarge(f"This is {seconds:.1f} s long; allowed: at most {settings.UPLOAD_VIDEO_SECONDS:g} s.")
    return Measured(format=format_, width=width, height=height, seconds=seconds, has_audio=has_audio)


def _only_picture_track(container: av.container.InputContainer) -> av.VideoStream:
    """Return the one picture track: of several, nobody knows which one is taken and billed. Covers don't count."""
    tracks = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if len(tracks) > 1:
        raise NotMedia(f"This video has {len(tracks)} picture tracks; allowed: one.")
    if not tracks or tracks[0].codec_context is None:
        raise NotMedia("This video has no picture track that can be read.")
    return tracks[0]


def _seconds(container: av.container.InputContainer, stream: av.VideoStream, name: str) -> float:
    """Return the length of the picture track by its own frames; the header only says how long it would like to be.

    What costs by the second must not be believed. The container's own length is that of its longest track, which may
    be the sound's.
    """
    first = next(iter(container.decode(stream)), None)
    if first is None or stream.time_base is None:
        raise NotMedia("This video has not one frame that can be read.")
    container.seek(0, stream=stream)
    packets = [packet for packet in container.demux(stream) if packet.pts is not None]
    begins = min((int(packet.pts or 0) for packet in packets), default=0)
    ends = max((int(packet.pts or 0) + (packet.duration or 0) for packet in packets), default=0)
    found = float((ends - begins) * stream.time_base)
    told = float(stream.duration * stream.time_base) if stream.duration else found
    if found < told - max(_CUT_OFF, told / 10):
        raise NotMedia(f"This {name} video is cut off: {found:.1f} of {told:.1f} s are there.")
    return round(max(found, told), 3)
