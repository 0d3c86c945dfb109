"""The stylesheet, the script and the templates as texts: size, contrast, and nothing that the strict policy drops."""

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings

from generation.web.icons import NAMES

ROOT = Path(settings.BASE_DIR)
STATIC = ROOT / "generation" / "static"
CSS = (STATIC / "clapboard.css").read_text()
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

TOKENS = dict(re.findall(r"--([\w-]+): (light-dark\([^)]*\)|#[0-9A-F]{6});", CSS))
GROUNDS = ("bg", "surface", "sunken")
WORDS = ("text", "muted", "hint", "accent-text", "link", "idle", "info", "ok", "warn", "bad", "review", "sandbox")
TINTED = ("idle", "info", "ok", "warn", "bad", "review", "sandbox")
SHAPES = ("control", "focus", "progress", "danger-fill")


def colour(token: str, scheme: int) -> str:
    """Return the value of a token in light (0) or dark (1)."""
    found = re.findall(r"#[0-9A-Fa-f]{6}", TOKENS[token])
    return found[scheme] if len(found) == 2 else found[0]


def luminance(value: str) -> float:
    parts = [int(value[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str, scheme: int) -> float:
    high, low = sorted((luminance(colour(one, scheme)), luminance(colour(other, scheme))), reverse=True)
    return (high + 0.05) / (low + 0.05)


def pairs() -> list[tuple[str, str, float]]:
    """Return which token stands on which, and the contrast that WCAG wants of it."""
    return [
        *((word, ground, 4.5) for word in WORDS for ground in GROUNDS),
        *((word, f"{word}-tint", 4.5) for word in TINTED),
        *((shape, ground, 3.0) for shape in SHAPES for ground in GROUNDS),
        ("on-accent", "accent", 4.5),
        ("on-accent", "accent-hover", 4.5),
        ("on-danger", "danger-fill", 4.5),
        ("on-stage", "stage", 4.5),
        ("on-stage-muted", "stage", 4.5),
    ]


def test_the_contrast_of_black_and_white_is_computed_right(monkeypatch):
    monkeypatch.setitem(TOKENS, "black", "#000000")
    monkeypatch.setitem(TOKENS, "white", "#FFFFFF")
    assert contrast("black", "white", 0) == pytest.approx(21)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_pair_of_tokens_has_its_contrast(scheme):
    measured = {f"{one} on {other}": (contrast(one, other, scheme), least) for one, other, least in pairs()}
    assert {pair: round(value, 2) for pair, (value, least) in measured.items() if value < least} == {}


def test_light_and_dark_differ_in_their_ground():
    assert colour("bg", 0) != colour("bg", 1)


def test_stylesheets_and_scripts_stay_small():
    assert sum(len(path.read_bytes()) for path in STATIC.glob("*.css")) < 30 * 1024
    assert len((STATIC / "clapboard.js").read_bytes()) < 8 * 1024
    assert sum(len(gzip.compress(path.read_bytes())) for path in STATIC.glob("*.js")) < 5 * 1024


def test_styles_have_neither_gradients_nor_foreign_files():
    assert not re.search(r"gradient\(|@import|url\(", CSS)


def test_templates_have_no_inline_style_or_script():
    inline = re.compile(r"\sstyle=|\son[a-z]+=|<style|hx-on|hx-vars|\bjs:|<script(?![^>]*(\ssrc=|application/json))")
    found = [(path.name, hit[0]) for path in TEMPLATES for hit in inline.finditer(path.read_text())]
    assert found == []


def test_icons_named_in_templates_are_in_the_sprite():
    named = {name for path in TEMPLATES for name in re.findall(r'{% icon "([^"]+)" %}', path.read_text())}
    assert named <= NAMES
