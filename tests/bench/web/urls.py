"""Views that do the least that could be done, beside the project's routes."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import include, path
from django.utils import timezone
from django_q.tasks import async_task
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from generation.models import Job, JobEvent


class Bare(APIView):
    """One select, or one insert and one enqueue, for everybody."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    throttle_classes: list[Any] = []

    def get(self, request: Request, job_id: UUID) -> Response:
        """Select a row."""
        job = Job.objects.get(pk=job_id)
        return Response({"id": job.pk, "status": job.status, "prompt": job.prompt})

    def post(self, request: Request, job_id: UUID) -> Response:
        """Insert a row and enqueue a hint, both or neither."""
        note = request.data["prompt"]
        with transaction.atomic():
            event = JobEvent.objects.create(
                job_id=job_id, at=timezone.now(), to_status="running", actor="bare", note=note
            )
            async_task("generation.tasks.submit", str(job_id), cluster="clapboard")
        return Response({"id": event.pk}, status=202)


urlpatterns = [path("bare/<uuid:job_id>", Bare.as_view()), path("", include("config.urls"))]
