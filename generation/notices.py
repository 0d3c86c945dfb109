"""What users and operators are told by mail: rows that others wrote, sent here, once."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPSenderRefused
from time import monotonic
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.text import Truncator

from billing import services as billing
from billing.models import Hold, Notice, User
from billing.money import LIMITS, dollars
from generation.models import FINAL, Alert, Gate, Job, JobNotice
from generation.services import SUBMIT_CLUSTER, errands

log = structlog.get_logger(__name__)

_TAKEN_FOR = timedelta(minutes=10)  # then whoever took it is thought dead
_MOST_AT_ONCE = 20  # mails
_MOST_JOBS = 500  # whose notices are looked at to find these mails
_MOST_NAMED = 20  # jobs in one mail
_GIVEN_UP_AFTER = timedelta(days=1)
_LONGEST = 60.0  # seconds of sending at a time: a mail server may be slow
_CUT = 40  # characters of a prompt: a mail lies open on many screens


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail to be: the rows that ask for it, who gets it, and how it is written once the rows are taken.

    `is_so` is asked of each row that was taken, since what it tells may be over by now.
    """

    rows: Sequence[Any]
    to: list[str]
    write: Callable[[Sequence[Any]], tuple[str, str]]
    is_so: Callable[[Any], bool] = lambda _: True


class MailServerAway(Exception):
    """The mail server takes nothing now."""


def hand_notices(now: datetime) -> bool:
    """Tell one worker that mails wait, of those that wait for others anyway; False where none do.

    A mail server that is slow must not hold up the watcher, nor anybody's submission.
    """
    if not any(waiting.exists() for waiting in (_of_limits(now), _of_jobs(now), _of_operators(now))):
        return False
    errands.hand("send_notices")
    if Gate.objects.filter(closed_at__isnull=False).exists() and _of_operators(now).exists():
        # Collectors may be busy with downloads for long; whom the Gate leaves idle may wait for a mail server.
        errands.hand(errands.TELL_OPERATORS, cluster=SUBMIT_CLUSTER)
    return True


def send_notices(now: datetime) -> int:
    """Send the mails that wait, and return how many went. Several may do this at once: each row is taken by one.

    Raises MailServerAway at the first that shows it; the others wait for their turn untouched.
    """
    return _send_in_time(_letters(now), now)


def tell_operators(now: datetime) -> int:
    """Send the mails for operators alone, as `send_notices` does."""
    return _send_in_time(_to_operators(now), now)


def _send_in_time(waiting: Iterator[Letter], now: datetime) -> int:
    until = monotonic() + _LONGEST
    letters = list(waiting)[:_MOST_AT_ONCE]
    return sum(_send(letter, now) for letter in letters if monotonic() < until)


def _to_operators(now: datetime) -> Iterator[Letter]:
    if alerts := list(_of_operators(now)[:_MOST_AT_ONCE]):
        operators = list(User.objects.filter(is_staff=True, is_active=True).values_list("email", flat=True))
        yield from (Letter(rows=[one], to=operators, write=mail_of_alert) for one in alerts if operators)


def _letters(now: datetime) -> Iterator[Letter]:
    """Yield what waits; operators first, since theirs is rare and may concern everybody."""
    yield from _to_operators(now)
    for notice in _of_limits(now).select_related("period__subscription__user")[:_MOST_AT_ONCE]:
        address = notice.period.subscription.user.email
        yield Letter(rows=[notice], to=[address], write=mail_of_limit, is_so=billing.confirm)
    # Of one user and kind in one mail: fifty jobs that fail together are one piece of news.
    together: dict[tuple[str, str], list[JobNotice]] = defaultdict(list)
    for one in _of_jobs(now).select_related("job__user", "job__hold")[:_MOST_JOBS]:
        together[one.job.user.email, one.kind].append(one)
    for (address, _), rows in together.items():
        yield Letter(rows=rows, to=[address], write=mail_of_jobs)


def _waiting(now: datetime) -> Q:
    free = Q(taken_at__isnull=True) | Q(taken_at__lte=now - _TAKEN_FOR)
    return free & Q(sent_at__isnull=True, created_at__gt=now - _GIVEN_UP_AFTER)


def _of_limits(now: datetime) -> "QuerySet[Notice]":
    """Return what is still news: not what was nearly used up in a period that is over."""
    return Notice.objects.filter(_waiting(now), period__ends_at__gt=now, period__subscription__user__is_active=True)


