"""Jobs, their history, and what the provider account allows. States change in generation.services only."""

from generation.models.account import Difference, Ear, Gate, Heartbeat, Switch, Turn
from generation.models.jobs import FINAL, LAW, Job, JobEvent, JobQuerySet, Status, Stuck, Upload

__all__ = [
    "FINAL",
    "LAW",
    "Difference",
    "Ear",
    "Gate",
    "Heartbeat",
    "Job",
    "JobEvent",
    "JobQuerySet",
    "Status",
    "Stuck",
    "Switch",
    "Turn",
    "Upload",
]
