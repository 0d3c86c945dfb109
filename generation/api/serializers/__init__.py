"""What goes out."""

from generation.api.serializers.jobs import JobSerializer
from generation.api.serializers.ledger import LedgerEntrySerializer
from generation.api.serializers.limits import QuoteSerializer, UsageSerializer
from generation.api.serializers.models import ModelSerializer, ModelsSerializer, offers_of
from generation.api.serializers.problems import ProblemSerializer
from generation.api.serializers.uploads import UploadSerializer

__all__ = [
    "JobSerializer",
    "LedgerEntrySerializer",
    "ModelSerializer",
    "ModelsSerializer",
    "ProblemSerializer",
    "QuoteSerializer",
    "UploadSerializer",
    "UsageSerializer",
    "offers_of",
]
