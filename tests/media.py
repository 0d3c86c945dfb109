"""Small real pictures and videos, and files that only look like them."""

import io
import struct
import zlib
from fractions import Fraction

import av
from django.core.files.base import ContentFile
from PIL import Image

from billing.models import User
from generation import services
from generation.models import Upload

_RATE = 48_000  # Opus takes no other
_SAMPLES = 960
_FPS = 10


def png(width: int = 64, height: int = 48) -> bytes:
    """Make a PNG."""
    return _picture("PNG", width, height)


def jpeg(width: int = 64, height: int = 48) -> bytes:
    """Make a JPEG."""
    return _picture("JPEG", width, height)


def webp(width: int = 64, height: int = 48) -> bytes:
    """Make a WebP picture."""
    return _picture("WEBP", width, height)


def gif(width: int = 64, height: int = 48) -> bytes:
    """Make a GIF, which nobody takes."""
    return _picture("GIF", width, height)


def bomb(side: int = 30_000) -> bytes:
    """Make a PNG of a few hundred bytes that says it unfolds into `side` times `side` pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def mp4(seconds: float = 1.0, width: int = 64, height: int = 48, *, audio: bool = True) -> bytes:
    """Make an MP4 of H.264 and AAC."""
    return _video("mp4", ("libx264", "aac"), seconds, (width, height), audio=audio)


def mov(seconds: float = 1.0, width: int = 64, height: int = 48, *, audio: bool = True) -> bytes:
    """Make a MOV of H.264 and AAC."""
    return _video("mov", ("libx264", "aac"), seconds, (width, height), audio=audio)


def webm(seconds: float = 1.0, width: int = 64, height: int = 48, *, audio: bool = True) -> bytes:
    """Make a WebM of VP8 and Opus."""
    return _video("webm", ("libvpx", "libopus"), seconds, (width, height), audio=audio)


def make_upload(user: User, data: bytes = b"", name: str = "fox.png") -> Upload:
    """Make an upload the way a door does; without data it is a PNG."""
    return services.upload(user, ContentFile(data or png(), name))


def padding(size: int) -> bytes:
    """Return the head of a `free` atom of `size` bytes in all: an MP4 grows by it, and readers skip it."""
    return struct.pack(">I4s", size, b"free")


def ffconcat() -> bytes:
    """Make a list of other files, which FFmpeg would open where it may guess formats."""
    return b"ffconcat version 1.0\nfile /etc/passwd\n"


def _picture(format_: str, width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(file, format_)
    return file.getvalue()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _video(format_: str, codecs: tuple[str, str], seconds: float, size: tuple[int, int], *, audio: bool) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=format_) as container:
        pictures = container.add_stream(codecs[0], rate=_FPS)
        assert isinstance(pictures, av.VideoStream)
        pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv420p"
        sound = container.add_stream(codecs[1], rate=_RATE, layout="stereo") if audio else None
        _encode_pictures(container, pictures, seconds)
        if isinstance(sound, av.AudioStream):
            _encode_silence(container, sound, seconds)
    return file.getvalue()


def _encode_pictures(container: av.container.OutputContainer, stream: av.VideoStream, seconds: float) -> None:
    frame = av.VideoFrame(stream.width, stream.height, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    for number in range(max(1, round(seconds * _FPS))):
        frame.pts, frame.time_base = number, Fraction(1, _FPS)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _encode_silence(container: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    for start in range(0, round(seconds * _RATE), _SAMPLES):
        frame = av.AudioFrame(format="s16", layout="stereo", samples=_SAMPLES)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = _RATE, start, Fraction(1, _RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
