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
        with av.open(str(path), format="mp4") as container:
            stream = container.streams.video[0]
            if stream.duration is None or stream.time_base is None:
                raise MediaError(1401, "the length of the video is unknown")
            found = Clip(
                width=stream.width,
                height=stream.height,
                duration=float(stream.duration * stream.time_base),
                sound=bool(container.streams.audio),
            )
    except (av.FFmpegError, IndexError) as error:
        raise MediaError(1402, "the media could not be read as a video") from error
    if found.duration > _LONGEST_SECONDS:
        raise MediaError(1401, f"the video is longer than {_LONGEST_SECONDS:.0f} seconds")
    return found


def picture(path: Path) -> tuple[int, int, str]:
    """Look at a source picture: its width, its height and the SHA-256 of its file."""
    try:
        with Image.open(path) as image:
            image.verify()
            width, height = image.size
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(1402, "the media could not be read as a picture") from error
    return width, height, hashlib.sha256(path.read_bytes()).hexdigest()
