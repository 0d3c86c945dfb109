"""The routes of /api/v1/. A stranger's job is 404 everywhere, since every query begins with its owner."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters  # type: ignore[import-untyped]
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from billing import services as billing
from billing.models import ApiKey, Price
from billing.money import MICROS, MOST, micros
from billing.services import Actor
from generation import services
from generation.api.errors import PROBLEM_JSON
from generation.api.schema import EXAMPLE, JOB_REQUEST, QUOTE_REQUEST, BodySchema
from generation.api.serializers import (
    JobSerializer,
    ModelSerializer,
    ModelsSerializer,
    ProblemSerializer,
    QuoteSerializer,
    UsageSerializer,
)
from generation.catalog import MODELS, model_named
from generation.media import poster_response, video_response
from generation.models import Job, Status
from generation.spec import Complaint, InvalidSpec, shown, video_spec

_NAMES = tuple(name for model in MODELS for name in model.names)


def _answers(good: dict[Any, Any], *refusals: int) -> dict[Any, Any]:
    """Describe the answers of a route: the good ones, its own refusals, and those that every route has."""
    problem = OpenApiResponse(ProblemSerializer)
    return good | {(code, PROBLEM_JSON): problem for code in (*refusals, 401, 429, "default")}


class JobCursor(CursorPagination):
    """Newest first; a job that is created meanwhile shifts nothing. A wrong limit or cursor is told, not mended."""

    ordering = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "limit"
    page_size_query_description = "Jobs a page."
    cursor_query_description = "Comes with `next` and `previous`."
    max_page_size = 200

    def get_page_size(self, request: Request) -> int:
        """Return how many jobs a page has."""
        wished = request.query_params.get("limit", str(self.page_size))
        if not re.fullmatch(r"\d{1,3}", wished, re.ASCII) or not 1 <= int(wished) <= self.max_page_size:
            message = f"{shown(wished)} is no number of jobs; allowed: 1 to {self.max_page_size}."
            raise ValidationError({"limit": [message]})
        return int(wished)

    def decode_cursor(self, request: Request) -> Any:
        """Return the place in the list that the cursor stands for."""
        try:
            cursor = super().decode_cursor(request)
            if cursor and cursor.position is not None:
                datetime.fromisoformat(str(cursor.position)).astimezone(UTC)
        except (NotFound, ValueError, OverflowError):
            message = f"{shown(request.query_params['cursor'])} is no cursor; take it from `next` or `previous`."
            raise ValidationError({"cursor": [message]}) from None
        return cursor

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Name the bounds of the limit."""
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == "limit":
                parameter["schema"] |= {"minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return parameters

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page; the library's words are those of OpenAPI 3.0."""
        link = {"type": ["string", "null"], "format": "uri"}
        members = {"results": schema, "next": link, "previous": link}
        return {"type": "object", "required": list(members), "properties": members}


class _ChoiceField(filters.ChoiceFilter.field_class):  # type: ignore[misc]  # django-filter has no types
    """One of several values; an empty one is none of them, though forms take it for nothing said."""

    def clean(self, value: Any) -> Any:
        """Return the value."""
        if value == "":
            raise forms.ValidationError(self.error_messages["invalid_choice"] % {"value": ""})
        return super().clean(value)


class _ChoiceFilter(filters.ChoiceFilter):  # type: ignore[misc]  # django-filter has no types
    field_class = _ChoiceField


def _choice(values: Sequence[str], what: str, **kwargs: Any) -> filters.ChoiceFilter:
    message = f'"%(value)s" is no {what}; allowed: {", ".join(values)}.'
    choices = [(value, value) for value in values]
    choice = _ChoiceFilter(choices=choices, error_messages={"invalid_choice": message}, **kwargs)
    return extend_schema_field({"type": "string", "enum": list(values)})(choice)


class JobFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """What a list may be narrowed by."""

    status = _choice(Status.values, "status")
    model = _choice(_NAMES, "model", method="of_model")

    class Meta:
        model = Job
        fields = ("status", "model")

    def of_model(self, jobs: QuerySet[Job], name: str, value: str) -> QuerySet[Job]:
        """Keep the jobs of the model that goes by this name."""
        return jobs.filter(model=model_named(value).id)


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

    schema = BodySchema()
    pagination_class = JobCursor
    filterset_class = JobFilter

    @extend_schema(operation_id="jobs_list", responses=_answers({200: JobSerializer(many=True)}, 400))
    def get(self, request: Request) -> Response:
        """List the jobs, newest first."""
        return self.list(request)

    @extend_schema(
        operation_id="jobs_create",
        request={"application/json": JOB_REQUEST},
        examples=[EXAMPLE],
        responses=_answers({202: JobSerializer}, 400, 402, 403, 409, 413, 415),
        parameters=[OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[202])],
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
        return Response(self.get_serializer(job).data, status=status.HTTP_202_ACCEPTED, headers={"Location": location})


class OneJob(OwnJobs):
    """One job of the caller."""

    @extend_schema(operation_id="jobs_retrieve", responses=_answers({200: JobSerializer}, 404))
    def get(self, request: Request, job_id: UUID) -> Response:
        """Show how far it is."""
        return Response(self.get_serializer(self.job(job_id)).data)


class Cancel(OwnJobs):
    """The way back, while nothing was sent."""

    @extend_schema(operation_id="jobs_cancel", request=None, responses=_answers({200: JobSerializer}, 403, 404, 409))
    def post(self, request: Request, job_id: UUID) -> Response:
        """Cancel a queued job and release its money."""
        job = services.cancel(self.job(job_id).pk, by=self.actor())
        return Response(self.get_serializer(job).data)


def _file(media_type: str) -> dict[Any, Any]:
    whole, part = (OpenApiResponse(OpenApiTypes.BINARY, what) for what in ("The file.", "The wished part of it."))
    good = {
        (200, media_type): whole,
        (206, media_type): part,
        302: OpenApiResponse(description="It is at the address in Location, for five minutes."),
        304: OpenApiResponse(description="The caller has it already."),
        416: OpenApiResponse(description="The wished part lies behind its end."),
    }
    return _answers(good, 404)


_RANGE = OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="Such as bytes=0-1023.")
_DOWNLOAD = OpenApiParameter("download", bool, description="Offer it for saving; the value does not matter.")


