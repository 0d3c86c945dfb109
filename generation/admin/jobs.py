"""Jobs: only code changes them; what an operator may do is an action."""

from typing import Any
from uuid import UUID, uuid5

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.paginator import InfinitePaginator

from billing import services as billing
from billing.admin.tables import filled
from billing.desk import DialogForm, OnlyReadRows, ReadOnly, action, display, usd, who
from billing.models import Hold, LedgerEntry
from generation import services
from generation.admin.margins import margins
from generation.admin.pages import back, id_of, operator, to_the_second
from generation.admin.refunding import RefundForm, refunded_to
from generation.media import poster_response, video_response
from generation.models import Job, JobEvent, Status
from generation.services.earning import margin_of
from generation.spec import InvalidSpec

_NOT_MADE = (
    services.NotRetryable,
    services.ModelClosed,
    services.ReviewNeeded,
    InvalidSpec,
    billing.ModelNotInPlan,
    billing.NoPrice,
    billing.PastDue,
    billing.AddressNotVerified,
)
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
        return to_the_second(event.at)


@admin.register(Job)
class JobsAdmin(ReadOnly):
    """Jobs. Only code changes them; what an operator may do is an action."""

    paginator = InfinitePaginator
    inlines = (EventsOfJob,)
    list_display = (
        "short_id",
        "status_chip",
        "user",
        "made_by",
        "asked_for",
        "money",
        "margin",
        "made",
    )
    list_display_links = ("short_id",)
    list_filter = ("status", "model", "error_code", "created_at", "late_at")
    list_select_related = ("user", "hold")
    search_fields = ("prediction_id__exact", "request_id__exact", "user__email", "api_key__prefix__exact")
    search_help_text = "A job's, prediction's or request's id, the first characters of a key, or part of an address."
    actions = ("cancel",)
    actions_detail = ("cancel_this", "retry_this", "refund_this")
    fieldsets = (
        (None, {"fields": ("status_chip", "user", "model", "prompt", "parameters", "warnings", "files")}),
        ("Money", {"fields": ("quoted", "money", "refunded", "margin", "billed_at", "price", "lines")}),
        ("Ids", {"fields": ("id", "prediction_id", "request_id", "api_key", "retry_of", "source_job", "upload")}),
        ("What went wrong", {"fields": ("error_code", "error_message", "provider_error", "flags", "bad_files")}),
        (
            "Times",
            {
                "fields": (
                    *("created_at", "handed_at", "taken_at", "lease_until", "due_at", "attempts", "submit_started_at"),
                    *(
                        "submitted_at",
                        "expected_seconds",
                        "late_at",
                        "not_found_since",
                        "collecting_at",
                        "finished_at",
                        "deleted_at",
                    ),
                )
            },
        ),
        ("The file", {"fields": ("width", "height", "duration", "has_audio", "size_bytes", "checksum")}),
    )
    readonly_fields = (
        *("status_chip", "files", "quoted", "money", "refunded", "margin", "price", "lines", "id", "checksum"),
    )

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
        """Return the model's title and the wished seconds, in one column: more would not fit beside the sidebar."""
        return f"{job.video_model.title}, {job.hold.seconds}\N{NO-BREAK SPACE}s"

    @display(description="Prompt")
    def asked_for(self, job: Job) -> str:
        """Return its first words."""
        return job.prompt if len(job.prompt) <= 60 else f"{job.prompt[:59]}…"

    @display(description="Money", ordering="hold__spend")
    def money(self, job: Job) -> str:
        """Return the amount, and where it is."""
        return f"{usd(job.hold.spend)} {'refunded' if job.hold.refunded_at else job.hold.state}"

    @display(description="Billed, margin", ordering="billed")
    def margin(self, job: Job) -> str:
        """Return what WaveSpeed took for it, and what is left of the charge."""
        left = margin_of(job)
        if left is None:
            return "no bill yet" if job.hold.state == Hold.State.SETTLED else "–"
        return f"{usd(job.billed)}, {'' if left < 0 else '+'}{usd(left)}"

    @display(description="Created", ordering="created_at")
    def made(self, job: Job) -> str:
        """Return when it was ordered, short enough for a list as wide as this."""
        return f"{timezone.localtime(job.created_at):%d %b %H:%M}"

    @display(description="SHA-256")
    def checksum(self, job: Job) -> SafeString:
        """Return it so that a narrow page can break it."""
        return format_html_join(mark_safe("<wbr>"), "{}", ([job.sha256[at : at + 8]] for at in range(0, 64, 8)))

    @display(description="Quoted")
    def quoted(self, job: Job) -> str:
        """Return what was promised."""
        return usd(job.hold.spend)

    @display(description="Refunded")
    def refunded(self, job: Job) -> str:
        """Return when it was, by whom and why."""
        if job.hold.refunded_at is None:
            return "No"
        line = LedgerEntry.objects.get(hold=job.hold, kind=LedgerEntry.Kind.REFUND)
        return f"{to_the_second(line.at)} by {who(line.actor)}: {line.reason}"

    @display(description="Price")
    def price(self, job: Job) -> str:
        """Return the price row that it was made under."""
        return f"{usd(job.hold.price.micros_per_second)} a second since {job.hold.price.starts_at:%d %b %Y}"

    @display(description="Ledger")
    def lines(self, job: Job) -> SafeString:
        """Return its lines, the oldest first."""
        entries = LedgerEntry.objects.filter(hold=job.hold).order_by("pk")
        rows = [(to_the_second(entry.at), entry.kind, usd(entry.spend), entry.actor) for entry in entries]
        return format_html_join("", "<div>{}: {} {} by {}</div>", rows)

    @display(description="Video")
    def files(self, job: Job) -> SafeString | str:
        """Link to what was made; each look is recorded."""
        if job.deleted_at:
            return f"Deleted by its owner on {to_the_second(job.deleted_at)}."
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
        job = Job.objects.select_related("hold").filter(pk=id_of(object_id)).first()
        if job is None:
            return []
        steps = {Status.QUEUED: "cancel_this", Status.FAILED: "retry_this", Status.CANCELED: "retry_this"}
        offered = {steps.get(Status(job.status))}
        if job.hold.state == Hold.State.SETTLED and job.hold.refunded_at is None:
            offered.add("refund_this")
        actions = super().get_actions_detail(request, object_id)  # type: ignore[misc]  # unfold's
        return [action for action in actions if action.action_name.removeprefix("generation_job_") in offered]

    def has_cancel_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may cancel."""
        may: bool = request.user.has_perm("generation.change_job")
        return may

    def has_refund_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may move money."""
        may: bool = request.user.has_perm("billing.change_hold")
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
            self.message_user(
                request, f"{canceled} canceled; nothing is set aside for them any more.", messages.SUCCESS
            )
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
        job = get_object_or_404(Job, pk=id_of(object_id))
        try:
            self._cancel(request, job)
            self.message_user(request, "Canceled; nothing is set aside for it any more.", messages.SUCCESS)
        except services.NotCancelable as error:
            self.message_user(request, str(error), messages.WARNING)
        return back(request, reverse("admin:generation_job_change", args=[job.pk]))

    @action(
        description="Retry as new",
        permissions=["cancel"],
        icon="replay",
        dialog={
            "title": "Make it again for its owner?",
            "description": "A new job with the same wish at the price of now, set aside from its owner's plan.",
            "form_class": DialogForm,
            "form_submit_text": "Make it again",
        },
    )
    def retry_this(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Make a new job of the wish of this page's."""
        job = get_object_or_404(Job, pk=id_of(object_id))
        try:
            made = services.retry(job.pk, by=operator(request), terms=services.Terms(token=_next_retry(job)))
        except billing.InsufficientQuota as error:
            amount = usd(error.required) if error.violated not in {"videos", "seconds"} else str(error.required)
            self.message_user(
                request, f"Its owner has too little left of {error.violated} for {amount}.", messages.WARNING
            )
            return back(request, reverse("admin:generation_job_change", args=[job.pk]))
        except _NOT_MADE as error:
            self.message_user(request, str(error), messages.WARNING)
            return back(request, reverse("admin:generation_job_change", args=[job.pk]))
        self.log_change(request, job, f"Retried as {made.pk}.")
        self.message_user(request, f"Made again, {usd(made.hold.spend)} set aside.", messages.SUCCESS)
        return back(request, reverse("admin:generation_job_change", args=[made.pk]))

    @action(
        description="Refund",
        permissions=["refund"],
        icon="undo",
        dialog={
            "title": "Refund this video?",
            "description": "Its owner gets back what was charged and keeps the video. It cannot be undone.",
            "form_class": RefundForm,
            "form_submit_text": "Refund",
        },
    )
    def refund_this(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Give back what the job of this page cost."""
        job = get_object_or_404(Job.objects.select_related("user", "hold__period"), pk=id_of(object_id))
        reason, now = form.cleaned_data["reason"], timezone.now()
        before = billing.current_period(job.user, now)
        try:
            with transaction.atomic():  # the refund and its line of history
                if billing.refund(job.hold, reason=reason, now=now, by=operator(request)):
                    said = refunded_to(job.hold, now, fills=filled(before, billing.current_period(job.user, now)))
                    self.log_change(request, job, f"{said} Reason: {reason}")
                    self.message_user(request, said, messages.SUCCESS)
                else:
                    self.message_user(request, f"It was refunded before: {self.refunded(job)}", messages.WARNING)
        except billing.NotRefundable as error:
            self.message_user(request, str(error), messages.WARNING)
        return back(request, reverse("admin:generation_job_change", args=[job.pk]))

    def get_urls(self) -> list[URLPattern]:
        """Add the looks at a job's files."""
        look = self.admin_site.admin_view
        return [
            path("margins/", look(margins), name="generation_job_margins"),
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
        by = operator(request)
        services.cancel(job.pk, by=by)
        self.log_change(request, job, "Canceled.")


def _next_retry(job: Job) -> UUID:
    """Return a token of the retry that is the next one now: of two windows at the same moment both mean this one."""
    return uuid5(job.pk, f"retry {job.retries.count()}")


@admin.register(JobEvent)
class EventsAdmin(ReadOnly):
    """What happened, over all jobs."""

    paginator = InfinitePaginator
    list_display = ("at", "job_id", "from_status", "to_status", "actor", "note")
    list_filter = ("to_status", "at")
    search_fields = ("actor", "note")
    ordering = ("-pk",)
    raw_id_fields = ("job",)
