"""What is in a video file: its facts and a picture for its poster."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import av
from av.error import FFmpegError
from PIL import Image, ImageStat

from generation.storage.verdicts import Facts, NotAVideo

_POSTER_WIDTH = 960
_DARK = 0.1  # of full luminance: the poster is the first frame above it
_FRAMES_LOOKED_AT = 48
_LARGEST_SIDE = 8192  # pixels
_MOST_PIXELS = 36_000_000  # 8K; each takes 17 bytes while the poster is made
_CONTENT = frozenset({b"moov", b"moof", b"mdat"})  # what a player needs whole
_MOST_BOXES = 100_000


def probe(path: Path) -> Facts:
    """Measure an MP4 file; NotAVideo when it is none or too large to be opened, OSError when there is no file.

    The container's format is given, never guessed.
    """
    _check_whole(path)
    try:
        with av.open(str(path), format="mp4") as container:
            stream = next(iter(container.streams.video), None)
            if stream is None or stream.codec_context is None:
                raise NotAVideo("It has no picture that can be decoded.")
            duration = _duration(container, stream)
            facts = Facts(
                width=stream.codec_context.width,
                height=stream.codec_context.height,
                duration=duration,
                has_audio=bool(container.streams.audio),
            )
    except FileNotFoundError:
        raise  # FFmpeg's own, too: nothing is said about what was in it
    except (FFmpegError, ValueError) as error:
        raise NotAVideo(f"It can't be read as MP4: {error}") from error
    if facts.duration <= 0 or not facts.width or not facts.height:
        raise NotAVideo(f"It has no length or no size: {facts}")
    if max(facts.width, facts.height) > _LARGEST_SIDE or facts.width * facts.height > _MOST_PIXELS:
        raise NotAVideo(f"Its picture is too large: {facts.width}×{facts.height} pixels.")
    return facts


def poster(path: Path) -> bytes:
    """Return a JPEG of the first frame that is not dark, or else of the brightest looked at."""
    best: tuple[float, Image.Image] | None = None
    try:
        with av.open(str(path), format="mp4") as container:
            for stream in container.streams.video:  # the size in the header is no promise
                stream.codec_context.options = {"max_pixels": str(_MOST_PIXELS)}
            for number, frame in enumerate(container.decode(video=0)):
                picture = frame.to_image()  # type: ignore[no-untyped-call]
                light = ImageStat.Stat(picture.convert("L")).mean[0] / 255
                if best is None or light > best[0]:
                    best = (light, picture)
                if light > _DARK or number >= _FRAMES_LOOKED_AT:
                    break
    except FileNotFoundError:
        raise
    except FFmpegError as error:
        raise NotAVideo(f"Its picture can't be decoded: {error}") from error
    if best is None:
        raise NotAVideo("It has not one frame.")
    best[1].thumbnail((_POSTER_WIDTH, _POSTER_WIDTH))
    jpeg = BytesIO()
    best[1].save(jpeg, "JPEG", quality=78, optimize=True, progressive=True)
    return jpeg.getvalue()


def _duration(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    if stream.duration and stream.time_base:
        return round(float(stream.duration * stream.time_base), 3)
    return round(container.duration / av.time_base, 3) if container.duration else 0.0


def _check_whole(path: Path) -> None:
    """Refuse a file that ends before what it says it holds.

    FFmpeg reads one whose index stands first as far as it goes, and not every transfer tells that it was cut.
    """
    size = path.stat().st_size
    for name, end in _boxes(path):
        if name in _CONTENT and end > size:
            raise NotAVideo(f"It was cut: {size} of at least {end} bytes.")


def _boxes(path: Path) -> Iterator[tuple[bytes, int]]:
    """Walk over the outermost boxes of an MP4: the name and the end of each, for as long as they make sense."""
    with path.open("rb") as file:
        start = 0
        for _ in range(_MOST_BOXES):
            file.seek(start)
            head = file.read(16)
            length = int.from_bytes(head[:4])
            if length == 1:  # the real one is too large for four bytes
                length = int.from_bytes(head[8:])
            if len(head) < 8 or length < 8:
                return  # the end, a box that lasts to the end, or none
            start += length
            yield head[4:8], start
