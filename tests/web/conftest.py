"""Fixtures of the pages' tests: browsers without a script, each signed in as somebody."""

import pytest
from django.test import Client

from billing.models import User


@pytest.fixture
def browser_of_alice(alice: User) -> Client:
    """Is signed in as Alice."""
    return browser_of(alice)


@pytest.fixture
def browser_of_bob(bob: User) -> Client:
    """Is signed in as Bob."""
    return browser_of(bob)


def browser_of(user: User) -> Client:
    """Return a browser that is signed in as a user."""
    client = Client()
    client.force_login(user)
    return client
