"""Signs of life, hints, and who changed what in here."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success

from billing.desk import ReadOnly, display
from generation.models import Heartbeat

for _model in (Schedule, Success, Failure, OrmQ):
    admin.site.unregister(_model)


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
