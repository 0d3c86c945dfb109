"""Pages in a real Chromium against a live server.

    def test_x(new_page, login, axe, alice):
        page = new_page(viewport=NARROW, color_scheme="dark")   # Playwright's options of a context
        login(page, alice)
        page.goto("/gallery/")
        assert axe(page) == []

A violation of the content policy, an error of a script or a call to another host fails the test by itself.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from tests.sandbox import RunningSandbox, running_sandbox

try:
    from tests.browser import chromium
except ImportError:  # pragma: no cover
    chromium = None  # type: ignore[assignment]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here as the browser's, with a database that the live server sees."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Run Chromium for the tests of a module.

    Not longer: while Playwright runs, its event loop runs in this thread, and other tests start their own. For the
    same reason Django has to be told that its ORM may be used here.
    """
    if chromium is None:
        pytest.skip("playwright or axe-playwright-python is not installed")
    if not Path(chromium.EXECUTABLE).exists():
        pytest.skip(f"{chromium.EXECUTABLE} is not there: install Chromium to run the browser tests")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        with chromium.running_chromium() as running:
            yield running


@pytest.fixture
def new_page(browser: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a page in a context of its own, in which addresses begin at the live server."""
    cache.clear()  # of how often this address has tried to sign in
    watched, contexts = [], []

    def opened(**options: Any) -> Any:
        context = browser.new_context(base_url=live_server.url, **({"viewport": chromium.WIDE} | options))
        contexts.append(context)
        watched.append(chromium.Watched(context, live_server.url))
        context.set_default_timeout(30_000)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()
    assert [trouble for one in watched for trouble in one.troubles] == []


@pytest.fixture
def page(new_page: Callable[..., Any]) -> Any:
    """Open a wide page in light."""
    return new_page()


@pytest.fixture
def login(live_server: Any) -> Callable[[Any, Any], None]:
    """Return a function that signs a user in, in the context of a page, without typing."""

    def signed_in(page: Any, user: Any) -> None:
        client = Client()
        client.force_login(user)
        cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])

    return signed_in


@pytest.fixture
def whole_sandbox(settings: Settings) -> Iterator[RunningSandbox]:
    """Is the provider of this test and renders in the wished size."""
    with running_sandbox(tiny=False) as sandbox:
        settings.WAVESPEED_URL = sandbox.url
        yield sandbox


@pytest.fixture
def axe() -> Callable[[Any], list[str]]:
    """Return a function that says what is wrong with a page by WCAG 2.2 AA."""
    return chromium.axe
