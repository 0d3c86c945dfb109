"""What routes answer, described for the OpenAPI schema."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from generation.api.errors import PROBLEM_JSON
from generation.api.serializers import ProblemSerializer

RANGE = OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="Such as bytes=0-1023.")
DOWNLOAD = OpenApiParameter("download", bool, description="Offer it for saving; the value does not matter.")


def answers(good: dict[Any, Any], *refusals: int) -> dict[Any, Any]:
    """Describe the answers of a route: the good ones, its own refusals, and those that every route has."""
    problem = OpenApiResponse(ProblemSerializer)
    return good | {(code, PROBLEM_JSON): problem for code in (*refusals, 401, 429, "default")}


def file_answers(media_type: str) -> dict[Any, Any]:
    """Describe the answers of a route that sends a file."""
    whole, part = (OpenApiResponse(OpenApiTypes.BINARY, what) for what in ("The file.", "The wished part of it."))
    good = {
        (200, media_type): whole,
        (206, media_type): part,
        302: OpenApiResponse(description="It is at the address in Location, for five minutes."),
        304: OpenApiResponse(description="The caller has it already."),
        416: OpenApiResponse(description="The wished part lies behind its end."),
    }
    return answers(good, 404, 409)  # 409: not ready yet


def location(status: int) -> OpenApiParameter:
    """Describe the header that names where something new is."""
    return OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[status])