class Video(OwnJobs):
    """The file."""

    @extend_schema(operation_id="jobs_video", responses=_file("video/mp4"), parameters=[_RANGE, _DOWNLOAD])
    def get(self, request: Request, job_id: UUID) -> Any:
        """Send the video, or the part of it that the Range header asks for."""
        return video_response(request, self.job(job_id))


class Poster(OwnJobs):
    """A still of the file."""

    @extend_schema(operation_id="jobs_poster", responses=_file("image/jpeg"), parameters=[_RANGE, _DOWNLOAD])
    def get(self, request: Request, job_id: UUID) -> Any:
        """Send the poster."""
        return poster_response(request, self.job(job_id))


class Quotes(APIView):
    """Prices, before anything is held."""

    schema = BodySchema()

    @extend_schema(
        operation_id="quotes_create",
        request={"application/json": QUOTE_REQUEST},
        examples=[EXAMPLE],
        responses=_answers({200: QuoteSerializer}, 400, 403, 409, 413, 415),
    )
    def post(self, request: Request) -> Response:
        """Price a wish, and say whether it fits what is left."""
        quote = services.quote(request.user, video_spec(request.data))  # type: ignore[arg-type]
        return Response(QuoteSerializer(quote).data)


class Models(APIView):
    """The catalogue."""

    @extend_schema(operation_id="models_list", responses=_answers({200: ModelsSerializer}))
    def get(self, request: Request) -> Response:
        """List the models with their parameters and prices of now."""
        prices: dict[tuple[str, str], int] = {}
        for price in Price.objects.at(timezone.now()):
            prices.setdefault((price.model, price.variant), price.micros_per_second)
        models = ModelSerializer(MODELS, many=True, context={"prices": prices}).data  # type: ignore[arg-type]
        return Response({"results": models, "next": None, "previous": None})


class Usage(APIView):
    """What is spent, held and left."""

    @extend_schema(operation_id="usage", responses=_answers({200: UsageSerializer}))
    def get(self, request: Request) -> Response:
        """Show the current period."""
        period = billing.current_period(request.user, timezone.now())  # type: ignore[arg-type]
        return Response(UsageSerializer(period).data)


def _max_cost(wish: dict[str, Any]) -> int | None:
    """Take max_cost out of the wish, in micro-dollars."""
    value = wish.pop("max_cost", None)
    if value is None:
        return None
    if isinstance(value, float) and 0 < value < MOST:
        # A number may be finer than any cost: what lies between two micro-dollars allows the lower one.
        return int(Decimal(str(value)) * MICROS)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    # Decimal takes much more for a number: spaces, underscores, exponents and other scripts' digits.
    amount = micros(text) if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text, re.ASCII) else 0
    if amount <= 0:
        message = f'{shown(value)} is no amount; allowed: dollars above 0, such as "0.36".'
        raise InvalidSpec((Complaint(field="max_cost", message=message),))
    return amount
