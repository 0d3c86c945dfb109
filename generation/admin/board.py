"""What needs a person: jobs whose submission got no answer, and what we and the provider disagree about."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminTextInputWidget as TextWidget

from billing.desk import ReadOnly, action, display, usd
from generation import services
from generation.admin.pages import ReasonForm, back, id_of, number_of, operator, to_the_second
from generation.models import Difference, Job, Status, Stuck
from generation.services.provider import ProviderError

_SAVED_FOR = timedelta(minutes=15)  # longer than one attempt takes
_NOT_FOUND_FOR = timedelta(hours=1)  # a prediction that WaveSpeed does not know for so long needs a person


class AttachForm(ReasonForm):
    """Asks which prediction it is, and why."""

    prediction_id = forms.CharField(max_length=64, strip=True, widget=TextWidget, help_text="As WaveSpeed names it.")


@admin.register(Stuck)
class StuckAdmin(ReadOnly):
    """The board: unknown outcomes, late and long saving, the oldest first."""

    paginator = InfinitePaginator
    list_display = ("short_id", "status", "user", "model", "since", "held", "last")
    list_display_links = ("short_id",)
    list_filter = ("status", "model")
    list_select_related = ("user", "hold")
    search_fields = ("prediction_id__exact", "user__email")
    ordering = ("created_at",)
    actions_detail = ("attach", "never_created", "give_up")
    fields = (
        *("status", "user", "model", "prompt", "parameters", "submit_started_at", "submitted_at", "prediction_id"),
        *("late_at", "not_found_since", "due_at", "attempts", "found"),
    )
    readonly_fields = ("found",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what is unknown or late, what is saved for longer than a few minutes, and what is not found."""
        lost = Q(status=Status.RUNNING, not_found_since__lte=timezone.now() - _NOT_FOUND_FOR)
        late = Q(status__in=[Status.RUNNING, Status.COLLECTING], late_at__isnull=False)
        saved_for_long = Q(status=Status.COLLECTING, collecting_at__lte=timezone.now() - _SAVED_FOR)
        stuck = Job.objects.filter(Q(status=Status.UNKNOWN) | late | saved_for_long | lost)
        queryset: QuerySet[Any] = super().get_queryset(request)
        return queryset.filter(pk__in=stuck.values("pk"))

    @display(description="Id")
    def short_id(self, job: Job) -> str:
        """Return enough of the id to tell it."""
        return str(job.pk)[:8]

    @display(description="Last tried", ordering="submit_started_at")
    def since(self, job: Job) -> str:
        """Return when it crossed the fence."""
        return to_the_second(job.submit_started_at) if job.submit_started_at else ""

    @display(description="Held")
    def held(self, job: Job) -> str:
        """Return the amount that waits for the decision."""
        return usd(job.hold.spend)

    @display(description="Looked for again")
    def last(self, job: Job) -> str:
        """Return what happens next by itself."""
        return to_the_second(job.due_at) if job.due_at else ""

    @display(description="Found in WaveSpeed's list")
    def found(self, job: Job) -> str:
        """Return the predictions that fit and belong to no job."""
        if job.status != Status.UNKNOWN:
            return "It has its prediction."
        try:
            candidates = services.candidates(job)
        except ProviderError as error:
            return f"WaveSpeed did not say: {error}"
        return "; ".join(_in_words(each) for each in candidates) or "None that fits."

    def has_decide_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may decide."""
        may: bool = request.user.has_perm("generation.change_job")
        return may

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer what would work."""
        unknown = Job.objects.filter(pk=id_of(object_id), status=Status.UNKNOWN).exists()
        actions = super().get_actions_detail(request, object_id)  # type: ignore[misc]  # unfold's
        return [each for each in actions if unknown or each.action_name.endswith("give_up")]

    @action(
        description="Attach a prediction",
        permissions=["decide"],
        icon="link",
        dialog={
            "title": "Is this the job's prediction?",
            "description": "WaveSpeed is asked first; model, time and prompt must fit. The job then runs.",
            "form_class": AttachForm,
            "form_submit_text": "Attach",
        },
    )
    def attach(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Give the job the prediction that an operator names."""
        job = _job(object_id)
        try:
            services.attach(job.pk, form.cleaned_data["prediction_id"], by=operator(request))
        except (services.NotAttachable, ProviderError) as error:
            self.message_user(request, f"Not attached: {error}", messages.WARNING)
        else:
            self._told(request, job, f"Attached {form.cleaned_data['prediction_id']}", form)
        return _to_the_board(request)

    @action(
        description="It was never created",
        permissions=["decide"],
        icon="money_off",
        dialog={
            "title": "Was it never created?",
            "description": "The job fails and its money goes back to its owner. It cannot be undone.",
            "form_class": ReasonForm,
            "form_submit_text": "Never created",
        },
    )
    def never_created(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """End a job that WaveSpeed never took."""
        job = _job(object_id)
        if services.never_created(job.pk, reason=form.cleaned_data["reason"], by=operator(request)):
            self._told(request, job, "Never created", form)
        else:
            self.message_user(request, "The job is no longer unknown; nothing was changed.", messages.WARNING)
        return _to_the_board(request)

    @action(
        description="Fail and release",
        permissions=["decide"],
        icon="cancel",
        dialog={
            "title": "End this job?",
            "description": "Its money goes back to its owner. WaveSpeed can't stop it and may bill it; a completion "
            "that turns up later is noted as a difference. It cannot be undone.",
            "form_class": ReasonForm,
            "form_submit_text": "Fail and release",
        },
    )
    def give_up(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """End a job by decision."""
        job = _job(object_id)
        if services.give_up(job.pk, reason=form.cleaned_data["reason"], by=operator(request)):
            self._told(request, job, "Failed and released", form)
        else:
            self.message_user(request, "The job has moved on; nothing was changed.", messages.WARNING)
        return _to_the_board(request)

    def _told(self, request: HttpRequest, job: Job, what: str, form: forms.Form) -> None:
        self.log_change(request, job, f"{what}: {form.cleaned_data['reason']}")
        self.message_user(request, f"{what}.", messages.SUCCESS)


@admin.register(Difference)
class DifferencesAdmin(ReadOnly):
    """Where the provider says something else. Each is resolved with a note."""

    paginator = InfinitePaginator
    list_display = ("what", "about", "ours", "theirs", "noted", "resolved")
    list_filter = ("kind", "resolved_at", "noted_at")
    search_fields = ("prediction_id__exact", "job__id__exact", "note")
    ordering = ("resolved_at", "-noted_at")
    raw_id_fields = ("job",)
    fields = ("what", "job", "prediction_id", "ours", "theirs", "noted_at", "resolved_at", "resolved_by", "note")
    readonly_fields = ("what",)
    actions_detail = ("resolve",)

    @display(description="What", ordering="kind")
    def what(self, difference: Difference) -> str:
        """Return in words what it is about."""
        return difference.get_kind_display()

    @display(description="Job or prediction")
    def about(self, difference: Difference) -> str:
        """Return enough of an id to tell it."""
        return (
            f"job {str(difference.job_id)[:8]}" if difference.job_id else f"prediction {difference.prediction_id[:8]}"
        )

    @display(description="Noted", ordering="noted_at")
    def noted(self, difference: Difference) -> str:
        """Return when, short enough for a list as wide as this."""
        return f"{timezone.localtime(difference.noted_at):%d %b %H:%M}"

    @display(description="Resolved", ordering="resolved_at", label={"open": "warning"})
    def resolved(self, difference: Difference) -> str:
        """Return when it was, if it was."""
        if difference.resolved_at is None:
            return "open"
        return f"{timezone.localtime(difference.resolved_at):%d %b %H:%M}"

    def has_decide_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may resolve."""
        may: bool = request.user.has_perm("generation.change_difference")
        return may

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer to resolve what is open."""
        is_open = Difference.objects.filter(pk=number_of(object_id), resolved_at__isnull=True).exists()
        return super().get_actions_detail(request, object_id) if is_open else []  # type: ignore[misc]  # unfold's

    @action(
        description="Resolve with a note",
        permissions=["decide"],
        icon="check",
        dialog={
            "title": "What came of it?",
            "description": "The note stays with it.",
            "form_class": ReasonForm,
            "form_submit_text": "Resolved",
        },
    )
    def resolve(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Close a difference."""
        difference = get_object_or_404(Difference, pk=number_of(object_id))
        note = form.cleaned_data["reason"]
        if services.resolve_difference(difference, note=note, by=operator(request), now=timezone.now()):
            self.log_change(request, difference, f"Resolved: {note}")
            self.message_user(request, "Resolved.", messages.SUCCESS)
        else:
            self.message_user(request, "It was resolved before.", messages.WARNING)
        return back(request, reverse("admin:generation_difference_changelist"))


def _in_words(candidate: services.Candidate) -> str:
    prediction = candidate.prediction
    prompt = "same prompt" if candidate.same_prompt else "prompt not told"
    said = f"{prediction.id}: {prediction.status}, {prediction.created_at}, {prompt}"
    if candidate.is_being_sent:
        return f"{said}; a job that is just being sent may have made it: look again in a minute or two"
    others = ", ".join(str(job.pk)[:8] for job in candidate.others)
    more = f" and {candidate.more_others} more" if candidate.more_others else ""
    return f"{said}; may be that of {others}{more} as well" if others else said


def _job(object_id: str) -> Job:
    job_id: UUID = id_of(object_id)
    return get_object_or_404(Job, pk=job_id)


def _to_the_board(request: HttpRequest) -> HttpResponse:
    return back(request, reverse("admin:generation_stuck_changelist"))
