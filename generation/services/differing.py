"""What we and the provider disagree about, written down once, for an operator to resolve."""

from datetime import datetime
from typing import Any

from billing.services import Actor
from generation.models import Difference, Job
from generation.services.transitions import log


def differ(
    kind: Difference.Kind, *, ours: str, theirs: str, now: datetime, job: Job | None = None, prediction_id: str = ""
) -> Difference | None:
    """Note a difference, in the caller's transaction, and return it; None when it was noted before."""
    prediction_id = prediction_id or (job.prediction_id if job else "") or ""
    about: dict[str, Any] = {"job": job} if job else {"job": None, "prediction_id": prediction_id}
    told = {"prediction_id": prediction_id, "ours": ours[:300], "theirs": theirs[:300], "noted_at": now}
    difference, is_new = Difference.objects.get_or_create(kind=kind, **about, defaults=told)
    if not is_new:
        return None
    ids = {"job_id": str(job.pk) if job else None, "prediction_id": prediction_id}
    log.warning("difference noted", kind=str(kind), ours=ours, **ids)  # the provider's words may quote a prompt
    return difference


def resolve_difference(difference: Difference, *, note: str, by: Actor, now: datetime) -> bool:
    """Close a difference with a note; False when it was closed before."""
    fields = {"resolved_at": now, "resolved_by": by.name, "note": note}
    return bool(Difference.objects.filter(pk=difference.pk, resolved_at__isnull=True).update(**fields))
