"""How the engine stands at this moment: a fixed number of statements, each over no more than what is under way."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, Count, DateTimeField, F, Min, Q, Sum, When
from django.db.models.functions import Coalesce
from django_q.models import OrmQ
from prometheus_client.core import GaugeMetricFamily

from billing.models import Hold
from generation import heart, services
from generation.metrics.families import BANDS, MICROS, age, age_band, gauge, single
from generation.models import FINAL, Chore, Difference, Ear, Gate, Heartbeat, Job, JobEvent, Status, Watcher

_MINUTE = timedelta(minutes=1)
_MOST_ODD = 20  # names, which are the provider's to choose
_UNANSWERED = 3  # questions in a row: one is a cut connection
_SINCE = Case(
    When(status=Status.QUEUED, then=F("created_at")),
    default=Coalesce("collecting_at", "submitted_at", "submit_started_at", "created_at"),
    output_field=DateTimeField(),
)


def standing(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Yield all that can be said of this moment."""
    yield from _jobs(now)
    yield from _gate(now)
    yield from _holds(now)
    yield from _hints(now)
    yield from _signs_of_life(now)
    yield from _webhooks(now)
    open_ones = Difference.objects.filter(resolved_at__isnull=True).order_by().values_list("kind")
    counts = dict(open_ones.annotate(number=Count("pk")))
    rows = [((kind,), counts.get(kind, 0)) for kind in Difference.Kind.values]
    yield gauge("differences_open", "Disagreements with the provider that wait for an operator.", ["kind"], rows)


def _jobs(now: datetime) -> Iterator[GaugeMetricFamily]:
    under_way = Job.objects.under_way().order_by().annotate(since=_SINCE).annotate(band=age_band(now, "since"))
    running = Q(status=Status.RUNNING)
    found = list(
        under_way.values("status", "band").annotate(
            number=Count("pk"),
            oldest=Min("since"),
            late=Count("pk", filter=Q(late_at__isnull=False)),
            due=Min("due_at", filter=running),
            unanswered=Count("pk", filter=running & Q(attempts__gte=_UNANSWERED)),
        )
    )
    counts = {(row["status"], row["band"]): row["number"] for row in found}
    statuses = [status for status in Status.values if status not in FINAL]
    rows = [((status, band), counts.get((status, band), 0)) for status in statuses for band in BANDS]
    yield gauge("jobs", "Jobs under way by status and time in it, up to `age`.", ["status", "age"], rows)
    oldest = {s: min((row["oldest"] for row in found if row["status"] == s), default=None) for s in statuses}
    ages = [((status,), age(now, oldest[status])) for status in statuses]
    yield gauge("job_oldest_seconds", "Time in its status of the job that is longest in it; 0: none.", ["status"], ages)
    yield single("jobs_late", "Jobs under way beyond the time limit.", sum(row["late"] for row in found))
    due = min((row["due"] for row in found if row["due"]), default=None)
    text = "How long the running job waits that is due the longest; 0: none is due."
    yield single("look_overdue_seconds", text, age(now, due))
    text = f"Running jobs whose last {_UNANSWERED} questions, or more, got no answer."
    yield single("jobs_unanswered", text, sum(row["unanswered"] for row in found))
    odd = under_way.filter(status=Status.RUNNING).exclude(odd_status="").values_list("odd_status")
    named = [((name,), number) for name, number in odd.annotate(number=Count("pk")).order_by("-number")[:_MOST_ODD]]
    yield gauge("unknown_statuses", "Running jobs whose prediction has a status nobody knows.", ["status"], named)


def _gate(now: datetime) -> Iterator[GaugeMetricFamily]:
    gate = Gate.objects.filter(pk=1).first()
    yield single("in_flight", "Jobs that take a place at the provider.", Job.objects.in_flight(now).count())
    sent = JobEvent.objects.fences(now - _MINUTE).count()
    yield single("submissions_last_minute", "Submissions begun in the last minute.", sent)
    asked_at = gate.balance_at if gate else None
    asked = age(now, asked_at) if asked_at else float("inf")
    yield single("balance_age_seconds", "Since the balance was asked for; +Inf: never.", asked)
    if gate is None:
        return
    narrowed = gate.narrowed_to is not None and gate.narrowed_until is not None and gate.narrowed_until > now
    places = min(gate.predictions_at_a_time, gate.narrowed_to or 0) if narrowed else gate.predictions_at_a_time
    yield single("gate_places", "Predictions at a time that the Gate allows now.", places)
    yield single("gate_submissions_a_minute", "Submissions a minute that the Gate allows.", gate.submissions_a_minute)
    yield single("gate_narrowed", "1 while the Gate is narrowed because the provider was at a limit.", narrowed)
    closed = [((cause,), float(bool(gate.closed_at) and gate.closed_for == cause)) for cause in Gate.Cause.values]
    yield gauge("gate_closed", "1 while the Gate is closed, by cause.", ["cause"], closed)
    if gate.balance is not None:
        yield single("balance_dollars", "What the provider's account has.", gate.balance / MICROS)


