"""Fixtures that many tests share."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings
from rest_framework.test import APIClient

from billing.models import Plan, User
from billing.triggers import drop_triggers
from tests.lanes_plugin import pytest_collection_modifyitems, pytest_terminal_summary
from tests.make import make_key, make_user
from tests.sandbox import RunningSandbox, running_sandbox

__all__ = ["pytest_collection_modifyitems", "pytest_terminal_summary"]  # hooks that pytest finds here

# A busy machine is no error.
hypothesis_settings.register_profile("house", deadline=None)
hypothesis_settings.load_profile("house")


@receiver(post_migrate)
def _ship_again(sender: AppConfig, **kwargs: object) -> None:
    """Bring plans and prices back after the flush of a transactional test, which takes rows of migrations too."""
    if sender.name == "billing" and not Plan.objects.exists():
        shipping = ("0002_plans_and_prices", "0003_prices_of_the_whole_catalogue", "0006_plans_have_a_priority")
        for migration in shipping:
            import_module(f"billing.migrations.{migration}").ship(apps, None)


@pytest.fixture(autouse=True)
def _ledger_may_be_flushed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Lift the ledger's triggers before the flush that ends a transactional test; the flush itself makes them anew."""
    marker = request.node.get_closest_marker("django_db")
    transactional = bool(marker and marker.kwargs.get("transaction"))
    flushing = {"transactional_db", "live_server"} & set(request.fixturenames)
    if not (transactional or flushing):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    drop_triggers()


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
def _own_media(tmp_path: Path, settings: Settings) -> None:
    """Give each test its own media folder."""
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(scope="session")
def _sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_sandbox: RunningSandbox, settings: Settings) -> RunningSandbox:
    """Is the provider of this test: fast, tiny files, nothing submitted yet."""
    _sandbox.reset()
    settings.WAVESPEED_URL = _sandbox.url
    return _sandbox
