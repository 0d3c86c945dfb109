"""The provider's client as the settings say."""

from django.conf import settings

from generation.providers.wavespeed import WaveSpeed


def wavespeed() -> WaveSpeed:
    """Return a client of our WaveSpeed account, or of the sandbox."""
    return WaveSpeed(url=settings.WAVESPEED_URL, key=settings.WAVESPEED_API_KEY)
