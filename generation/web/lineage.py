"""Where a video comes from and what came of it: its source, its first try, its retakes and its retries."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from generation.models import Job, Status
from generation.templatetags.clapboard import Chip, chip_of
from generation.web.history import part_of
from generation.web.wording import headline

_MOST = 12  # of each kind
_SAME = "The same wish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """A job beside the one that is shown: what it is to it, and where the two differ."""

    job: Job
    what: str
    difference: str

    @property
    def title(self) -> str:
        """What it is called by."""
        return headline(self.job.prompt)

    @property
    def is_ready(self) -> bool:
        """Whether there is a still of it."""
        return self.job.status == Status.SUCCEEDED and self.job.deleted_at is None

    @property
    def is_gone(self) -> bool:
        """Whether its owner has deleted it."""
        return self.job.deleted_at is not None

    @property
    def chip(self) -> Chip:
        """Colour, icon and word of its status."""
        return chip_of(self.job)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The relatives of a job; `own` is where it differs from its parent."""

    own: str
    parents: list[Relative]
    children: list[Relative]


def lineage(job: Job) -> Lineage:
    """Return what a job is made from and what is made from it, the oldest first; two queries."""
    parents = []
    if job.source_job:
        parents.append(Relative(job=job.source_job, what="Source", difference=""))
    if job.retry_of:
        parents.append(Relative(job=job.retry_of, what="Tried before", difference=""))
    retakes: Iterable[Job] = job.retakes.kept().order_by("created_at")[:_MOST]
    retries: Iterable[Job] = job.retries.kept().order_by("created_at")[:_MOST]
    children = chain(
        (Relative(job=child, what="Retake", difference=_changed(child)) for child in retakes),
        (Relative(job=child, what="Tried again", difference=_SAME) for child in retries),
    )
    return Lineage(
        own=_changed(job) if job.source_job else _SAME if job.retry_of else "", parents=parents, children=list(children)
    )


def _changed(retake: Job) -> str:
    """Return what a retake replaces: Picture only, 2 to 4.5 s."""
    model = retake.video_model
    mode = retake.parameters.get("mode", "")
    what = model.parameter("mode").label_of(mode) if model.has("mode") else str(mode)
    return ", ".join(part for part in (what, part_of(retake)) if part)
