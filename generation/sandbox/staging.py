"""Turns the inputs of a prediction into the scene to render."""

from dataclasses import replace
from typing import Any

from .media import MediaError, clip, picture
from .predictions import Prediction
from .prices import Prices
from .scene import Scene, hue_of
from .schemas import with_defaults
from .uploads import Uploads

_SECONDS = 6  # where a changed schema knows no length
_FULL_HD = (1920, 1080)
_RESOLUTIONS = {"480p": (832, 480), "720p": (1280, 720)}


def scene_of(prediction: Prediction, uploads: Uploads, prices: Prices) -> Scene:
    """Return what is to be seen; reads media from disk, and a retake learns its cost here."""
    if "video" in prediction.inputs:
        return _retake(prediction, uploads, prices)
    inputs = with_defaults(prediction.model, prediction.inputs)
    width, height = _size(inputs)
    scene = Scene(
        model=prediction.model.id,
        prompt=inputs["prompt"],
        hue=hue_of(inputs["prompt"]),
        width=width,
        height=height,
        duration=float(inputs.get("duration", _SECONDS)),
        sound=inputs.get("generate_audio", False),
    )
    return _animated(scene, prediction, uploads) if "image" in inputs else scene


def _size(inputs: dict[str, Any]) -> tuple[int, int]:
    if "size" in inputs:
        width, height = inputs["size"].split("*")
        return int(width), int(height)
    return _RESOLUTIONS.get(inputs.get("resolution", ""), _FULL_HD)


def _animated(scene: Scene, prediction: Prediction, uploads: Uploads) -> Scene:
    """Put the given picture behind the scene; an upright one turns a Hunyuan picture upright."""
    path = uploads.at(prediction.inputs["image"], prediction.origin)
    if path is None:
        raise MediaError(1402, "the image could not be fetched")
    width, height, sha256 = picture(path)
    upright = height > width and "resolution" in prediction.model.request["properties"]
    return replace(
        scene,
        width=scene.height if upright else scene.width,
        height=scene.width if upright else scene.height,
        backdrop=path,
        backdrop_sha256=sha256,
    )


def _retake(prediction: Prediction, uploads: Uploads, prices: Prices) -> Scene:
    """As long and as large as the source."""
    path = uploads.at(prediction.inputs["video"], prediction.origin)
    if path is None:
        raise MediaError(1402, "the video could not be fetched")
    source = clip(path)
    inputs = with_defaults(prediction.model, prediction.inputs)
    prediction.cost = prices.of(prediction.model, inputs, source.duration)
    return Scene(
        model=prediction.model.id,
        prompt=inputs["prompt"],
        hue=hue_of(inputs["prompt"]),
        # H.264 in 4:2:0 has no odd sizes.
        width=max(2, source.width // 2 * 2),
        height=max(2, source.height // 2 * 2),
        duration=source.duration,
        sound=source.sound or inputs.get("mode") != "replace_video",
    )