def _holds(now: datetime) -> Iterator[GaugeMetricFamily]:
    held = Hold.objects.filter(state=Hold.State.HELD).order_by().annotate(band=age_band(now, "created_at"))
    found = {band: row for band, *row in held.values_list("band").annotate(number=Count("pk"), spend=Sum("spend"))}
    counts = [((band,), found.get(band, (0, 0))[0]) for band in BANDS]
    yield gauge("holds_open", "Open holds by age, up to `age`.", ["age"], counts)
    sums = [((band,), found.get(band, (0, 0))[1] / MICROS) for band in BANDS]
    yield gauge("holds_open_dollars", "Dollars in open holds by age, up to `age`.", ["age"], sums)


def _hints(now: datetime) -> Iterator[GaugeMetricFamily]:
    waiting = Q(lock__lte=now)  # until then somebody runs it
    counted = OrmQ.objects.order_by().values_list("key")
    found = counted.annotate(
        waiting=Count("pk", filter=waiting), taken=Count("pk", filter=~waiting), oldest=Min("lock", filter=waiting)
    )
    hints = {key: row for key, *row in found}
    names = sorted({*heart.CLUSTERS, *hints})
    waits = [((name,), hints[name][0] if name in hints else 0) for name in names]
    yield gauge("hints_waiting", "Hints that no worker has taken.", ["cluster"], waits)
    taken = [((name,), hints[name][1] if name in hints else 0) for name in names]
    yield gauge("hints_taken", "Hints that a worker has taken.", ["cluster"], taken)
    oldest = [((name,), age(now, hints[name][2]) if name in hints else 0.0) for name in names]
    yield gauge("hint_oldest_seconds", "How long the oldest waiting hint waits; 0: none.", ["cluster"], oldest)


def _signs_of_life(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Tell of a process that has never beaten as of one that is silent for ever."""
    beats = dict(Heartbeat.objects.values_list("name", "beat_at"))
    rows = []
    for name in sorted({*heart.BEATS, *beats}):
        beat_at = beats.get(name)
        rows.append(((name,), age(now, beat_at) if beat_at else float("inf")))
    yield gauge("heartbeat_age_seconds", "Since its last sign of life; +Inf: never.", ["name"], rows)
    silent = heart.silent(now)
    quiet = [((name,), float(name in silent)) for name in heart.BEATS]
    yield gauge("silent", "1 while it gives no sign of life, as /readyz sees it.", ["name"], quiet)
    watchers = Watcher.objects.filter(beat_at__gt=now - heart.SILENT_AFTER).count()
    yield single("watchers", "How many watchers run.", watchers)
    chores = list(Chore.objects.all())
    ages = [((chore.name,), age(now, chore.ended_at) if chore.ended_at else float("inf")) for chore in chores]
    yield gauge("chore_age_seconds", "Since a daily chore last ended; +Inf: never.", ["name"], ages)
    failed = [((chore.name,), float(chore.result == Chore.Result.FAILED)) for chore in chores]
    yield gauge("chore_failed", "1 where a daily chore could not be done the last time.", ["name"], failed)
    found = [((chore.name,), float(bool(chore.found))) for chore in chores]
    yield gauge("chore_found", "1 until all is looked at again and nothing found.", ["name"], found)


def _webhooks(now: datetime) -> Iterator[GaugeMetricFamily]:
    ear = Ear.objects.filter(pk=1).first()
    heard_at = ear.heard_at if ear else None
    heard = age(now, heard_at) if heard_at else float("inf")
    yield single("webhook_age_seconds", "Since a webhook was last believed; +Inf: never.", heard)
    yield single("webhooks_wanted", "1 where the provider is asked to call us.", bool(settings.PUBLIC_URL))
    text = "1 while webhooks arrive, so that polling is a safety net."
    yield single("webhooks_arrive", text, services.hooks_arrive(now))
