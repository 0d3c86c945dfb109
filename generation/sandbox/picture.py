"""Draws the pictures of a scene: a dark stage, a clapperboard's stripe, the prompt, a running timecode, SANDBOX."""

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageOps

from .lettering import LINE, drawable, fitted, font_of
from .scene import Scene

_WHITE = (242, 242, 246)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things stand; all lengths in pixels."""

    width: int
    height: int
    unit: float
    margin: int
    stripe: int
    middle_top: int
    middle_bottom: int


class Painter:
    """Draws one scene; what does not change between its pictures is drawn once."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._at = _layout(scene)
        self._stage = _stage(scene)
        self._write_what_stays()

    def picture(self, second: float) -> Image.Image:
        """Draw the picture at that second."""
        image = self._stage.copy()
        draw = ImageDraw.Draw(image)
        self._stripe(draw, second)
        self._clock(draw, second)
        self._bar(draw, second)
        return image

    def _write_what_stays(self) -> None:
        draw = ImageDraw.Draw(self._stage)
        at, scene = self._at, self._scene
        top = at.stripe + at.margin * 0.55
        draw.text((at.margin, top), scene.model, font=font_of(at.unit * 3.1), fill=scene.tint(0.78, 0.35))
        self._badge(draw)
        self._prompt(draw)

    def _badge(self, draw: ImageDraw.ImageDraw) -> None:
        at, font = self._at, font_of(self._at.unit * 2.9)
        wide = font.getlength("SANDBOX")
        right, bottom = at.width - at.margin, at.height - at.margin * 1.05
        pad = at.unit * 1.5
        box = (right - wide - 2 * pad, bottom - at.unit * 5.4, right, bottom)
        draw.rounded_rectangle(box, radius=at.unit * 1.2, fill=self._scene.tint(0.66, 0.75))
        draw.text((right - wide - pad, (box[1] + box[3]) / 2), "SANDBOX", font=font, fill=(14, 14, 18), anchor="lm")

    def _prompt(self, draw: ImageDraw.ImageDraw) -> None:
        at = self._at
        room = at.middle_bottom - at.middle_top
        size, lines = fitted(drawable(self._scene.prompt), at.width - 2 * at.margin, room, at.unit)
        line = size * LINE
        y = at.middle_top + max(0.0, (room - line * len(lines)) / 2)
        for text in lines:
            draw.text((at.margin, y), text, font=font_of(size), fill=_WHITE)
            y += line

    def _stripe(self, draw: ImageDraw.ImageDraw, second: float) -> None:
        # A clapperboard's bars, marching by a quarter of their width at each picture.
        at = self._at
        bar, lean = at.stripe * 1.25, at.stripe * 0.75
        draw.rectangle((0, 0, at.width, at.stripe), fill=(12, 12, 16))
        x = -2 * bar - lean + (second * 0.5 * bar) % (2 * bar)
        while x < at.width + lean:
            corners = [(x + lean, 0), (x + lean + bar, 0), (x + bar, at.stripe), (x, at.stripe)]
            draw.polygon(corners, fill=(236, 234, 228))
            x += 2 * bar
        draw.rectangle((0, at.stripe, at.width, at.stripe + max(1, at.unit * 0.45)), fill=self._scene.tint(0.6, 0.75))

    def _clock(self, draw: ImageDraw.ImageDraw, second: float) -> None:
        at, scene = self._at, self._scene
        middle = at.height - at.margin * 1.05 - at.unit * 2.7
        dot = at.unit * 1.1
        lit = scene.tint(0.6, 0.85) if int(second * 2) % 2 == 0 else scene.tint(0.28, 0.4)
        draw.ellipse((at.margin, middle - dot, at.margin + 2 * dot, middle + dot), fill=lit)
        x = at.margin + at.unit * 3.6
        big, small = font_of(at.unit * 6.2), font_of(at.unit * 3)
        draw.text((x, middle), _timecode(second), font=big, fill=_WHITE, anchor="lm")
        x += big.getlength("00:00.0") + at.unit * 2
        draw.text((x, middle), f"/ {_timecode(scene.duration)}", font=small, fill=scene.tint(0.7, 0.25), anchor="lm")

    def _bar(self, draw: ImageDraw.ImageDraw, second: float) -> None:
        at, scene = self._at, self._scene
        top = at.height - max(2, round(at.unit * 0.9))
        done = min(1.0, (second + 0.5) / scene.duration)
        draw.rectangle((0, top, at.width, at.height), fill=scene.tint(0.16, 0.4))
        draw.rectangle((0, top, at.width * done, at.height), fill=scene.tint(0.6, 0.8))


def _layout(scene: Scene) -> _Layout:
    unit = min(scene.width, scene.height) / 100
    margin, stripe = round(unit * 7), round(unit * 9)
    return _Layout(
        width=scene.width,
        height=scene.height,
        unit=unit,
        margin=margin,
        stripe=stripe,
        middle_top=stripe + margin + round(unit * 4),
        middle_bottom=scene.height - margin - round(unit * 12),
    )


def _stage(scene: Scene) -> Image.Image:
    size = (scene.width, scene.height)
    if scene.backdrop is not None:
        with Image.open(scene.backdrop) as picture:
            behind = ImageOps.fit(picture.convert("RGB"), size)
        return Image.blend(behind, Image.new("RGB", size, scene.tint(0.05, 0.5)), 0.62)
    stage = Image.new("RGB", size, scene.tint(0.055, 0.5))
    _glow(stage, scene.tint(0.34, 0.7), (0.86, 0.2), 1.15)
    warm = Scene.tint(_turned(scene), 0.26, 0.6)
    _glow(stage, warm, (0.08, 0.95), 0.95)
    return stage


def _turned(scene: Scene) -> Scene:
    """A second colour that goes with the first one."""
    return Scene(
        model="", prompt="", hue=(scene.hue + 48) % 360, width=2, height=2, duration=scene.duration, sound=False
    )


def _glow(stage: Image.Image, color: tuple[int, int, int], center: tuple[float, float], reach: float) -> None:
    """Light the stage softly around a point given as parts of its width and height."""
    radius = round(max(stage.size) * reach)
    # The gradient runs from 0 in the middle to 180 at the nearest edge; squared, where it ends cannot be seen.
    light = Image.radial_gradient("L").point([round((max(0, 178 - n) / 178) ** 2 * 205) for n in range(256)])
    mask = light.resize((2 * radius, 2 * radius), Image.Resampling.BICUBIC)
    left, top = round(stage.width * center[0]) - radius, round(stage.height * center[1]) - radius
    stage.paste(color, (left, top), mask)


def _timecode(second: float) -> str:
    minutes, seconds = divmod(second, 60)
    return f"{int(minutes):02d}:{seconds:04.1f}"
