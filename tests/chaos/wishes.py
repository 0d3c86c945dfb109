"""What is wished in a storm: each job its own prompt, often with a fault of the sandbox, and what may come of it."""

import random
from dataclasses import dataclass

SUCCEEDED = "succeeded"
NEVER = "never_created"  # nobody could know, and the provider has nothing of it

_MODELS = {
    "ltx-2-pro": ((6, 8, 10), 60_000),
    "ltx-2-fast": ((6, 12, 20), 40_000),
    "hunyuan-video-1.5": ((5, 8, 10), 40_000),
}
"""Lengths and micro-dollars a second, typed from the provider's documentation."""
_RETAKE, _A_SECOND_OF_RETAKE = "ltx-2-retake", 100_000
SOURCE_SECONDS = 2  # of the video that retakes are made from
MEDIA_DOORS = ("upload", "multipart", "retake")
"""A picture that is sent first and then named, one that comes along, and a video that is sent first."""

_SOUND = 60  # of a hundred jobs have no fault of their own

FAULTS: dict[str, str] = {
    # It happens, and then all goes well.
    **dict.fromkeys(
        (
            *("rate_limited*1", "rate_limited_retry_after*1", "unauthorized*1", "no_credit*1"),
            *("hang=1", "slow=2", "output_object", "unknown_status*3"),
            *("503_polling", "5003_polling", "unreadable_polling", "dropped_polling", "429_polling"),
            *("cut", "503_output", "slow_drip=1", "wrong_size", "wrong_length", "no_sound"),
            # Nobody hears that it was taken; the list tells.
            *("dropped", "500_after", "5003", "unreadable", "no_id", "plain_429_after"),
        ),
        SUCCEEDED,
    ),
    # Nobody hears that it was not taken.
    **dict.fromkeys(("500_before", "408_before", "5003_before", "dropped_before", "plain_429"), NEVER),
    "refused": "refused",
    "refused_envelope": "refused",
    "failed": "provider_failed",
    "moderated": "moderated",
    "timeout": "provider_timeout",
    "cancelled": "provider_canceled",
    "no_outputs": "no_output",
    "html": "no_video",
    "empty": "no_video",
    "garbage": "no_video",
    "gone": "output_gone",
}
"""Words for the prompt, and how the job ends: "succeeded", or the code of its error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One wished video. `cost` in micro-dollars, `end` as in FAULTS."""

    number: int
    prompt: str
    model: str
    duration: int
    cost: int
    end: str
    door: str

    @property
    def body(self) -> dict[str, object]:
        """What the API is told, but for media: a retake is as long as its source."""
        told: dict[str, object] = {"model": self.model, "prompt": self.prompt}
        return told if self.door == "retake" else told | {"duration": self.duration}

    @property
    def ends(self) -> set[str]:
        """How its job may end: whoever dies in the POST leaves what only a look into the list can tell."""
        return {self.end, NEVER}


def wishes(number: int, *, dice: random.Random, doors: tuple[str, ...]) -> list[Wish]:
    """Draw wishes; the faults come in a shuffled order, so that few jobs still have many kinds."""
    faults = list(FAULTS)
    dice.shuffle(faults)
    return [_wish(place, dice, faults, doors) for place in range(number)]


def _wish(number: int, dice: random.Random, faults: list[str], doors: tuple[str, ...]) -> Wish:
    door = dice.choice(doors)
    if door == "retake":
        model, duration, a_second = _RETAKE, SOURCE_SECONDS, _A_SECOND_OF_RETAKE
    else:
        model = dice.choice(list(_MODELS)) if door != "form" else "ltx-2-pro"
        durations, a_second = _MODELS[model]
        duration = dice.choice(durations)
    fault = "" if dice.randrange(100) < _SOUND else faults[number % len(faults)]
    return Wish(
        number=number,
        prompt=f"Fox {number}" + (f" [fault:{fault}]" if fault else ""),
        model=model,
        duration=duration,
        cost=duration * a_second,
        end=FAULTS[fault] if fault else SUCCEEDED,
        door=door,
    )
