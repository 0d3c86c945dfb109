"""What clients have uploaded: tickets and files."""

import hashlib
import hmac
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

LARGEST = 200 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Upload:
    """One announced upload; its file exists once `arrived` is set."""

    id: str
    filename: str
    size: int
    content_type: str
    path: Path
    signature: str
    arrived: bool = False

    @property
    def kind(self) -> str:
        """Return what the provider calls its type."""
        kind = self.content_type.partition("/")[0]
        return kind if kind in {"image", "video", "audio"} else "file"

    def put_url(self, origin: str) -> str:
        """Return where its bytes go; the query string is the permission."""
        return f"{origin}/uploads/{self.id}?signature={self.signature}"

    def download_url(self, origin: str) -> str:
        """Return where anyone may fetch it."""
        return f"{origin}/uploads/{self.id}/{quote(self.filename, safe='')}"


class Uploads:
    """All uploads, by id."""

    def __init__(self, folder: Path, secret: str) -> None:
        self._folder = folder
        self._secret = secret.encode()
        self._all: dict[str, Upload] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def announce(self, filename: str, size: int, content_type: str) -> Upload:
        """Make a ticket for bytes that are to come."""
        upload = self._upload(uuid.uuid4().hex, filename, size, content_type)
        self._all[upload.id] = upload
        return upload

    def rows(self) -> list[list[Any]]:
        """Write all of them down."""
        return [[each.id, each.filename, each.size, each.content_type] for each in self._all.values()]

    def recall(self, rows: list[list[Any]]) -> None:
        """Read them again; a row that makes no sense is a TypeError."""
        uploads = [self._upload(*row) for row in rows]
        for upload in uploads:
            upload.arrived = upload.path.exists()
        self._all = {upload.id: upload for upload in uploads}

    def _upload(self, upload_id: str, filename: str, size: int, content_type: str) -> Upload:
        return Upload(
            id=upload_id,
            filename=filename,
            size=size,
            content_type=content_type,
            path=self._folder / upload_id,
            signature=hmac.new(self._secret, upload_id.encode(), hashlib.sha256).hexdigest(),
        )

    def get(self, upload_id: str) -> Upload | None:
        """Return an upload, arrived or not."""
        return self._all.get(upload_id)

    def at(self, url: str, origin: str) -> Path | None:
        """Return the file behind a download address of ours, if it has arrived."""
        ours = f"{origin}/uploads/"
        if not url.startswith(ours):
            return None
        upload = self._all.get(url.removeprefix(ours).partition("/")[0])
        return upload.path if upload is not None and upload.arrived else None

    def clear(self) -> None:
        """Forget all uploads and remove their files."""
        for upload in self._all.values():
            upload.path.unlink(missing_ok=True)
        self._all.clear()
