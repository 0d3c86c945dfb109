"""One storm: jobs are ordered and processes are killed, and once it is over everything is counted."""

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import F, Sum

from billing.models import LedgerEntry
from billing.money import dollars
from generation import clock, services
from generation.models import FINAL, Gate, Heartbeat, Job, JobEvent, Status, Upload
from generation.providers.errors import ProviderError
from tests.chaos.clients import Clients, patiently
from tests.chaos.house import House, house
from tests.chaos.kills import STALLS, Kill, kills_of
from tests.chaos.sums import brought, complaints, history, posts_of
from tests.chaos.wishes import MEDIA_DOORS, Wish, wishes
from tests.make import ACTOR, make_plan, make_user
from tests.postgres import Server

_USERS = 4
_DOORS = ("rest", "rest", "form", "service", *MEDIA_DOORS)
_PAUSES = (0.2, 2.0)  # seconds between two kills
_CLAIMED_FOR = timedelta(seconds=6)  # longer than the house's POLL_LEASE: nobody is asking just now
_OVER = {*FINAL, Status.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How large a storm is: jobs, kills, stalled processes, and seconds in which it must be over."""

    seed: int
    jobs: int
    kills: int
    stalls: int
    patience: float
    manage: str = "manage.py"
    way: str = "polling"


@dataclass
class Storm:
    """A storm on a house, and what came of it."""

    weather: Weather
    house: House
    kills: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.weather.seed)
        self.wishes: list[Wish] = wishes(self.weather.jobs, dice=self.dice, doors=_DOORS)
        self.began = time.monotonic()
        plan = make_plan(jobs_at_a_time=100)
        self.users = [make_user(plan=plan) for _ in range(_USERS)]
        Gate.objects.create(pk=1, predictions_at_a_time=400, submissions_a_minute=100_000)

    def rage(self) -> None:
        """Order everything while kinds of processes are killed in a shuffled order."""
        self.house.start("web", "worker", "watch")
        self.clients = Clients(url=self.house.url, users=self.users)
        self._wait(lambda: Heartbeat.objects.filter(beat_at__isnull=False).count() == 3, "all beat")
        kinds = list(kills_of(self.house).items())
        self.dice.shuffle(kinds)
        stalls = [*STALLS.items()][: self.weather.stalls]
        waiting = list(self.wishes)
        for number, (name, kill) in zip(range(self.weather.kills, 0, -1), cycle(kinds), strict=False):
            share = -(-len(waiting) // number)
            for wish in waiting[:share]:
                self.clients.wishes.put(wish)
            waiting = waiting[share:]
            self._linger(self.dice.uniform(*_PAUSES))
            self._kill(name, kill)
            if stalls and number % 10 == 0:
                self._kill(*stalls.pop())

    def calm(self) -> None:
        """Let everything come to its end, and resolve what nobody knows as an operator would."""
        self._wait(self.clients.wishes.empty, "all wishes were told")
        self.clients.stop()
        self.complaints += self.clients.said
        self._let_leases_end()
        self._wait(lambda: not Job.objects.exclude(status__in=_OVER).exists(), "every job ended or is unknown")
        self.unknown = Job.objects.filter(status=Status.UNKNOWN).count()
        self._wait(self._looked, "the provider's list was looked at")
        self._wait(lambda: not Job.objects.exclude(status__in=_OVER).exists(), "what was found ended")
        made = {prediction["prompt"] for prediction in self.house.sandbox.stats()["predictions"]}
        for job in Job.objects.filter(status=Status.UNKNOWN):
            if job.prompt in made:
                self.complaints.append(f"it was not found at the provider:\n{history(job)}")
            services.never_created(job.pk, reason="It is not in the list.", by=ACTOR)
        for name in self.house.stop():
            self.complaints.append(f"{name} did not end in time, or left somebody behind")
        self._say("all processes ended")
        self._let_a_day_pass()
        services.remove_what_is_left()

    def count(self) -> dict[str, Any]:
        """Compare everything, and return the figures of this storm."""
        stats = self.house.sandbox.stats()
        heard = Job.objects.filter(heard_at__isnull=False).count()
        if bool(heard) != (self.weather.way == "webhooks"):
            self.complaints.append(f"{heard} jobs were called for, by way of {self.weather.way}")
        self.complaints += complaints(self.wishes, self.clients.outcomes, stats)
        ends = Counter(Job.objects.values_list("status", flat=True))
        found = JobEvent.objects.filter(from_status=Status.UNKNOWN)
        charged = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SETTLE).aggregate(sum=Sum("spend"))["sum"] or 0
        prompts = Counter(prediction["prompt"] for prediction in stats["predictions"])
        return {
            "database": connection.vendor,
            "seed": self.weather.seed,
            "way": self.weather.way,
            "wishes": len(self.wishes),
            "jobs": sum(ends.values()),
            "kills": dict(self.kills),
            "called for": heard,
            "succeeded": ends[Status.SUCCEEDED],
            "failed": ends[Status.FAILED],
            "attached": found.filter(to_status=Status.RUNNING).count(),
            "never created": Job.objects.filter(error_code="never_created").count(),
            "POSTs": posts_of(stats),
            "predictions": stats["submissions"],
            "with a file": Job.objects.exclude(upload=None).count(),
            "brought": brought(stats),
            "hung up": self.clients.hung_up,
            "charged": dollars(charged),
            "seconds": round(time.monotonic() - self.began),
            "doubled": sum(times - 1 for times in prompts.values()),
            "doubled by deaths": sum(times - 1 for prompt, times in prompts.items() if "[fault" not in prompt),
            "complaints": self.complaints,
        }

    def tell(self) -> str:
        """Say what is still under way."""
        return "\n".join(history(job) for job in Job.objects.exclude(status__in=FINAL))

    def _kill(self, name: str, kill: Kill) -> None:
        if kill(self.house, self.dice):
            self.kills[name] += 1
            self._say(f"killed: {name}")

    def _linger(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._tend()
            time.sleep(0.05)

    def _tend(self) -> None:
        """Do what operators do: reopen the Gate, and widen it before its time, which is not the point here."""
        patiently(lambda: Gate.objects.update(closed_at=None, closed_reason="", closed_for="", narrowed_until=None))

    def _hurry(self) -> None:
        """End pauses before another try, but for jobs that nobody knows of, and long ones between two questions."""
        now = clock.now()
        Job.objects.filter(status__in=[Status.QUEUED, Status.COLLECTING], due_at__gt=now).update(due_at=now)
        Job.objects.filter(due_at__gt=now + _CLAIMED_FOR).nudge(now)

    def _let_leases_end(self) -> None:
        """Let the time pass in which a POST may still be answered: whoever sent one is gone."""
        self.house.processes["worker"].kill()
        self.house.processes["worker"].wait()
        self._wait(lambda: not self.house.clusters(), "nobody sends")
        patiently(lambda: Job.objects.filter(status=Status.SUBMITTING).update(lease_until=clock.now()))
        self.house.start("worker")

    def _let_a_day_pass(self) -> None:
        """Let what killed processes have left of files that arrived be as old as what is removed."""
        day = timedelta(days=2)
        Upload.objects.filter(deleted_at=F("created_at")).update(
            created_at=F("created_at") - day, deleted_at=F("deleted_at") - day
        )
        for left in Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir():
            os.utime(left, (time.time() - day.total_seconds(),) * 2)

    def _looked(self) -> bool:
        try:
            services.look_for_unknown(clock.now(), all_of_them=True)
        except ProviderError:
            return False
        return True

    def _say(self, what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self.began:6.1f} s  {what}\n")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        while not patiently(condition):
            if time.monotonic() - self.began > self.weather.patience:
                raise TimeoutError(f"never came: {what}\n{self.tell()}")
            self._tend()
            patiently(self._hurry)
            time.sleep(0.1)
        self._say(what)


def run(weather: Weather, server: Server | None) -> dict[str, Any]:
    """Set up a database, let a storm rage in a house on it, and return its figures."""
    call_command("migrate", verbosity=0)
    with house(server, manage=weather.manage, way=weather.way) as rig:
        storm = Storm(weather, rig)
        try:
            storm.rage()
            storm.calm()
        except TimeoutError as error:
            storm.complaints.append(str(error))
        return storm.count()
