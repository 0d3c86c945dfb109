"""What a job is made from is brought to the provider before the fence: nothing is paid, and it may be repeated."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db.models.fields.files import FieldFile

from generation import storage
from generation.models import Job, Status
from generation.providers.errors import Unavailable
from generation.providers.wavespeed import WaveSpeed
from generation.services import leases
from generation.services.transitions import log

NO_SOURCE = "Our storage has not got its source"
"""How the line begins that each look for a lost source writes into the job's history, which so counts them."""


class SourceLost(Unavailable):
    """Our storage has not got what the job is made from, or holds another file than was uploaded."""


def bring(job: Job, provider: WaveSpeed) -> dict[str, str]:
    """Upload what the job is made from, which may be repeated, and return its parameter with the address.

    WaveSpeed gets a copy, never an address of our storage.
    """
    parameter, source = job.video_model.media, job.source
    if parameter is None or source is None:
        return {}
    stored = source.video if isinstance(source, Job) else source.file
    content_type = "video/mp4" if isinstance(source, Job) else source.content_type
    # The name tells nothing of the user: it stands in an address.
    filename = f"{parameter.name}{Path(str(stored.name)).suffix}"
    size, most = source.size_bytes or 0, settings.UPLOAD_TIME_LIMIT
    ours = Job.objects.filter(pk=job.pk, status=Status.QUEUED, taken_at=job.taken_at)
    with leases.renewed(ours, at_most=most + provider.submit_bound), _opened(stored) as file:
        try:
            address = provider.upload(file, filename=filename, size=size, content_type=content_type, time_limit=most)
        except ValueError as error:
            raise SourceLost(f"{NO_SOURCE}: it is another file than was uploaded: {error}") from error
    log.info("media brought to the provider", job_id=str(job.pk), bytes=size)
    return {parameter.name: address}


@contextmanager
def _opened(stored: FieldFile) -> Iterator[IO[bytes]]:
    """Open a stored file; what our storage can't give just now counts as not to be had just now."""
    away: tuple[type[Exception], ...] = (*storage.failures(), ValueError)
    with ExitStack() as open_files:
        try:
            file = open_files.enter_context(stored.storage.open(str(stored.name), "rb"))
            content = file.file  # a bucket's is fetched now
        except FileNotFoundError as error:
            raise SourceLost(f"{NO_SOURCE}.") from error
        except away as error:
            raise Unavailable(f"Our storage did not give the source: {type(error).__name__}") from error
        yield content  # type: ignore[misc]  # Django's stubs say str or bytes
