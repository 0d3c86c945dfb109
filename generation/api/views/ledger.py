"""The statement: every line that moved the caller's money."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import LedgerEntry, Period
from generation.api.answers import answers
from generation.api.lists import LedgerCursor, LedgerFilter
from generation.api.serializers import LedgerEntrySerializer


class Ledger(ListModelMixin, GenericAPIView[LedgerEntry]):
    """The lines of all periods of the caller, and of nobody else."""

    serializer_class = LedgerEntrySerializer
    queryset = LedgerEntry.objects.select_related("period")
    pagination_class = LedgerCursor
    filterset_class = LedgerFilter

    def get_queryset(self) -> QuerySet[LedgerEntry]:
        """Return the caller's lines."""
        lines = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):  # the schema is made, and there is no caller
            return lines.none()
        # Their ids are asked for first: through a join PostgreSQL reads the whole ledger backwards to find a few lines.
        own = Period.objects.filter(subscription__user=self.request.user.pk).values_list("pk", flat=True)
        return lines.filter(period__in=list(own))

    @extend_schema(operation_id="ledger_list", responses=answers({200: LedgerEntrySerializer(many=True)}, 400))
    def get(self, request: Request) -> Response:
        """List what was held, settled, released, granted, adjusted and refunded, newest first."""
        return self.list(request)
