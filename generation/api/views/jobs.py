"""Jobs: made, listed, looked at, canceled, tried again, deleted; and their files."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from billing.services import Actor
from generation import services
from generation.api.answers import DOWNLOAD, RANGE, answers, file_answers, location
from generation.api.lists import JobCursor, JobFilter
from generation.api.parsers import FileParser, StrictJSONParser
from generation.api.schema import EXAMPLES, JOB_FORM, JOB_REQUEST, RETRY_REQUEST, BodySchema
from generation.api.serializers import JobSerializer
from generation.api.wishes import created, retried
from generation.line import Place
from generation.media import poster_response, video_response
from generation.models import Job


class OwnJobs(GenericAPIView[Job]):
    """Sees the jobs of the caller and no others, nor those that the caller has deleted."""

    serializer_class = JobSerializer
    queryset = Job.objects.kept()

    def get_queryset(self) -> QuerySet[Job]:
        """Return the caller's jobs."""
        return super().get_queryset().filter(user=self.request.user.pk).select_related("hold")

    def job(self, job_id: UUID) -> Job:
        """Return the caller's job of this id, or 404."""
        return get_object_or_404(self.get_queryset(), pk=job_id)

    def actor(self) -> Actor:
        """Return who asks, for history and ledger."""
        return Actor(name=f"user {self.request.user.pk}", request_id=getattr(self.request, "request_id", ""))

    def accepted(self, job: Job) -> Response:
        """Answer with a job that was made just now, and where it is."""
        headers = {"Location": reverse("api:job", [job.pk], request=self.request)}
        context = self.get_serializer_context()
        if job.position is not None:
            # When it starts is looked at whenever somebody asks for the job: that takes half as long as to make one.
            context["place"] = Place(position=job.position, starts_at=None, waits_for=None)
        made = self.get_serializer(job, context=context)
        return Response(made.data, status=status.HTTP_202_ACCEPTED, headers=headers)


class Jobs(ListModelMixin, OwnJobs):
    """All jobs of the caller."""

    schema = BodySchema()
    parser_classes = (StrictJSONParser, FileParser)
    pagination_class = JobCursor
    filterset_class = JobFilter

    @extend_schema(operation_id="jobs_list", responses=answers({200: JobSerializer(many=True)}, 400))
    def get(self, request: Request) -> Response:
        """List the jobs, newest first."""
        return self.list(request)

    @extend_schema(
        operation_id="jobs_create",
        request={"application/json": JOB_REQUEST, "multipart/form-data": JOB_FORM},
        examples=EXAMPLES,
        responses=answers({202: JobSerializer}, 400, 402, 403, 409, 413, 415),
        parameters=[location(202)],
    )
    def post(self, request: Request) -> Response:
        """Set the cost aside and queue a job for it."""
        return self.accepted(created(request, by=self.actor()))


class OneJob(OwnJobs):
    """One job of the caller."""

    @extend_schema(operation_id="jobs_retrieve", responses=answers({200: JobSerializer}, 404))
    def get(self, request: Request, job_id: UUID) -> Response:
        """Show how far it is."""
        job = services.job_of(request.user, job_id)  # type: ignore[arg-type]  # IsAuthenticated: never anonymous
        if job is None:
            raise Http404
        return Response(self.get_serializer(job).data)

    @extend_schema(operation_id="jobs_delete", responses=answers({204: None}, 403, 404, 409))
    def delete(self, request: Request, job_id: UUID) -> Response:
        """Delete an ended job with its files; what it cost stays in the books."""
        services.delete(self.job(job_id).pk, by=self.actor())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Cancel(OwnJobs):
    """The way back, while nothing was sent."""

    @extend_schema(operation_id="jobs_cancel", request=None, responses=answers({200: JobSerializer}, 403, 404, 409))
    def post(self, request: Request, job_id: UUID) -> Response:
        """Cancel a queued job and release its money."""
        job = services.cancel(self.job(job_id).pk, by=self.actor())
        return Response(self.get_serializer(job).data)


class Retry(OwnJobs):
    """Another try, at the price of now."""

    @extend_schema(
        operation_id="jobs_retry",
        request={"application/json": RETRY_REQUEST},
        responses=answers({202: JobSerializer}, 400, 402, 403, 404, 409, 413, 415),
        parameters=[location(202)],
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Make a new job of one that failed or was canceled; the old one stays as it is."""
        return self.accepted(retried(request, self.job(job_id), by=self.actor()))


class Video(OwnJobs):
    """The file."""

    @extend_schema(operation_id="jobs_video", responses=file_answers("video/mp4"), parameters=[RANGE, DOWNLOAD])
    def get(self, request: Request, job_id: UUID) -> Any:
        """Send the video, or the part of it that the Range header asks for."""
        return video_response(request, self.job(job_id))


class Poster(OwnJobs):
    """A still of the file."""

    @extend_schema(operation_id="jobs_poster", responses=file_answers("image/jpeg"), parameters=[RANGE, DOWNLOAD])
    def get(self, request: Request, job_id: UUID) -> Any:
        """Send the poster."""
        return poster_response(request, self.job(job_id))
