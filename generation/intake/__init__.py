"""What users send: pictures and videos are told by their first bytes, bounded, and read before they are kept.

Names and declared types say nothing. The container's format is always given to the reader, never guessed: a list of
other files (ffconcat) that calls itself MP4 would make it open those.
"""

from typing import IO

from django.conf import settings

from generation.catalog import Kind
from generation.intake.formats import Format, Measured, NotMedia, TooLarge, told

__all__ = ["Format", "Measured", "NotMedia", "TooLarge", "measure"]


def measure(file: IO[bytes], size: int) -> Measured:
    """Tell what a file of `size` bytes is and read it; NotMedia or TooLarge otherwise. It stays open, at its start."""
    from generation.intake import readers  # noqa: PLC0415 - 40 MB of libraries, and the watcher reads no uploads

    format_ = told(file, size)
    _check_bytes(format_.kind, size)
    try:
        return readers.picture(file, format_) if format_.kind is Kind.IMAGE else readers.video(file, format_)
    finally:
        file.seek(0)


def _check_bytes(kind: Kind, size: int) -> None:
    most = settings.UPLOAD_IMAGE_BYTES if kind is Kind.IMAGE else settings.UPLOAD_VIDEO_BYTES
    if size > most:
        what = "pictures" if kind is Kind.IMAGE else "videos"
        raise TooLarge(f"This has {_megabytes(size)}; allowed for {what}: at most {_megabytes(most)}.")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size < 9.95e6 else f"{size / 1e6:.0f} MB"
