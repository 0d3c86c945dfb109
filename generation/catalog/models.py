"""The models that we offer, as data.

Facts: WaveSpeed's documentation and captured model catalogue, August 2026.
"""

from generation.catalog.entry import Kind, Operation, Parameter, Size, VideoModel

MOST_PROMPT = 5000  # characters; HunyuanVideo-1.5 names no limit, so that ours is that of the others

_PROMPT = Parameter(name="prompt", kind=Kind.TEXT, label="What should happen?", required=True, max_length=MOST_PROMPT)
_SOUND = Parameter(
    name="generate_audio",
    kind=Kind.BOOLEAN,
    label="Sound",
    help="The model makes a sound track that fits the picture.",
    default=True,
)
_IMAGE = Parameter(
    name="image",
    kind=Kind.IMAGE,
    label="Start picture",
    help="The video begins with it. PNG, JPEG or WebP.",
    required=True,
)
_SOURCE = Parameter(
    name="video",
    kind=Kind.VIDEO,
    label="Source video",
    help="What is changed: one of your videos, or an upload (MP4, MOV or WebM).",
    required=True,
)
_MODE = Parameter(
    name="mode",
    kind=Kind.TEXT,
    label="What to replace",
    default="replace_audio_and_video",
    choices=("replace_audio_and_video", "replace_audio", "replace_video"),
    labels=("Picture and sound", "Sound only", "Picture only"),
)
_START = Parameter(
    name="start_time",
    kind=Kind.NUMBER,
    label="From",
    help="Seconds into the source; it is told to the model in the prompt. The whole length is charged.",
    minimum=0,
    unit="s",
    stands_in_prompt=True,
)
_END = Parameter(
    name="end_time",
    kind=Kind.NUMBER,
    label="To",
    help="Seconds into the source; it is told to the model in the prompt. The whole length is charged.",
    minimum=0,
    unit="s",
    stands_in_prompt=True,
)
_NEGATIVE = Parameter(
    name="negative_prompt",
    kind=Kind.TEXT,
    label="What to avoid",
    help="Things that should not be seen.",
    default="",
    max_length=MOST_PROMPT,
    is_more=True,
)
_SEED = Parameter(
    name="seed",
    kind=Kind.INTEGER,
    label="Seed",
    help="The same seed and prompt lead to a similar video; -1 draws one.",
    default=-1,
    minimum=-1,
    maximum=2147483647,
    is_more=True,
)


def _duration(*choices: int) -> Parameter:
    return Parameter(name="duration", kind=Kind.INTEGER, label="Length", default=choices[0], choices=choices, unit="s")


_FULL_HD = Size(width=1920, height=1080, resolution="1080p", aspect="16:9")
_HUNYUAN_SIZES = (
    Size(width=832, height=480, resolution="480p", aspect="16:9", value="832*480"),
    Size(width=480, height=832, resolution="480p", aspect="9:16", value="480*832"),
    Size(width=1280, height=720, resolution="720p", aspect="16:9", value="1280*720"),
    Size(width=720, height=1280, resolution="720p", aspect="9:16", value="720*1280"),
)
_RESOLUTION = Parameter(name="resolution", kind=Kind.TEXT, label="Resolution", default="720p", choices=("480p", "720p"))
_ASPECT = Parameter(name="aspect_ratio", kind=Kind.TEXT, label="Aspect ratio", default="16:9", choices=("16:9", "9:16"))

# Accepted and ignored, with a warning: what people bring along from other models of the same API.
_LTX_IGNORED = ("negative_prompt", "seed", "audio_base64", "enable_prompt_expansion", "resolution")
_HUNYUAN_IGNORED = ("generate_audio", "audio_base64", "enable_prompt_expansion")

_PRO_SECONDS = _duration(6, 8, 10)
_FAST_SECONDS = _duration(6, 8, 10, 12, 14, 16, 18, 20)
# The documentation page lists 10 s, the captured schema does not; check_models takes it out where it is refused.
_HUNYUAN_SECONDS = _duration(5, 8, 10)
_HUNYUAN_SIZE = Parameter(
    name="size",
    kind=Kind.TEXT,
    label="Picture",
    default="1280*720",
    choices=tuple(size.value for size in _HUNYUAN_SIZES),
    labels=tuple(f"{size.width}×{size.height}" for size in _HUNYUAN_SIZES),
)

# No figure of WaveSpeed's is known for how long a model takes; LTX-2 Fast was once seen to take 109 s for 6 s.
USUAL_SECONDS = 90

