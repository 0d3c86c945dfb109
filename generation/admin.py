"""The operators' pages of jobs, the Gate and the engine; and their door, which is the sign-in of everybody."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from allauth.account.decorators import secure_admin_login
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.paginator import InfinitePaginator

from billing.desk import DialogForm, Kept, ModelForm, OnlyReadRows, ReadOnly, TextareaWidget, action, display, usd
from billing.models import LedgerEntry
from billing.services import Actor
from generation import services
from generation.catalog import UnknownModel
from generation.media import poster_response, video_response
from generation.models import Gate, Heartbeat, Job, JobEvent, Status

log = structlog.get_logger(__name__)

# Whoever is not signed in goes through the sign-in of everybody, second step and rate limits and all.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

for _model in (Schedule, Success, Failure, OrmQ):
    admin.site.unregister(_model)


def environment(request: HttpRequest) -> tuple[str, str]:
    """Say on every page whether a video costs money; UNFOLD["ENVIRONMENT"]."""
    return ("Sandbox", "warning") if settings.SANDBOX else ("Live", "danger")


# --- Jobs -------------------------------------------------------------------------------------------------------------

_COLOURS = {
    Status.QUEUED: "info",
    Status.SUBMITTING: "info",
    Status.RUNNING: "primary",
    Status.COLLECTING: "primary",
    Status.UNKNOWN: "warning",
    Status.SUCCEEDED: "success",
    Status.FAILED: "danger",
    Status.CANCELED: "default",
}


class EventsOfJob(OnlyReadRows):
    """Its history, the newest last."""

    model = JobEvent
    fields = ("when", "from_status", "to_status", "actor", "note")
    readonly_fields = ("when",)
    verbose_name_plural = "Timeline"

    @display(description="When")
    def when(self, event: JobEvent) -> str:
        """Return the time to the second."""
        return _to_the_second(event.at)


@admin.register(Job)
class JobsAdmin(ReadOnly):
    """Jobs. Only code changes them; what an operator may do is an action."""

    paginator = InfinitePaginator
    inlines = (EventsOfJob,)
    list_display = ("short_id", "status_chip", "user", "made_by", "asked_for", "length", "money", "created_at")
    list_display_links = ("short_id",)
    list_filter = ("status", "model", "error_code", "created_at", "late_at")
    list_select_related = ("user", "hold")
    search_fields = ("prediction_id__exact", "request_id__exact", "user__email", "api_key__prefix__exact")
    search_help_text = "A job's, prediction's or request's id, the first characters of a key, or part of an address."
    actions = ("cancel",)
    actions_detail = ("cancel_this",)
    fieldsets = (
        (None, {"fields": ("status_chip", "user", "model", "prompt", "parameters", "warnings", "files")}),
        ("Money", {"fields": ("quoted", "money", "price", "lines")}),
        ("Ids", {"fields": ("id", "prediction_id", "request_id", "api_key", "retry_of")}),
        ("What went wrong", {"fields": ("error_code", "error_message", "provider_error", "flags", "bad_files")}),
        (
            "Times",
            {
                "fields": (
                    *("created_at", "handed_at", "lease_until", "due_at", "attempts", "submit_started_at"),
                    *("submitted_at", "expected_seconds", "late_at", "collecting_at", "finished_at"),
                )
            },
        ),
        ("The file", {"fields": ("width", "height", "duration", "has_audio", "size_bytes", "sha256")}),
    )
    readonly_fields = ("status_chip", "files", "quoted", "money", "price", "lines", "id")

    @display(description="Id")
    def short_id(self, job: Job) -> str:
        """Return enough of the id to tell it."""
        return str(job.pk)[:8]

    @display(description="Status", ordering="status", label={str(status): name for status, name in _COLOURS.items()})
    def status_chip(self, job: Job) -> str:
        """Return the status."""
        return job.status

    @display(description="Model", ordering="model")
    def made_by(self, job: Job) -> str:
        """Return the model's title."""
        try:
            return job.video_model.title
        except UnknownModel:  # it was offered once
            return job.model

    @display(description="Prompt")
    def asked_for(self, job: Job) -> str:
        """Return its first words."""
        return job.prompt if len(job.prompt) <= 60 else f"{job.prompt[:59]}…"

    @display(description="Length")
    def length(self, job: Job) -> str:
        """Return the wished seconds."""
        return f"{job.wanted('duration')} s"

    @display(description="Money", ordering="hold__spend")
    def money(self, job: Job) -> str:
        """Return the amount, and where it is."""
        return f"{usd(job.hold.spend)} {job.hold.state}"

    @display(description="Quoted")
    def quoted(self, job: Job) -> str:
        """Return what was promised."""
        return usd(job.hold.spend)

    @display(description="Price")
    def price(self, job: Job) -> str:
        """Return the price row that it was made under."""
        return f"{usd(job.hold.price.micros_per_second)} a second since {job.hold.price.starts_at:%d %b %Y}"

    @display(description="Ledger")
    def lines(self, job: Job) -> SafeString:
        """Return its lines, the oldest first."""
        entries = LedgerEntry.objects.filter(hold=job.hold).order_by("pk")
        rows = ((_to_the_second(entry.at), entry.kind, usd(entry.spend), entry.actor) for entry in entries)
        return format_html_join("", "<div>{}: {} {} by {}</div>", rows)

    @display(description="Video")
    def files(self, job: Job) -> SafeString | str:
        """Link to what was made; each look is recorded."""
        if job.status != Status.SUCCEEDED:
            return "Not there yet." if not job.is_final else "There is none."
        links = ((reverse(f"admin:generation_job_{part}", args=[job.pk]), part) for part in ("video", "poster"))
        looks = format_html_join(" · ", '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', links)
        return format_html("{} (looking at other people's videos is recorded)", looks)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a job by a pasted id: of its own, of its prediction, of its request, which all may look alike."""
        pasted = search_term.strip()
        try:
            ids = Q(pk=UUID(pasted)) | Q(prediction_id=pasted) | Q(request_id=pasted)
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(ids), False

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer what would work."""
        waits = Job.objects.queued().filter(pk=_id(object_id)).exists()
        return super().get_actions_detail(request, object_id) if waits else []  # type: ignore[misc]  # unfold's

    def has_cancel_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may cancel."""
        may: bool = request.user.has_perm("generation.change_job")
        return may

    @admin.action(description="Cancel what was not sent yet", permissions=["cancel"])
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        """Cancel each that still waits, and say which do not."""
        refused = []
        canceled = 0
        for job in jobs.order_by("created_at"):
            try:
                self._cancel(request, job)
                canceled += 1
            except services.NotCancelable as error:
                refused.append(f"{job.pk}: {error}")
        if canceled:
            self.message_user(request, f"{canceled} canceled; their money is back.", messages.SUCCESS)
        for sentence in refused[:10]:
            self.message_user(request, sentence, messages.WARNING)
        if len(refused) > 10:
            self.message_user(request, f"{len(refused) - 10} more could not be canceled.", messages.WARNING)

    @action(
        description="Cancel",
        permissions=["cancel"],
        icon="cancel",
        dialog={
            "title": "Cancel this job?",
            "description": "Works while nothing was sent. What is held goes back to its owner. It cannot be undone.",
            "form_class": DialogForm,
            "form_submit_text": "Cancel the job",
        },
    )
    def cancel_this(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Cancel the job of this page."""
        job = get_object_or_404(Job, pk=_id(object_id))
        try:
            self._cancel(request, job)
            self.message_user(request, "Canceled; the money is back.", messages.SUCCESS)
        except services.NotCancelable as error:
            self.message_user(request, str(error), messages.WARNING)
        return _back(request, reverse("admin:generation_job_change", args=[job.pk]))

    def get_urls(self) -> list[URLPattern]:
        """Add the looks at a job's files."""
        look = self.admin_site.admin_view
        return [
            path("<uuid:job_id>/video/", look(self.look_at_video), name="generation_job_video"),
            path("<uuid:job_id>/poster/", look(self.look_at_poster), name="generation_job_poster"),
            *super().get_urls(),
        ]

    def look_at_video(self, request: HttpRequest, job_id: UUID) -> HttpResponseBase:
        """Play a user's video."""
        return video_response(request, self._looked_at(request, job_id, "video"))

    def look_at_poster(self, request: HttpRequest, job_id: UUID) -> HttpResponseBase:
        """Show a user's poster."""
        return poster_response(request, self._looked_at(request, job_id, "poster"))

    def _looked_at(self, request: HttpRequest, job_id: UUID, part: str) -> Job:
        job = get_object_or_404(Job, pk=job_id)
        if not self.has_view_permission(request, job):
            raise PermissionDenied
        # A player asks for one part after the other: the first is the look.
        if request.headers.get("Range", "bytes=0-").startswith("bytes=0-"):
            self.log_change(request, job, f"Looked at the {part}.")
        return job

    def _cancel(self, request: HttpRequest, job: Job) -> None:
        by = Actor(name=f"operator {request.user.pk}", request_id=getattr(request, "request_id", ""))
        services.cancel(job.pk, by=by)
        self.log_change(request, job, "Canceled.")


