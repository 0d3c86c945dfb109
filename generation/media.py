"""How stored files leave the house: in ranges from the local disk, by a signed address from S3."""

import re
from collections.abc import Iterator
from typing import IO, Any

from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.http import parse_etags
from django.utils.text import slugify

from generation.models import Job, Status

_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)
_SIGNED_FOR = 300  # seconds


class NotReady(Http404):
    """The job is under way, so that it has no files yet. Pages take it as 404."""

    code = "not_ready"

    def __init__(self, job: Job) -> None:
        super().__init__(f"The job is {job.status}, so there is no file yet; ask again once it has succeeded.")


def video_response(request: HttpRequest, job: Job) -> HttpResponseBase:
    """Answer with a job's video or the wished range; NotReady before there is one, Http404 where there is none."""
    return _answer(request, job, job.video, "video/mp4", job.sha256, download_name(job))


def poster_response(request: HttpRequest, job: Job) -> HttpResponseBase:
    """Answer with a job's poster; NotReady before there is one, Http404 where there is none."""
    return _answer(request, job, job.poster, "image/jpeg", f"{job.sha256}-poster", "poster.jpg")


def download_name(job: Job) -> str:
    """Return a file name that tells the video: red-fox-in-snow_ltx-2-pro_6s.mp4."""
    words = slugify(job.prompt)[:60].strip("-_") or "video"
    model = slugify(job.video_model.short_name.replace("/", "-").replace(".", "-"))
    return f"{words}_{model}_{round(job.duration or 0)}s.mp4"


def _answer(
    request: HttpRequest, job: Job, stored: FieldFile, content_type: str, tag: str, name: str
) -> HttpResponseBase:
    if not job.is_final:
        raise NotReady(job)
    if job.status != Status.SUCCEEDED or not stored.name:
        raise Http404
    disposition = f'{"attachment" if "download" in request.GET else "inline"}; filename="{name}"'
    if not isinstance(stored.storage, FileSystemStorage):
        return _elsewhere(request, stored.storage, stored.name, disposition)
    try:
        file = stored.storage.open(stored.name, "rb")
    except FileNotFoundError:
        raise Http404 from None
    response = _ranged(request, file, file.size, f'"{tag}"')
    response["Content-Type"] = content_type
    response["Content-Disposition"] = disposition
    response["X-Content-Type-Options"] = "nosniff"
    # Ours to keep, but nobody else's: the address is the same for whoever asks.
    patch_cache_control(response, private=True, max_age=3600)
    return response


def _elsewhere(request: HttpRequest, storage: Any, name: str, disposition: str) -> HttpResponse:
    """Send the caller to the file: S3's storage class would fetch the whole object, to answer a part of it."""
    address = storage.url(
        name,
        parameters={"ResponseContentDisposition": disposition},
        expire=_SIGNED_FOR,
        http_method=request.method,  # it is signed, too
    )
    response = HttpResponseRedirect(address)
    patch_cache_control(response, private=True, no_store=True)
    return response


def _ranged(request: HttpRequest, file: IO[bytes], size: int, etag: str) -> HttpResponse | StreamingHttpResponse:
    """Answer with all of `file`, with a part (206), with nothing new (304), or 416 for what lies behind its end."""
    headers = {"ETag": etag, "Accept-Ranges": "bytes"}
    known = {tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))}
    if known & {etag, "*"}:
        file.close()
        return HttpResponse(status=304, headers=headers)
    match _wished_range(request, size, etag):
        case None:
            return FileResponse(file, headers=headers | {"Content-Length": str(size)})
        case (start, end) if start < end:
            length = {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": str(end - start)}
            file.seek(start)
            part: Any = _Part(file, end - start)
            return FileResponse(part, status=206, headers=headers | length)
        case _:
            file.close()
            return HttpResponse(status=416, headers=headers | {"Content-Range": f"bytes */{size}"})


def _wished_range(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """Return first byte and the one after the last, clipped to the file; None where all of it is to be sent.

    Several ranges at once, a unit that we don't know, an If-Range that no longer fits and any method but GET mean: all
    of it (RFC 9110).
    """
    if request.method != "GET":
        return None
    wished = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if wished is None or wished.groups() == ("", "") or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = wished.groups()
    if not first:
        return max(size - int(last), 0), size if int(last) else 0
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size


class _Part:
    """A bounded piece of an open file, which FileResponse streams and closes."""

    def __init__(self, file: IO[bytes], length: int) -> None:
        self._file = file
        self._left = length

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(min(_CHUNK if size < 0 else size, self._left))
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read, b"")
