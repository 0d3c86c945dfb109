"""Uploading media: a ticket, the bytes, and the file for whoever has its address."""

import hmac

import anyio
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from generation.sandbox.envelope import RefusalError, json_object, success
from generation.sandbox.uploads import LARGEST, Upload

from .access import account_of, origin_of


async def ticket(request: Request) -> Response:
    """Announce an upload and learn where its bytes go."""
    account = account_of(request)
    body = await json_object(request)
    filename, size = body.get("filename"), body.get("size")
    if not isinstance(filename, str) or not filename:
        raise RefusalError(400, "filename is required")
    if type(size) is not int or size < 1:
        raise RefusalError(400, "size must be a positive integer")
    if size > LARGEST:
        raise RefusalError(413, "file size exceeds the 200 MB limit")
    upload = account.uploads.announce(filename, size, str(body.get("content_type") or "application/octet-stream"))
    return success(_ticket(upload, origin_of(request)))


def _ticket(upload: Upload, origin: str) -> dict[str, object]:
    return {
        "type": upload.kind,
        "download_url": upload.download_url(origin),
        "filename": upload.filename,
        "size": upload.size,
        "upload": {
            "method": "PUT",
            "url": upload.put_url(origin),
            "headers": {"Content-Type": upload.content_type},
        },
    }


async def put(request: Request) -> Response:
    """Take the bytes that were announced, exactly as they were announced."""
    upload = _found(request)
    if not hmac.compare_digest(request.query_params.get("signature", ""), upload.signature):
        raise RefusalError(403, "signature does not match")
    if request.headers.get("content-type") != upload.content_type:
        raise RefusalError(403, "send exactly the headers of the upload instruction")
    await _receive(request, upload)
    account_of(request).memory.changed()
    return Response(status_code=200)


async def _receive(request: Request, upload: Upload) -> None:
    part = upload.path.with_suffix(".part")
    length = 0
    try:
        async with await anyio.open_file(part, "wb") as file:
            async for chunk in request.stream():
                length += len(chunk)
                if length > upload.size:
                    raise RefusalError(400, "more bytes than announced")
                await file.write(chunk)
        if length != upload.size:
            raise RefusalError(400, "fewer bytes than announced")
        await anyio.Path(part).replace(upload.path)
        upload.arrived = True
    finally:
        await anyio.Path(part).unlink(missing_ok=True)


async def get(request: Request) -> Response:
    """Hand out an uploaded file."""
    upload = _found(request)
    if not upload.arrived:
        raise RefusalError(404, "nothing was uploaded here")
    return FileResponse(upload.path, media_type=upload.content_type)


def _found(request: Request) -> Upload:
    upload = account_of(request).uploads.get(request.path_params["upload_id"])
    if upload is None:
        raise RefusalError(404, "upload not found")
    return upload