def _to_the_second(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%d %b %Y %H:%M:%S}"


def _id(object_id: str) -> UUID:
    try:
        return UUID(object_id)
    except ValueError:
        raise Http404 from None


def _back(request: HttpRequest, address: str) -> HttpResponse:
    """Go to a page, also out of a dialog: htmx would follow a redirect inside it."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


@admin.register(JobEvent)
class EventsAdmin(ReadOnly):
    """What happened, over all jobs."""

    paginator = InfinitePaginator
    list_display = ("at", "job_id", "from_status", "to_status", "actor", "note")
    list_filter = ("to_status", "at")
    search_fields = ("actor", "note")
    ordering = ("-pk",)
    raw_id_fields = ("job",)


# --- Provider ---------------------------------------------------------------------------------------------------------


class ReasonForm(DialogForm):
    """Asks why."""

    reason = forms.CharField(
        min_length=10, max_length=500, strip=True, widget=TextareaWidget, help_text="At least 10 characters."
    )


@admin.register(Gate)
class GateAdmin(Kept):
    """What the provider account allows. Closing and opening are actions, so that the reason is told."""

    list_display = ("__str__", "state", "predictions_at_a_time", "submissions_a_minute", "closed_at")
    fields = ("predictions_at_a_time", "submissions_a_minute", "state", "closed_at", "closed_reason")
    readonly_fields = ("state", "closed_at", "closed_reason")
    actions_detail = ("close", "reopen")

    @display(description="State", label={"Open": "success", "Closed": "danger"})
    def state(self, gate: Gate) -> str:
        """Say whether jobs go to the provider."""
        return "Closed" if gate.closed_at else "Open"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Gate]:
        """Make sure that there is one to look at."""
        services.the_gate()
        queryset: QuerySet[Gate] = super().get_queryset(request)
        return queryset

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: there is one."""
        return False

    def save_model(self, request: HttpRequest, obj: Gate, form: ModelForm, change: bool) -> None:  # noqa: FBT001 - Django's
        """Save the two numbers alone: somebody may close the Gate while this page is open."""
        obj.save(update_fields=["predictions_at_a_time", "submissions_a_minute"])

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer the one of the two that would work."""
        offered = "reopen" if services.the_gate().closed_at else "close"
        actions = super().get_actions_detail(request, object_id)  # type: ignore[misc]  # unfold's
        return [action for action in actions if action.action_name.endswith(offered)]

    def has_steer_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may close and open."""
        may: bool = request.user.has_perm("generation.change_gate")
        return may

    @action(
        description="Close with a reason",
        permissions=["steer"],
        icon="block",
        dialog={
            "title": "Close the Gate?",
            "description": "No job is sent until you reopen it. What waits keeps its place; what runs goes on.",
            "form_class": ReasonForm,
            "form_submit_text": "Close",
        },
    )
    def close(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Stop submitting, for everybody."""
        reason = form.cleaned_data["reason"]
        services.close_gate(reason, now=timezone.now())
        self.log_change(request, services.the_gate(), f"Closed: {reason}")
        self.message_user(request, f"Closed: {services.the_gate().closed_reason}", messages.WARNING)
        return _back(request, reverse("admin:generation_gate_change", args=[1]))

    @action(
        description="Reopen",
        permissions=["steer"],
        icon="play_arrow",
        dialog={
            "title": "Reopen the Gate?",
            "description": "Waiting jobs go to the provider again, as fast as the two numbers allow.",
            "form_class": DialogForm,
            "form_submit_text": "Reopen",
        },
    )
    def reopen(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Let jobs go again."""
        services.open_gate()
        self.log_change(request, services.the_gate(), "Reopened.")
        self.message_user(request, "Open.", messages.SUCCESS)
        return _back(request, reverse("admin:generation_gate_change", args=[1]))


# --- System -----------------------------------------------------------------------------------------------------------


@admin.register(Heartbeat)
class HeartbeatsAdmin(ReadOnly):
    """When each process last showed that it works."""

    list_display = ("name", "beat_at", "asked_at")


@admin.register(OrmQ)
class HintsWaitingAdmin(ReadOnly):
    """Hints that no worker has taken yet. Jobs do not hang on them: the watcher hands out again."""

    list_display = ("id", "key", "func", "name", "lock")
    list_filter = ("key",)
    fields = ("key", "func", "name", "args", "lock")
    readonly_fields = ("func", "name", "args")

    @display(description="Arguments")
    def args(self, hint: OrmQ) -> str:
        """Return the ids that it names."""
        return str(hint.args())


@admin.register(Success, Failure)
class HintsDoneAdmin(ReadOnly):
    """Hints that were run."""

    list_display = ("name", "func", "cluster", "started", "stopped", "success")
    list_filter = ("cluster", "func")
    search_fields = ("name", "func")
    ordering = ("-stopped",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Keep the two apart."""
        return super().get_queryset(request).filter(success=self.model is Success)


@admin.register(LogEntry)
class ChangesAdmin(ReadOnly):
    """Who changed what in here."""

    list_display = ("action_time", "user", "content_type", "object_repr", "get_change_message")
    list_filter = ("action_time", "content_type")
    list_select_related = ("user", "content_type")
    search_fields = ("object_repr", "object_id", "user__email")
