"""The media that a prediction starts from: a picture to animate, a video to take again."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import av
from PIL import Image, UnidentifiedImageError

_LONGEST_SECONDS = 120.0


class MediaError(Exception):
    """The source could not be fetched or is not what the model takes."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """What a source video is like; the length is that of its video stream, in seconds."""

    width: int
    height: int
    duration: float
    sound: bool


def clip(path: Path) -> Clip:
    """Look at a source video."""
    try:
        # The format is given, or a playlist under a video's name could send us elsewhere.
        with av.open(str(path), mode="r", format=_format_of(path)) as container:
            stream = container.streams.video[0]
            found = Clip(
                width=stream.width,
                height=stream.height,
                duration=_length(container, stream),
                sound=bool(container.streams.audio),
            )
    except (av.FFmpegError, IndexError) as error:
        raise MediaError(1402, "the media could not be read as a video") from error
    if found.duration > _LONGEST_SECONDS:
        raise MediaError(1401, f"the video is longer than {_LONGEST_SECONDS:.0f} seconds")
    return found


def _format_of(path: Path) -> str:
    with path.open("rb") as file:
        return "webm" if file.read(4) == b"\x1a\x45\xdf\xa3" else "mp4"


def _length(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """Measure the picture by its last packet; a header may say anything, and that of a WebM says nothing."""
    ends = [packet.pts + (packet.duration or 0) for packet in container.demux(stream) if packet.pts is not None]
    if not ends or stream.time_base is None:
        raise MediaError(1401, "the length of the video is unknown")
    told = float(stream.duration * stream.time_base) if stream.duration else 0.0
    return max(round(float(max(ends) * stream.time_base), 3), told)


def picture(path: Path) -> tuple[int, int, str]:
    """Look at a source picture: its width, its height and the SHA-256 of its file."""
    try:
        with Image.open(path) as image:
            image.verify()
            width, height = image.size
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(1402, "the media could not be read as a picture") from error
    return width, height, hashlib.sha256(path.read_bytes()).hexdigest()
