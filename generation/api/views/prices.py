"""What there is, what it costs and what is left."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing import services as billing
from billing.models import Price
from generation.api.answers import answers
from generation.api.parsers import FileParser, StrictJSONParser
from generation.api.schema import EXAMPLES, QUOTE_FORM, QUOTE_REQUEST, BodySchema
from generation.api.serializers import ModelSerializer, ModelsSerializer, QuoteSerializer, UsageSerializer, offers_of
from generation.api.wishes import quoted
from generation.catalog import MODELS
from generation.services import Closed


class Quotes(APIView):
    """Prices, before anything is held."""

    schema = BodySchema()
    parser_classes = (StrictJSONParser, FileParser)

    @extend_schema(
        operation_id="quotes_create",
        request={"application/json": QUOTE_REQUEST, "multipart/form-data": QUOTE_FORM},
        examples=EXAMPLES,
        responses=answers({200: QuoteSerializer}, 400, 403, 409, 413, 415),
    )
    def post(self, request: Request) -> Response:
        """Price a wish, and say whether it fits what is left. A file that comes along is not kept."""
        return Response(QuoteSerializer(quoted(request), context={"request": request}).data)


class Models(APIView):
    """The catalogue."""

    @extend_schema(operation_id="models_list", responses=answers({200: ModelsSerializer}))
    def get(self, request: Request) -> Response:
        """List the models with what can be ordered of them, and the prices of now."""
        prices: dict[tuple[str, str], int] = {}
        for price in Price.objects.at(timezone.now()):
            prices.setdefault((price.model, price.variant), price.micros_per_second)
        offers = offers_of(MODELS, prices, Closed())
        models = ModelSerializer(offers, many=True).data  # type: ignore[arg-type]  # many of them
        return Response({"results": models, "next": None, "previous": None})


class Usage(APIView):
    """What is spent, held and left."""

    @extend_schema(operation_id="usage", responses=answers({200: UsageSerializer}))
    def get(self, request: Request) -> Response:
        """Show the current period."""
        period = billing.current_period(request.user, timezone.now())  # type: ignore[arg-type]
        return Response(UsageSerializer(period, context={"request": request}).data)
