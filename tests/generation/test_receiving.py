"""Files come in where a view takes them, bounded from the first byte on, and nowhere else."""

import io
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import RequestFactory

from generation.receiving import takes_files

LIMIT = 100_000


@pytest.fixture(autouse=True)
def _small(settings):
    settings.UPLOAD_VIDEO_BYTES = LIMIT


def part(name, data):
    return b'--x\r\nContent-Disposition: form-data; name="%b"; filename="%b.bin"\r\n\r\n%b\r\n' % (name, name, data)


class Counted(io.BytesIO):
    """A body that tells how much of it was read."""

    def rest(self):
        """Return how many bytes were not read."""
        return len(self.getbuffer()) - self.tell()


def request_of(*parts):
    body = Counted(b"".join(parts) + b"--x--\r\n")
    length = len(body.getbuffer())
    environ = {"wsgi.input": body, "CONTENT_LENGTH": str(length), "CONTENT_TYPE": "multipart/form-data; boundary=x"}
    return RequestFactory().post("/", **environ), body


def incoming():
    return list(Path(django_settings.FILE_UPLOAD_TEMP_DIR).iterdir())


def test_nobody_asked_and_nothing_is_kept():
    request, body = request_of(part(b"file", b"data"))
    assert not request.FILES
    assert not incoming()
    assert not body.rest()


def test_what_is_asked_for_is_on_disk():
    request, _ = request_of(part(b"file", b"data"))
    receiving = takes_files(request)
    file = request.FILES["file"]
    assert Path(file.temporary_file_path()).read_bytes() == b"data"
    assert Path(file.temporary_file_path()).parent == Path(django_settings.FILE_UPLOAD_TEMP_DIR)
    assert not receiving.stopped
    request.close()
    assert not incoming()


def test_what_is_as_large_as_allowed_is_taken():
    request, _ = request_of(part(b"file", bytes(LIMIT)))
    receiving = takes_files(request)
    assert request.FILES["file"].size == LIMIT
    assert not receiving.stopped
    request.close()


def test_one_byte_more_is_not_kept_and_read_to_its_end():
    # Whoever sends without listening hears the answer only when all is read.
    request, body = request_of(part(b"file", bytes(LIMIT + 1)))
    receiving = takes_files(request)
    assert not request.FILES
    assert (receiving.stopped, receiving.field_name) == (True, "file")
    assert not incoming()
    assert not body.rest()


def test_many_files_share_one_limit():
    request, _ = request_of(*(part(b"file", bytes(LIMIT // 2)) for _ in range(3)))
    receiving = takes_files(request)
    assert len(request.FILES.getlist("file")) == 2
    assert receiving.stopped
    request.close()
    assert not incoming()


def test_far_too_much_is_not_read():
    request, body = request_of(part(b"file", bytes(3 * LIMIT)))
    receiving = takes_files(request)
    assert not request.FILES
    assert receiving.stopped
    assert body.rest() > LIMIT
    assert not incoming()


def test_whoever_hangs_up_leaves_nothing():
    request, body = request_of(part(b"file", bytes(LIMIT)))
    body.truncate(LIMIT // 2)
    receiving = takes_files(request)
    assert not request.FILES
    assert (receiving.stopped, receiving.interrupted) == (False, True)
    request.close()
    assert not incoming()
