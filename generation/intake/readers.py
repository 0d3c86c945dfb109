"""Reads what users send, once its first bytes have told what it is."""

import struct
import zlib
from typing import IO

import av
from av.error import FFmpegError
from av.stream import Disposition
from django.conf import settings
from PIL import Image, UnidentifiedImageError

from generation.intake.formats import Format, Measured, NotMedia, TooLarge

_CUT_OFF = 1.0  # seconds that may be missing at the end, since the last frame's length is often unknown
_LARGEST_SIDE = 8192  # pixels
_TURNED = {5, 6, 7, 8}  # EXIF orientations in which a picture lies on its side
_ORIENTATION = 0x0112
_BROKEN = (
    *(UnidentifiedImageError, OSError, ValueError, SyntaxError, TypeError, LookupError, ArithmeticError, EOFError),
    *(struct.error, zlib.error),
)

# Pillow's own limit only warns up to twice of it. Ours is lower, and looked at before anything is unfolded.
Image.MAX_IMAGE_PIXELS = None


def picture(file: IO[bytes], format_: Format) -> Measured:
    """Measure a picture by its header first: what would unfold into too many pixels is never unfolded."""
    try:
        with Image.open(file, formats=[format_.reader]) as opened:
            width, height = opened.size
            _check_pixels(width, height)
            turned = opened.getexif().get(_ORIENTATION) in _TURNED
            opened.draft("RGB", (512, 512))  # a JPEG is then read in small
            opened.load()
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


def video(file: IO[bytes], format_: Format) -> Measured:
    """Measure a video by its picture track."""
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
