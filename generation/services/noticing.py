"""Who is told what: rows of the transaction of what they tell. generation.notices sends them."""

from collections.abc import Sequence
from datetime import datetime

from billing.models import User
from generation.models import Alert, Job, JobNotice, MailChoice


def give_notice(job: Job, kind: JobNotice.Kind, now: datetime) -> None:
    """Let its owner be told by mail, where they wish it; once, in the caller's transaction."""
    give_notices([job], kind, now)


def give_notices(jobs: Sequence[Job], kind: JobNotice.Kind, now: datetime) -> None:
    """Let the owners of many jobs be told, each as they wish."""
    chosen = MailChoice.objects.in_bulk({job.user_id for job in jobs})
    wanted = [job for job in jobs if (chosen.get(job.user_id) or MailChoice()).wants(kind)]
    notices = [JobNotice(job=job, kind=kind, created_at=now) for job in wanted]
    JobNotice.objects.bulk_create(notices, ignore_conflicts=True)


def mail_choice(user_id: int) -> MailChoice:
    """Return what a user has chosen, or the defaults."""
    return MailChoice.objects.filter(user=user_id).first() or MailChoice(user_id=user_id)


def choose_mails(user: User, *, done: bool, failed: bool, late: bool) -> None:
    """Write down of what a user wants to be told."""
    wanted = {"done": done, "failed": failed, "late": late}
    MailChoice.objects.update_or_create(user=user, defaults=wanted)


def alert(kind: Alert.Kind, *, subject: str, text: str, page: str, now: datetime) -> None:
    """Let operators be told by mail, in the caller's transaction. `page`: the name of an admin page.

    Its path is found when the mail is sent: that loads all pages, for which the watcher has no use.
    """
    Alert.objects.create(kind=kind, subject=subject[:200], text=text, page=f"admin:{page}", created_at=now)