LTX_2_PRO = VideoModel(
    id="lightricks/ltx-2-pro/text-to-video",
    names=("ltx-2-pro", "lightricks/ltx-2-pro", "lightricks/ltx-2-pro/text-to-video"),
    operation=Operation.TEXT_TO_VIDEO,
    title="LTX-2 Pro",
    summary="1080p with sound, 6 to 10 s",
    parameters=(_PROMPT, _PRO_SECONDS, _SOUND),
    ignored=_LTX_IGNORED,
    sizes=(_FULL_HD,),
    has_sound=True,
    usual_seconds=USUAL_SECONDS,
)
LTX_2_PRO_IMAGE = VideoModel(
    id="lightricks/ltx-2-pro/image-to-video",
    names=("ltx-2-pro", "lightricks/ltx-2-pro", "lightricks/ltx-2-pro/image-to-video"),
    operation=Operation.IMAGE_TO_VIDEO,
    title="LTX-2 Pro, from a picture",
    summary="Begins with your picture, 1080p with sound, 6 to 10 s",
    parameters=(_PROMPT, _IMAGE, _PRO_SECONDS, _SOUND),
    ignored=_LTX_IGNORED,
    sizes=(_FULL_HD,),
    has_sound=True,
    usual_seconds=USUAL_SECONDS,
)
LTX_2_FAST = VideoModel(
    id="lightricks/ltx-2-fast/text-to-video",
    names=("ltx-2-fast", "lightricks/ltx-2-fast", "lightricks/ltx-2-fast/text-to-video"),
    operation=Operation.TEXT_TO_VIDEO,
    title="LTX-2 Fast",
    summary="1080p with sound, 6 to 20 s",
    parameters=(_PROMPT, _FAST_SECONDS, _SOUND),
    ignored=_LTX_IGNORED,
    sizes=(_FULL_HD,),
    has_sound=True,
    usual_seconds=USUAL_SECONDS,
)
LTX_2_FAST_IMAGE = VideoModel(
    id="lightricks/ltx-2-fast/image-to-video",
    names=("ltx-2-fast", "lightricks/ltx-2-fast", "lightricks/ltx-2-fast/image-to-video"),
    operation=Operation.IMAGE_TO_VIDEO,
    title="LTX-2 Fast, from a picture",
    summary="Begins with your picture, 1080p with sound, 6 to 20 s",
    parameters=(_PROMPT, _IMAGE, _FAST_SECONDS, _SOUND),
    ignored=_LTX_IGNORED,
    sizes=(_FULL_HD,),
    has_sound=True,
    usual_seconds=USUAL_SECONDS,
)
HUNYUAN = VideoModel(
    id="wavespeed-ai/hunyuan-video-1.5/text-to-video",
    names=(
        "hunyuan-video-1.5",
        "wavespeed-ai/hunyuan-video-1.5",
        "wavespeed-ai/hunyuan-video-1.5/text-to-video",
    ),
    operation=Operation.TEXT_TO_VIDEO,
    title="HunyuanVideo-1.5",
    summary="480p or 720p, wide or upright, no sound, 5 to 10 s",
    parameters=(_PROMPT, _HUNYUAN_SIZE, _HUNYUAN_SECONDS, _NEGATIVE, _SEED),
    ignored=_HUNYUAN_IGNORED,
    sizes=_HUNYUAN_SIZES,
    size_parameter="size",
    shorthands=(_RESOLUTION, _ASPECT),
    variants={size.value: size.resolution for size in _HUNYUAN_SIZES},
    variant_parameter="size",
    has_sound=False,
    usual_seconds=USUAL_SECONDS,
)
HUNYUAN_IMAGE = VideoModel(
    id="wavespeed-ai/hunyuan-video-1.5/image-to-video",
    names=(
        "hunyuan-video-1.5",
        "wavespeed-ai/hunyuan-video-1.5",
        "wavespeed-ai/hunyuan-video-1.5/image-to-video",
    ),
    operation=Operation.IMAGE_TO_VIDEO,
    title="HunyuanVideo-1.5, from a picture",
    summary="Begins with your picture, 480p or 720p, no sound, 5 to 10 s",
    parameters=(_PROMPT, _IMAGE, _RESOLUTION, _HUNYUAN_SECONDS, _SEED),
    ignored=_HUNYUAN_IGNORED,
    variants={"480p": "480p", "720p": "720p"},
    variant_parameter="resolution",
    has_sound=False,
    usual_seconds=USUAL_SECONDS,
)
LTX_2_RETAKE = VideoModel(
    id="lightricks/ltx-2-retake",
    names=("ltx-2-retake", "lightricks/ltx-2-retake"),
    operation=Operation.VIDEO_TO_VIDEO,
    title="LTX-2 Retake",
    summary="Changes picture or sound of a video, or of a part of it",
    parameters=(_PROMPT, _SOURCE, _MODE, _START, _END),
    ignored=(*_LTX_IGNORED, "duration"),
    has_sound=True,
    usual_seconds=USUAL_SECONDS,
)

MODELS: tuple[VideoModel, ...] = (
    LTX_2_PRO,
    LTX_2_FAST,
    HUNYUAN,
    LTX_2_PRO_IMAGE,
    LTX_2_FAST_IMAGE,
    HUNYUAN_IMAGE,
    LTX_2_RETAKE,
)
RETIRED: tuple[VideoModel, ...] = ()
"""Models that are no longer offered and whose videos are still looked at: move an entry here, never delete it."""
