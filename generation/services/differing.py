"""What we and the provider disagree about, written down once, for an operator to resolve."""

from datetime import datetime

from billing.services import Actor
from generation.models import Difference, Job
from generation.services.transitions import log


def differ(
    kind: Difference.Kind, *, ours: str, theirs: str, now: datetime, job: Job | None = None, prediction_id: str = ""
) -> bool:
    """Note a difference, in the caller's transaction; False when it was noted before."""
    about = {"job": job, "prediction_id": prediction_id or (job.prediction_id if job else "") or ""}
    known = Difference.objects.filter(kind=kind, **({"job": job} if job else about))
    if known.exists():
        return False
    _, is_new = Difference.objects.get_or_create(
        kind=kind,
        **({"job": job} if job else {"job": None, "prediction_id": about["prediction_id"]}),
        defaults={
            "prediction_id": about["prediction_id"],
            "ours": ours[:300],
            "theirs": theirs[:300],
            "noted_at": now,
        },
    )
    if is_new:
        log.warning("difference noted", kind=str(kind), job_id=str(job.pk) if job else None, ours=ours, theirs=theirs)
    return is_new


def resolve_difference(difference: Difference, *, note: str, by: Actor, now: datetime) -> bool:
    """Close a difference with a note; False when it was closed before."""
    fields = {"resolved_at": now, "resolved_by": by.name, "note": note}
    return bool(Difference.objects.filter(pk=difference.pk, resolved_at__isnull=True).update(**fields))
