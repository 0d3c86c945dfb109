"""The routes of /api/v1/. A stranger's job is 404 everywhere, since every query begins with its owner."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from billing import services as billing
from billing.models import ApiKey, Price
from billing.money import micros
from billing.services import Actor
from generation import clock, services
from generation.api.schema import JOB_REQUEST, QUOTE_REQUEST
from generation.api.serializers import JobSerializer, ModelSerializer, QuoteSerializer, UsageSerializer
from generation.catalog import MODELS
from generation.media import poster_response, video_response
from generation.models import Job, Status
from generation.spec import Complaint, InvalidSpec, video_spec

PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")


class JobCursor(CursorPagination):
    """Newest first; a job that is created meanwhile shifts nothing."""

    ordering = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200


class JobFilter(filters.FilterSet):
    """What a list may be narrowed by."""

    status = filters.ChoiceFilter(choices=Status.choices)
    model = filters.CharFilter()

    class Meta:
        model = Job
        fields = ("status", "model")


class OwnJobs(GenericAPIView[Job]):
    """Sees the jobs of the caller and no others."""

    serializer_class = JobSerializer
    queryset = Job.objects.all()

    def get_queryset(self) -> QuerySet[Job]:
        """Return the caller's jobs."""
        return super().get_queryset().filter(user=self.request.user.pk).select_related("hold")

    def job(self, job_id: UUID) -> Job:
        """Return the caller's job of this id, or 404."""
        return get_object_or_404(self.get_queryset(), pk=job_id)

    def actor(self) -> Actor:
        """Return who asks, for history and ledger."""
        return Actor(name=f"user {self.request.user.pk}", request_id=getattr(self.request, "request_id", ""))


class Jobs(ListModelMixin, OwnJobs):
    """All jobs of the caller."""

    pagination_class = JobCursor
    filterset_class = JobFilter

    def get(self, request: Request) -> Response:
        """List the jobs, newest first."""
        return self.list(request)

    @extend_schema(
        request={"application/json": JOB_REQUEST},
        responses={202: JobSerializer, 400: PROBLEM, 401: PROBLEM, 402: PROBLEM, 403: PROBLEM, 409: PROBLEM},
    )
    def post(self, request: Request) -> Response:
        """Set the cost aside and queue a job for it."""
        wish = dict(request.data)
        max_cost = _max_cost(wish)
        key = request.auth if isinstance(request.auth, ApiKey) else None
        job = services.create(
            request.user,  # type: ignore[arg-type]  # IsAuthenticated: never anonymous
            video_spec(wish),
            by=self.actor(),
            max_cost=max_cost,
            api_key=key,
        )
        location = reverse("api:job", [job.pk], request=request)
        return Response(
            self.get_serializer(job).data, status=status.HTTP_202_ACCEPTED, headers={"Location": location}
        )


class OneJob(OwnJobs):
    """One job of the caller."""

    @extend_schema(responses={200: JobSerializer, 404: PROBLEM})
    def get(self, request: Request, job_id: UUID) -> Response:
        """Show how far it is."""
        return Response(self.get_serializer(self.job(job_id)).data)


class Cancel(OwnJobs):
    """The way back, while nothing was sent."""

    @extend_schema(request=None, responses={200: JobSerializer, 404: PROBLEM, 409: PROBLEM})
    def post(self, request: Request, job_id: UUID) -> Response:
        """Cancel a queued job and release its money."""
        job = services.cancel(self.job(job_id).pk, by=self.actor())
        return Response(self.get_serializer(job).data)


class Video(OwnJobs):
    """The file."""

    @extend_schema(responses={(200, "video/mp4"): OpenApiTypes.BINARY, 206: None, 302: None, 404: PROBLEM, 416: None})
    def get(self, request: Request, job_id: UUID) -> Any:
        """Send the video, or the part of it that the Range header asks for."""
        return video_response(request, self.job(job_id))


class Poster(OwnJobs):
    """A still of the file."""

    @extend_schema(responses={(200, "image/jpeg"): OpenApiTypes.BINARY, 302: None, 404: PROBLEM})
    def get(self, request: Request, job_id: UUID) -> Any:
        """Send the poster."""
        return poster_response(request, self.job(job_id))


class Quotes(APIView):
    """Prices, before anything is held."""

    @extend_schema(request={"application/json": QUOTE_REQUEST}, responses={200: QuoteSerializer, 400: PROBLEM})
    def post(self, request: Request) -> Response:
        """Price a wish, and say whether it fits what is left."""
        quote = services.quote(request.user, video_spec(request.data))  # type: ignore[arg-type]
        return Response(QuoteSerializer(quote).data)


class Models(APIView):
    """The catalogue."""

    @extend_schema(responses={200: ModelSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List the models with their parameters and prices of now."""
        prices: dict[tuple[str, str], int] = {}
        for price in Price.objects.at(clock.now()):
            prices.setdefault((price.model, price.variant), price.micros_per_second)
        models = ModelSerializer(MODELS, many=True, context={"prices": prices}).data  # type: ignore[arg-type]
        return Response({"results": models, "next": None, "previous": None})


class Usage(APIView):
    """What is spent, held and left."""

    @extend_schema(responses={200: UsageSerializer})
    def get(self, request: Request) -> Response:
        """Show the current period."""
        period = billing.current_period(request.user, clock.now())  # type: ignore[arg-type]
        return Response(UsageSerializer(period).data)


def _max_cost(wish: dict[str, Any]) -> int | None:
    """Take max_cost out of the wish, in micro-dollars."""
    value = wish.pop("max_cost", None)
    if value is None:
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"{value!r} is not an amount of dollars such as 0.36")
        amount = micros(str(value))
        if amount <= 0:
            raise ValueError(f"{value} is not above 0")
    except ValueError as error:
        message = f'{error}; allowed: dollars above 0 as a string, such as "0.36".'
        raise InvalidSpec((Complaint(field="max_cost", message=message),)) from None
    return amount
