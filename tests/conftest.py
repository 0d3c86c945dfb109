"""Fixtures that many tests share."""

import pytest
from rest_framework.test import APIClient

from billing.models import User
from tests.make import make_key, make_user


@pytest.fixture
def alice(db: None) -> User:
    """Owns what the test is about; on Pro."""
    return make_user("alice@example.org")


@pytest.fixture
def bob(db: None) -> User:
    """Is another user."""
    return make_user("bob@example.org")


@pytest.fixture
def olga(db: None) -> User:
    """Operates."""
    return make_user("olga@example.org", is_staff=True, is_superuser=True)


@pytest.fixture
def api(alice: User) -> APIClient:
    """Speaks to the API as Alice, with a key."""
    return api_of(alice)


def api_of(user: User) -> APIClient:
    """Return a client that bears a key of the user."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_key(user)[1]}")
    return client


@pytest.fixture(autouse=True)
def _own_media(tmp_path: object, settings: object) -> None:
    """Give each test its own media folder."""
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]
