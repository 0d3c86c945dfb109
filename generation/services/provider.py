"""The provider's client as the settings say."""

from django.conf import settings

from generation.providers.errors import ProviderError
from generation.providers.wavespeed import WaveSpeed

__all__ = ["ProviderError", "wavespeed", "wavespeed_of_watcher"]

_LOOK_TIMEOUT = 15  # seconds that a look at one prediction may take, beside connecting


def wavespeed() -> WaveSpeed:
    """Return a client of our WaveSpeed account, or of the sandbox."""
    return WaveSpeed(url=settings.WAVESPEED_URL, key=settings.WAVESPEED_API_KEY)


def wavespeed_of_watcher() -> WaveSpeed:
    """Return a client that gives up soon: who asks again anyway need not wait long."""
    return WaveSpeed(url=settings.WAVESPEED_URL, key=settings.WAVESPEED_API_KEY, read_timeout=_LOOK_TIMEOUT)
