"""The provider's client as the settings say."""

from django.conf import settings

from generation.providers.errors import ProviderError
from generation.providers.wavespeed import WaveSpeed

__all__ = ["ProviderError", "wavespeed"]


def wavespeed() -> WaveSpeed:
    """Return a client of our WaveSpeed account, or of the sandbox."""
    return WaveSpeed(url=settings.WAVESPEED_URL, key=settings.WAVESPEED_API_KEY)
