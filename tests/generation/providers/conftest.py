from __future__ import annotations

import pytest

from generation.providers.wavespeed import WaveSpeed

KEY = "wsk_live_0123456789abcdef"
URL = "https://api.wavespeed.test"


@pytest.fixture
def client() -> WaveSpeed:
    return WaveSpeed(url=URL, key=KEY)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between the attempts of a GET, which nobody waits for."""
    taken: list[float] = []
    monkeypatch.setattr("generation.providers.wavespeed.sleep", taken.append)
    return taken
