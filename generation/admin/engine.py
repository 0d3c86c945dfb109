"""Signs of life, hints, and who changed what in here."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.paginator import InfinitePaginator

from billing.desk import DialogForm, ReadOnly, action, back, display
from generation.models import Alert, Chore, Heartbeat, JobNotice
from generation.services.daily import do_now

for _model in (Schedule, Success, Failure, OrmQ):
    admin.site.unregister(_model)


@admin.register(Heartbeat)
class HeartbeatsAdmin(ReadOnly):
    """When each process last showed that it works."""

    list_display = ("name", "beat_at", "asked_at")


@admin.register(Chore)
class ChoresAdmin(ReadOnly):
    """What is done once a day: when it ran last, and what it found."""

    list_display = ("__str__", "state", "ended_at", "due_at", "report")
    fields = ("name", "state", "due_at", "handed_at", "began_at", "ended_at", "report", "found")
    readonly_fields = ("state",)
    actions_detail = ("do_now",)

    @display(description="Last result", label={"Fine": "success", "Found": "warning", "Failed": "danger"})
    def state(self, chore: Chore) -> str:
        """Say what came of it."""
        return chore.get_result_display() or "Not yet"

    def has_steer_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may start it."""
        may: bool = request.user.has_perm("generation.change_chore")
        return may

    @action(
        description="Do it now",
        permissions=["steer"],
        icon="play_arrow",
        dialog={
            "title": "Do it now?",
            "description": "A worker begins within seconds; then it is due again a day later.",
            "form_class": DialogForm,
            "form_submit_text": "Do it now",
        },
    )
    def do_now(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Make it due."""
        if do_now(object_id, timezone.now()):
            self.message_user(request, "A worker begins within seconds.", messages.SUCCESS)
        return back(request, reverse("admin:generation_chore_changelist"))


@admin.register(Alert)
class AlertsAdmin(ReadOnly):
    """What operators are told by mail, and whether it was sent."""

    list_display = ("subject", "kind", "created_at", "sent_at")
    list_filter = ("kind", ("sent_at", admin.EmptyFieldListFilter))
    search_fields = ("subject", "text")


@admin.register(JobNotice)
class JobNoticesAdmin(ReadOnly):
    """What users are told of their jobs, and whether it was sent."""

    paginator = InfinitePaginator
    list_display = ("job_id", "user", "kind", "created_at", "taken_at", "sent_at")
    list_filter = ("kind", ("sent_at", admin.EmptyFieldListFilter))
    list_select_related = ("job__user",)
    search_fields = ("job__id__exact", "job__user__email")
    ordering = ("-pk",)
    raw_id_fields = ("job",)

    @display(description="User")
    def user(self, notice: JobNotice) -> str:
        """Return who is told."""
        return str(notice.job.user)


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
