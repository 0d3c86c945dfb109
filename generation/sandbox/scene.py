"""What is to be seen and heard in one rendered file."""

import colorsys
import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

# Raise it when the drawing changes, or old files of the cache would be served.
_DRAWING = 2
_TINY = (160, 90)
_TINY_WRONG = (128, 72)
_WRONG = (640, 360)
_SHARED_HUES = 6

Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that shows in a file, and nothing else: two equal scenes are one file."""

    model: str
    prompt: str
    hue: int
    width: int
    height: int
    # Seconds; a multiple of 1/24 at best.
    duration: float
    sound: bool
    fps: int = 24
    # A picture to put behind it all, and what is in it.
    backdrop: Path | None = None
    backdrop_sha256: str = ""

    @property
    def key(self) -> str:
        """Name the content: the same for every scene that looks and sounds the same."""
        seen = {name: str(value) for name, value in asdict(self).items() if name != "backdrop"}
        return hashlib.sha256(repr((_DRAWING, sorted(seen.items()))).encode()).hexdigest()[:32]

    def tint(self, lightness: float, saturation: float) -> Color:
        """Return a colour of this scene's hue; both figures from 0 to 1."""
        red, green, blue = colorsys.hls_to_rgb(self.hue / 360, lightness, saturation)
        return round(red * 255), round(green * 255), round(blue * 255)


def hue_of(prompt: str) -> int:
    """Return the colour of a prompt, as degrees."""
    return int.from_bytes(hashlib.sha256(prompt.encode("utf-8", "replace")).digest()[:4], "big") % 360


def shared(scene: Scene) -> Scene:
    """Leave out what differs between prompts, so that few files serve many of them."""
    step = 360 // _SHARED_HUES
    even = (scene.duration * 2).is_integer()
    return replace(
        scene,
        prompt="",
        hue=scene.hue // step * step,
        fps=2 if even else scene.fps,
        backdrop=None,
        backdrop_sha256="",
    )


def tiny(scene: Scene) -> Scene:
    """Shrink the picture, whatever the model promises."""
    width, height = _TINY
    return replace(shared(scene), width=width, height=height)


def spoiled(scene: Scene, fault: str) -> Scene:
    """Return the scene as that fault makes it."""
    if fault == "wrong_size":
        width, height = _TINY_WRONG if (scene.width, scene.height) == _TINY else _WRONG
        return replace(scene, width=width, height=height)
    if fault == "wrong_length":
        return replace(scene, duration=scene.duration / 2)
    return replace(scene, sound=False)