def _of_jobs(now: datetime) -> "QuerySet[JobNotice]":
    """Return what is still news: nobody is told of a job that is deleted, nor that one is late which has ended."""
    over = Q(kind=JobNotice.Kind.LATE, job__status__in=FINAL)
    return JobNotice.objects.filter(
        _waiting(now), ~over, job__user__is_active=True, job__deleted_at__isnull=True
    ).order_by("pk")


def _of_operators(now: datetime) -> "QuerySet[Alert]":
    return Alert.objects.filter(_waiting(now)).order_by("pk")


def _send(letter: Letter, now: datetime) -> bool:
    """Take the rows, send the mail, and say so. Who is killed in between leaves it to be sent again.

    Raises MailServerAway where it is not this mail's fault.
    """
    taken = [row for row in letter.rows if _take(row, now) and letter.is_so(row)]
    if not taken:
        return False
    subject, text = letter.write(taken)
    try:
        send_mail(f"[Clapboard] {subject}", text, None, letter.to)
    except (SMTPRecipientsRefused, SMTPSenderRefused, SMTPDataError):
        log.exception("mail refused; it is tried again", rows=[str(row) for row in taken])
        return False
    except OSError as error:  # smtplib's other errors are OSErrors, too
        raise MailServerAway(f"{type(error).__name__}: {error}") from error
    type(taken[0]).objects.filter(pk__in=[row.pk for row in taken]).update(sent_at=now)
    return True


def _take(row: Any, now: datetime) -> bool:
    free = type(row).objects.filter(pk=row.pk, taken_at=row.taken_at, sent_at__isnull=True)
    return bool(free.update(taken_at=now))


def mail_of_limit(rows: Sequence[Notice]) -> tuple[str, str]:
    """Return subject and text: the fact first, and what happens next."""
    notice = rows[0]
    period = notice.period
    spent, held = (_shown(notice.limit, getattr(period, f"{notice.limit}_{column}")) for column in ("spent", "held"))
    limit = _shown(notice.limit, getattr(period, f"{notice.limit}_limit") or 0)
    percent = billing.PERCENT[Notice.Kind(notice.kind)]
    to_come = billing.limits_to_come(period)
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
            "goes_on": all(to_come[f"{each}_limit"] != 0 for each in LIMITS),
            "usage": f"{settings.PUBLIC_URL}/usage/" if settings.PUBLIC_URL else "",
        },
    )
    return f"{percent} % of {what} of this period", text


def mail_of_jobs(rows: Sequence[JobNotice]) -> tuple[str, str]:
    """Return subject and text about one job, or several of one kind."""
    kind = JobNotice.Kind(rows[0].kind)
    one, many = _SUBJECTS[kind]
    subject = one.format(_name(rows[0].job)) if len(rows) == 1 else many.format(len(rows))
    text = render_to_string(
        "mail/jobs.txt",
        {
            "kind": kind,
            "many": len(rows),
            "jobs": [_told(row.job) for row in rows[:_MOST_NAMED]],
            "more": max(len(rows) - _MOST_NAMED, 0),
            "minutes": round(settings.TIME_LIMIT / 60) or 1,
            "choice": _address(reverse("mails")),
        },
    )
    return subject, text


def mail_of_alert(rows: Sequence[Alert]) -> tuple[str, str]:
    """Return subject and text for operators."""
    alert = rows[0]
    path = reverse(alert.page) if alert.page.startswith("admin:") else alert.page  # as it was written before
    return alert.subject, "\n\n".join(part for part in (alert.text, _address(path)) if part) + "\n"


_SUBJECTS = {
    JobNotice.Kind.DONE: ("Ready: “{}”", "{} videos are ready"),
    JobNotice.Kind.FAILED: ("Not made, not charged: “{}”", "{} videos were not made, and not charged"),
    JobNotice.Kind.LATE: ("Later than usual: “{}”", "{} videos are later than usual"),
}


def _told(job: Job) -> dict[str, object]:
    """Return what the mail says of a job."""
    return {
        "name": _name(job),
        "model": job.video_model.title,
        "error": job.error_message,
        "cost": f"${dollars(job.hold.spend)}",
        "is_back": job.hold.state == Hold.State.RELEASED,
        "differs": bool(job.flags),
        "file": f"{job.duration or 0:.1f} s, {job.width}×{job.height}, {'sound' if job.has_audio else 'no sound'}",
        "address": _address(reverse("job", args=[job.pk])),
    }


def _name(job: Job) -> str:
    """Return the first words of its prompt in one line."""
    return Truncator(" ".join(job.prompt.split())).chars(_CUT)


def _address(path: str) -> str:
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else ""


def _shown(limit: str, value: int) -> str:
    return f"${dollars(value)}" if limit == "spend" else f"{value}"
