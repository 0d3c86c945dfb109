"""What the provider charges, in integers of micro-dollars (1 USD = 1,000,000)."""

import math
from collections.abc import Mapping
from typing import Any

from .schemas import Model, with_defaults

_A_SECOND = {
    "lightricks/ltx-2-pro/text-to-video": 60_000,
    "lightricks/ltx-2-pro/image-to-video": 60_000,
    "lightricks/ltx-2-fast/text-to-video": 40_000,
    "lightricks/ltx-2-fast/image-to-video": 40_000,
    "lightricks/ltx-2-retake": 100_000,
    "wavespeed-ai/hunyuan-video-1.5/text-to-video": 40_000,
    "wavespeed-ai/hunyuan-video-1.5/image-to-video": 40_000,
}
# The smaller Hunyuan pictures cost half.
_SMALL = {"832*480", "480*832", "480p"}
_WITHOUT_LENGTH = 1


class Prices:
    """The price list: the shipped one, with dollars a second of one's own for some models."""

    def __init__(self, own: Mapping[str, float]) -> None:
        self._own = {model: to_micros(dollars) for model, dollars in own.items()}

    def of(self, model: Model, inputs: Mapping[str, Any], source_seconds: float = 0.0) -> int:
        """Return what a prediction with these inputs costs; a retake costs by the length of its source."""
        full = with_defaults(model, inputs)
        return self._seconds(full, source_seconds) * self._a_second(model, full)

    def floor(self, model: Model) -> int:
        """Return `base_price`: the cheapest job there is, not the usual one."""
        properties = model.request["properties"]
        rule = properties.get("duration", {})
        lengths = rule.get("enum") or [rule.get("minimum", rule.get("default", _WITHOUT_LENGTH))]
        small = {"size": "832*480"} if "size" in properties else {"resolution": "480p"}
        return min(self._seconds({"duration": length}) for length in lengths) * self._a_second(model, small)

    def asked(self, model: Model, inputs: Mapping[str, Any], source_seconds: float = 0.0) -> int:
        """Return what the price route says: inputs that leave something out silently get the floor."""
        told = {"duration", "size", "resolution"} & set(model.request["properties"]) <= set(inputs)
        known = source_seconds > 0 if "video" in model.request["properties"] else told
        return self.of(model, inputs, source_seconds) if known else self.floor(model)

    @staticmethod
    def _seconds(inputs: Mapping[str, Any], source_seconds: float = 0.0) -> int:
        length = inputs.get("duration")
        try:
            return int(length)  # type: ignore[arg-type]  # whatever a changed schema calls a length
        except (TypeError, ValueError):
            return max(_WITHOUT_LENGTH, math.ceil(source_seconds - 0.1))

    def _a_second(self, model: Model, inputs: Mapping[str, Any]) -> int:
        if model.id in self._own:
            return self._own[model.id]
        small = inputs.get("size", inputs.get("resolution")) in _SMALL
        halved = small and model.id.startswith("wavespeed-ai/hunyuan")
        return _A_SECOND[model.id] // (2 if halved else 1)


def to_micros(dollars: float) -> int:
    """Turn dollars into micro-dollars."""
    return round(dollars * 1_000_000)


def to_dollars(micros: int) -> float:
    """Turn micro-dollars into the floating dollars that the provider speaks."""
    return micros / 1_000_000
