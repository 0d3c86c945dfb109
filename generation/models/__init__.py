"""Jobs, their history, and what the provider account allows. States change in generation.services only."""

from generation.models.account import Difference, Ear, Gate, Heartbeat, Switch, Turn, Watcher
from generation.models.chores import Chore, Errand
from generation.models.jobs import FINAL, LAW, Job, JobEvent, JobQuerySet, Status, Stuck, Upload
from generation.models.telling import Alert, JobNotice, MailChoice, Waiting

__all__ = [
    "FINAL",
    "LAW",
    "Alert",
    "Chore",
    "Difference",
    "Ear",
    "Errand",
    "Gate",
    "Heartbeat",
    "Job",
    "JobEvent",
    "JobNotice",
    "JobQuerySet",
    "MailChoice",
    "Status",
    "Stuck",
    "Switch",
    "Turn",
    "Upload",
    "Waiting",
    "Watcher",
]
