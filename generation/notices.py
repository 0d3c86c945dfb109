"""What users are told by mail: rows that others wrote, sent here, once."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django_q.tasks import async_task

from billing.models import Notice
from billing.money import dollars
from generation.services.dispatching import SUBMIT_CLUSTER

log = structlog.get_logger(__name__)

_TAKEN_FOR = timedelta(minutes=10)  # then whoever took it is thought dead
_MOST_AT_ONCE = 20
_GIVEN_UP_AFTER = timedelta(days=1)


def hand_notices(now: datetime) -> bool:
    """Tell a worker that mails wait: a mail server that is slow must not hold up the watcher."""
    if not _waiting(now).exists():
        return False
    async_task("generation.tasks.send_notices", cluster=SUBMIT_CLUSTER)
    return True


def send_notices(now: datetime) -> int:
    """Send the mails that wait, and return how many went. Several may do this at once: each is taken by one."""
    found = _waiting(now).select_related("period__subscription__user", "period__subscription__plan")
    return sum(_send(notice, now) for notice in found[:_MOST_AT_ONCE])


def _waiting(now: datetime) -> "QuerySet[Notice]":
    free = Q(taken_at__isnull=True) | Q(taken_at__lte=now - _TAKEN_FOR)
    return Notice.objects.filter(free, sent_at__isnull=True, created_at__gt=now - _GIVEN_UP_AFTER)


def _send(notice: Notice, now: datetime) -> bool:
    """Take a notice, send its mail, and say so. Who is killed in between leaves it to be sent again."""
    if not Notice.objects.filter(pk=notice.pk, taken_at=notice.taken_at, sent_at__isnull=True).update(taken_at=now):
        return False
    subject, text = mail_of(notice)
    try:
        send_mail(f"[Clapboard] {subject}", text, None, [notice.period.subscription.user.email])
    except OSError:  # smtplib's errors are OSErrors
        log.exception("notice not sent; it is tried again", notice=notice.pk)
        return False
    Notice.objects.filter(pk=notice.pk).update(sent_at=now)
    return True


def mail_of(notice: Notice) -> tuple[str, str]:
    """Return subject and text: the fact first, and what happens next."""
    period = notice.period
    spent, held = (_shown(notice.limit, getattr(period, f"{notice.limit}_{column}")) for column in ("spent", "held"))
    limit = _shown(notice.limit, getattr(period, f"{notice.limit}_limit") or 0)
    percent = 100 if notice.kind == Notice.Kind.LIMIT_100 else 80
    what = {"spend": "your money", "videos": "your videos", "seconds": "your seconds of video"}[notice.limit]
    text = render_to_string(
        "mail/limit.txt",
        {
            "percent": percent,
            "what": what,
            "plan": period.subscription.plan.name,
            "spent": spent,
            "held": held,
            "limit": limit,
            "ends_at": period.ends_at,
            "usage": f"{settings.PUBLIC_URL}/usage/" if settings.PUBLIC_URL else "",
        },
    )
    return f"{percent} % of {what} of this period", text


def _shown(limit: str, value: int) -> str:
    return f"${dollars(value)}" if limit == "spend" else f"{value}"
