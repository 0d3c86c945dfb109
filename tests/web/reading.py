"""Read an answer as a person would: words without tags."""

import html
import re
from typing import Any

from django.http import HttpResponse


def words(response: HttpResponse | Any) -> str:
    """Return the text of a page in one line."""
    text = re.sub(r"<(script|style|title)\b.*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def source(response: HttpResponse | Any) -> str:
    """Return the HTML of a page with each run of white space as one space, however the template is laid out."""
    return re.sub(r"\s+", " ", response.content.decode())


def value_of(response: HttpResponse | Any, name: str) -> str:
    """Return the value of a hidden input."""
    match = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)">', source(response))
    assert match, f"no hidden input {name}"
    return html.unescape(match[1])


def title_of(response: HttpResponse | Any) -> str:
    """Return what the tab says."""
    match = re.search(r"<title>(.*?)</title>", response.content.decode(), re.DOTALL)
    assert match, "no title"
    return html.unescape(match[1])
