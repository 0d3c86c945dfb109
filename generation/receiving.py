"""How files come in: not at all, but where a view takes them, and then bounded from the first byte on."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest


class NoFiles(FileUploadHandler):
    """Reads files past: what a view does not ask for is kept nowhere."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Refuse the file."""
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass on what is never sent here."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Say that there is no file."""


class Bounded(TemporaryFileUploadHandler):
    """Writes files to disk, and stops where they have more bytes than any file that is taken.

    `stopped` tells of that, `interrupted` of a file whose end never came: what arrived is then not the whole form.
    """

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.stopped = False
        self.interrupted = False
        self._bytes = 0  # of all files: many small ones fill a disk as well
        self._hangs_up = False

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        """Look at the declared length: what is a little too long is read to its end, so that its sender hears why."""
        length = kwargs.get("content_length", args[2] if len(args) > 2 else 0)
        self._hangs_up = length > 2 * settings.UPLOAD_VIDEO_BYTES

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write a piece, unless it is one too many."""
        self._bytes += len(raw_data)
        if self._hangs_up or self._bytes > settings.UPLOAD_VIDEO_BYTES:
            self.stopped = True
            raise StopUpload(connection_reset=self._hangs_up)
        super().receive_data_chunk(raw_data, start)

    def upload_interrupted(self) -> None:
        """Drop a file that ends in the middle."""
        self.interrupted = True
        super().upload_interrupted()


def takes_files(request: HttpRequest) -> Bounded:
    """Let this request bring files. Must be called before anything has read its body: see csrf in the views."""
    handler = Bounded(request)
    request.upload_handlers = [handler]
    return handler
