"""Makes the sound of a scene: a soft chord of two tones that fades in and out."""

import math
from array import array

RATE = 24_000
_LOUDNESS = 0.1 * 32767
_FADE_SECONDS = 0.8
# Tones that go into the rate so evenly that a short wave, a fifth above included, can be repeated without a click.
_TONES = (192, 200, 240, 250, 300)


def chord(hue: int, seconds: float) -> bytes:
    """Return that many seconds of 16-bit stereo samples; the hue chooses the tone."""
    tone = _TONES[hue * len(_TONES) // 360]
    total = round(seconds * RATE)
    wave = _wave(tone)
    samples = array("h", wave * (2 * total // len(wave) + 1))[: 2 * total]
    _fade(samples, total)
    return samples.tobytes()


def _wave(tone: int) -> "array[int]":
    """Return one period of the chord, left and right in turn: the lower tone leans left, the fifth right."""
    samples = array("h")
    for n in range(RATE * 2 // tone):
        low = math.sin(2 * math.pi * tone * n / RATE)
        fifth = math.sin(3 * math.pi * tone * n / RATE)
        samples.append(round(_LOUDNESS * (0.65 * low + 0.35 * fifth)))
        samples.append(round(_LOUDNESS * (0.45 * low + 0.55 * fifth)))
    return samples


def _fade(samples: "array[int]", total: int) -> None:
    length = min(round(_FADE_SECONDS * RATE), total // 2)
    for n in range(length):
        strength = (n / length) ** 2
        for side in (0, 1):
            samples[2 * n + side] = round(samples[2 * n + side] * strength)
            last = 2 * (total - 1 - n) + side
            samples[last] = round(samples[last] * strength)
