"""Mails that wait to be sent, once: to a job's owner as they choose, and to operators.

What billing has to tell is billing's own Notice. A job's has a row here, since billing does not know jobs: with a
foreign key the database itself keeps it to one of a kind.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from generation.models.jobs import Job


def waiting_index(name: str) -> models.Index:
    """Return the index by which the watcher finds what is to be sent."""
    return models.Index(fields=["created_at"], condition=Q(sent_at__isnull=True), name=name)


class Waiting(models.Model):
    """A mail: written in the transaction of what it tells, taken by one sender, sent."""

    created_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True, blank=True, help_text="When somebody began to send it.")
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class JobNotice(Waiting):
    """Something to tell a job's owner."""

    class Kind(models.TextChoices):
        DONE = "done"  # its video is stored and charged
        FAILED = "failed"  # it ended without a video and without a charge
        LATE = "late"  # the time limit has passed; it still ends by itself

    job = models.ForeignKey(Job, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=10, choices=Kind)

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["job", "kind"], name="job_notice_is_given_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [waiting_index("job_notice_to_send")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.job_id}"


class MailChoice(models.Model):
    """Of what a user wants to be told by mail. No row: the defaults.

    Failed and late are surprises that somebody who has gone away would miss. Done is what was expected, and who makes
    thirty videos would get thirty mails: it is there for those who ask.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="+")
    done = models.BooleanField(default=False)
    failed = models.BooleanField(default=True)
    late = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"Mails of {self.user_id}"

    def wants(self, kind: JobNotice.Kind) -> bool:
        """Say whether this is told."""
        wanted: bool = getattr(self, str(kind))
        return wanted


class Alert(Waiting):
    """Something to tell operators: those of the staff whose account is open."""

    class Kind(models.TextChoices):
        GATE = "gate"  # it closed itself
        DIFFERENCES = "differences"  # between what we and the provider say
        LEDGER = "ledger"  # a number that it does not bear out
        CHORE = "chore"  # another daily one that found something, or could not be done
        ENGINE = "engine"  # something that the watcher could not do

    kind = models.CharField(max_length=20, choices=Kind)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    page = models.CharField(max_length=200, help_text="Where it is looked at: a page of the admin.")

    class Meta:
        ordering = ("-pk",)
        indexes: ClassVar[list[models.Index]] = [waiting_index("alert_to_send")]

    def __str__(self) -> str:
        return self.subject
