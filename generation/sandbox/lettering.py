"""Makes a prompt fit for drawing: in letters that the font has, at a size and in lines that fit."""

import math
import unicodedata
from functools import lru_cache

from PIL import ImageFont

LINE = 1.32

_SHOWN_CHARACTERS = 700
_SIZES = (8.5, 7.0, 5.6, 4.4, 3.6, 3.0)
# A character that is none: the font shows its mark for what it lacks.
_NOT_A_CHARACTER = "\U0010ffff"
_STAND_INS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "–": "-", "—": "-", "„": '"', "×": "x"}
_UNKNOWN = "·"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=64)
def font_of(size: float) -> Font:
    """Return the font that comes with Pillow; the size is in pixels."""
    return ImageFont.load_default(max(6, round(size)))


def drawable(prompt: str) -> str:
    """Return what can be drawn of a prompt: the font's letters, without accents if need be, and not too much of it."""
    readable = prompt.encode("utf-8", "replace").decode()
    short = readable if len(readable) <= _SHOWN_CHARACTERS else f"{readable[:_SHOWN_CHARACTERS]}..."
    return "".join(_letter(character) for character in short)


def fitted(text: str, width: float, room: float, unit: float) -> tuple[float, list[str]]:
    """Return the largest size at which the text fits and its lines; what fits at no size is cut off."""
    size, lines = 0.0, [""]
    for units in _SIZES:
        size = units * unit
        lines = _wrapped(text, font_of(size), width)
        if len(lines) * size * LINE <= room:
            return size, lines
    kept = lines[: max(1, math.floor(room / (size * LINE)))]
    return size, [*kept[:-1], f"{kept[-1][:-3]}..."]


@lru_cache(maxsize=4096)
def _letter(character: str) -> str:
    if not character.isprintable():
        return " "
    if _has(character):
        return character
    plain = _STAND_INS.get(character) or unicodedata.normalize("NFKD", character)
    letters = "".join(each for each in plain if not unicodedata.combining(each))
    return letters if letters and all(_has(each) for each in letters) else _UNKNOWN


def _has(character: str) -> bool:
    font = font_of(24)
    return character == " " or bytes(font.getmask(character)) != bytes(font.getmask(_NOT_A_CHARACTER))


def _wrapped(text: str, font: Font, width: float) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in _breakable(text, font, width):
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line] if line else lines


def _breakable(text: str, font: Font, width: float) -> list[str]:
    """Split a text into words, and words wider than a line into pieces."""
    pieces: list[str] = []
    for word in text.split():
        fits = max(1, int(len(word) * width / max(width, font.getlength(word))))
        pieces += [word[start : start + fits] for start in range(0, len(word), fits)]
    return pieces
