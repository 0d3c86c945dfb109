"""How browser tests start Chromium, watch its console and ask axe."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

EXECUTABLE = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-background-networking"]

WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}

_NO_TROUBLE = ("Failed to load resource", "htmx:sendAbort", "htmx:afterRequest")
_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Colours on their way from one to another are no colours of ours.
_IS_STILL = """() => !document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling")
    && document.getAnimations().every(each => each.playState !== "running" || each.effect.getTiming().iterations > 1)"""


@contextmanager
def running_chromium(**options: Any) -> Iterator[Browser]:
    """Run Debian's Chromium; `options` are Playwright's, such as ignore_default_args."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=ARGUMENTS, **options)
        try:
            yield browser
        finally:
            browser.close()


def axe(page: Page) -> list[str]:
    """Return what axe finds against WCAG 2.2 AA on the page, a line each; [] is what we want."""
    page.wait_for_function(_IS_STILL)
    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": _WCAG}}
    violations = Axe().run(page, options=options).response["violations"]
    return [f"{found['id']}: {json.dumps([node['html'][:200] for node in found['nodes']])}" for found in violations]


class Watched:
    """What went wrong in the pages of a context: violations of the policy, errors of scripts, calls to other hosts."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.troubles: list[str] = []
        self._url = url
        context.on("console", self._console)
        context.on("weberror", lambda error: self.troubles.append(f"script: {error.error}"))
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # A 404 or 422 that a test asks for is written to the console as well, and by htmx an upload that was called
        # back; scripts and the policy are what we watch.
        if message.type in {"error", "warning"} and not message.text.startswith(_NO_TROUBLE):
            self.troubles.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self._url, "data:", "blob:")):
            self.troubles.append(f"foreign host: {request.url}")
