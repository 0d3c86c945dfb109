"""A wish becomes a spec or a complaint."""

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.catalog import (
    HUNYUAN,
    HUNYUAN_IMAGE,
    LTX_2_FAST,
    LTX_2_FAST_IMAGE,
    LTX_2_PRO,
    LTX_2_PRO_IMAGE,
    LTX_2_RETAKE,
    MODELS,
    Kind,
)
from generation.spec import InvalidSpec, Media, NoMedia, billed_seconds, shown, video_spec

WISH = {"model": "ltx-2-pro", "prompt": "A red fox in snow"}
IMAGE = Media(kind=Kind.IMAGE, given_as="image", width=640, height=480)
VIDEO = Media(kind=Kind.VIDEO, given_as="video", width=1280, height=720, seconds=6.04, has_audio=True)
RETAKE = {"model": "ltx-2-retake", "prompt": "a blue car", "video": VIDEO}
LEAST = {  # what each model must be told
    model.id: {"model": model.id, "prompt": "A fox"} | ({model.media.name: media} if model.media else {})
    for model in MODELS
    for media in [VIDEO if model is LTX_2_RETAKE else IMAGE]
}
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)


def complaints(wish):
    with pytest.raises(InvalidSpec) as raised:
        video_spec(wish)
    return {complaint.field: complaint.message for complaint in raised.value.complaints}


def test_defaults_are_filled_in():
    spec = video_spec(WISH)
    assert (spec.model, spec.prompt) == (LTX_2_PRO, "A red fox in snow")
    assert spec.parameters == {"duration": 6, "generate_audio": True}
    assert (spec.seconds, spec.variant, spec.media, spec.warnings) == (6, "", None, ())


def test_only_what_the_model_takes_is_sent():
    spec = video_spec(WISH | {"duration": 10, "generate_audio": False, "seed": 7})
    assert spec.model.inputs(spec.prompt, spec.parameters) == {
        "prompt": "A red fox in snow",
        "duration": 10,
        "generate_audio": False,
    }
    assert [warning.field for warning in spec.warnings] == ["seed"]


def test_a_spec_is_frozen():
    with pytest.raises(FrozenInstanceError):
        video_spec(WISH).prompt = "another"


def test_the_wish_is_left_as_it_was():
    wish = dict(WISH)
    video_spec(wish)
    assert wish == WISH


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duration": 7}, "7 is not offered; allowed: 6, 8 or 10."),
        ({"duration": "6"}, '"6" is not a whole number; allowed: 6, 8 or 10.'),
        ({"duration": True}, "true is not a whole number; allowed: 6, 8 or 10."),
        ({"duration": 6.0}, "6.0 is not a whole number; allowed: 6, 8 or 10."),
        ({"duration": None}, "null is not a whole number; allowed: 6, 8 or 10."),
        ({"generate_audio": "yes"}, '"yes" is not true or false; allowed: true or false.'),
        ({"generate_audio": 0}, "0 is not true or false; allowed: true or false."),
        ({"prompt": " \n"}, "This is blank; allowed: text of 1 to 5000 characters."),
        ({"prompt": "x" * 5001}, "This has 5001 characters; allowed: text of 1 to 5000 characters."),
        ({"prompt": 5}, "5 is not text; allowed: text of 1 to 5000 characters."),
        ({"prompt": ["a"]}, "a list is not text; allowed: text of 1 to 5000 characters."),
        (
            {"prompt": "a\0b"},
            "This contains a NUL or half a character; allowed: text of 1 to 5000 characters.",
        ),
        (
            {"prompt": "a\ud800b"},
            "This contains a NUL or half a character; allowed: text of 1 to 5000 characters.",
        ),
        ({"fps": 24}, 'LTX-2 Pro has no parameter "fps", given as 24; it takes: prompt, duration, generate_audio.'),
    ],
)
def test_a_complaint_names_value_and_what_is_allowed(change, message):
    (field,) = change
    assert complaints(WISH | change) == {field: message}


def test_a_missing_prompt_is_required():
    assert complaints({"model": "ltx-2-pro"}) == {"prompt": "This is required: text of 1 to 5000 characters."}


def test_all_complaints_come_at_once():
    assert set(complaints({"model": "ltx-2-pro", "duration": 7, "x": 1})) == {"prompt", "duration", "x"}


@pytest.mark.parametrize("model", [None, "", 7, [], {}, "sora-2", "LTX-2-PRO", " ltx-2-pro", "\ud800", "x" * 9999])
def test_a_model_that_is_not_offered_is_the_only_complaint(model):
    found = complaints({"model": model, "prompt": ""})
    assert set(found) == {"model"}
    assert len(found["model"]) < 600


def test_an_unknown_model_is_answered_with_those_there_are():
    message = complaints({"model": "sora-2", "prompt": "x"})["model"]
    names = "ltx-2-pro, ltx-2-fast, hunyuan-video-1.5, ltx-2-retake"
    assert message == f'"sora-2" is not a model we offer; allowed: {names}.'


@every_model
def test_each_ignored_parameter_gives_one_warning(model):
    spec = video_spec(LEAST[model.id] | dict.fromkeys(model.ignored, "whatever"))
    assert [warning.field for warning in spec.warnings] == list(model.ignored)
    assert all(warning.message == f"{model.title} has no {warning.field}; it is ignored." for warning in spec.warnings)
    assert not spec.parameters.keys() & set(model.ignored)


@every_model
def test_any_other_parameter_is_an_error(model):
    assert set(complaints(LEAST[model.id] | {"fps": 24, "aspect": "1:1"})) == {"fps", "aspect"}


@pytest.mark.parametrize("model", [LTX_2_PRO, LTX_2_FAST, HUNYUAN], ids=lambda model: model.id)
def test_a_full_id_without_pictures_takes_none(model):
    assert set(complaints({"model": model.id, "prompt": "A fox", "image": IMAGE})) == {"image"}


@pytest.mark.parametrize(
    ("name", "twin"),
    [("ltx-2-pro", LTX_2_PRO_IMAGE), ("ltx-2-fast", LTX_2_FAST_IMAGE), ("hunyuan-video-1.5", HUNYUAN_IMAGE)],
)
def test_a_short_name_with_a_picture_is_its_twin(name, twin):
    spec = video_spec({"model": name, "prompt": "A fox", "image": IMAGE})
    assert (spec.model, spec.media) == (twin, IMAGE)
    assert "image" not in spec.parameters


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("abc", '"abc" is not the id of an uploaded picture.'),
        (NoMedia(given_as="image", message="It was deleted."), "It was deleted."),
        (VIDEO, "This is a video; allowed: the id of an uploaded picture."),
    ],
)
def test_what_is_no_picture_is_told(image, message):
    found = complaints({"model": "ltx-2-pro", "prompt": "A fox", "image": image})
    assert list(found.values()) == [message]


@pytest.mark.parametrize(
    ("said", "size", "variant"),
    [
        ({}, "1280*720", "720p"),
        ({"resolution": "480p"}, "832*480", "480p"),
        ({"aspect_ratio": "9:16"}, "720*1280", "720p"),
        ({"resolution": "480p", "aspect_ratio": "9:16"}, "480*832", "480p"),
        ({"size": "480*832", "resolution": "480p", "aspect_ratio": "9:16"}, "480*832", "480p"),
        ({"size": "480*832", "resolution": "480p"}, "480*832", "480p"),
        ({"size": "480*832", "aspect_ratio": "9:16"}, "480*832", "480p"),
    ],
)
def test_resolution_and_aspect_stand_for_a_size(said, size, variant):
    spec = video_spec({"model": "hunyuan-video-1.5", "prompt": "A fox", **said})
    assert (spec.parameters["size"], spec.variant) == (size, variant)
    assert not spec.parameters.keys() & {"resolution", "aspect_ratio"}


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"resolution": "1080p"}, "resolution", '"1080p" is not offered; allowed: 480p or 720p.'),
        ({"resolution": 720}, "resolution", "720 is not text; allowed: 480p or 720p."),
        ({"aspect_ratio": "1:1"}, "aspect_ratio", '"1:1" is not offered; allowed: 16:9 or 9:16.'),
        ({"resolution": "480p", "size": "1280*720"}, "size", 'which is "832*480"; say only one.'),
        ({"seed": -2}, "seed", "-2 is out of range; allowed: -1 to 2147483647."),
        ({"seed": 2**31}, "seed", "2147483648 is out of range"),
        ({"negative_prompt": "x" * 5001}, "negative_prompt", "5001 characters; allowed: text of up to 5000"),
        ({"duration": 6}, "duration", "6 is not offered; allowed: 5, 8 or 10."),
        ({"size": "1280x720"}, "size", "is not offered; allowed: 832*480, 480*832, 1280*720 or 720*1280."),
    ],
)
def test_what_hunyuan_does_not_take(said, field, words):
    found = complaints({"model": "hunyuan-video-1.5", "prompt": "A fox", **said})
    assert list(found) == [field]
    assert words in found[field]


@pytest.mark.parametrize(
    ("length", "seconds"), [(0.04, 1), (1.0, 1), (1.1, 1), (1.11, 2), (6.04, 6), (6.1, 6), (6.2, 7), (60, 60)]
)
def test_a_source_is_billed_by_whole_seconds(length, seconds):
    assert billed_seconds(length) == seconds


def test_a_retake_is_as_long_as_its_source():
    spec = video_spec(RETAKE)
    assert (spec.seconds, spec.size, spec.media) == (6, None, VIDEO)
    assert spec.parameters == {"mode": "replace_audio_and_video"}


@pytest.mark.parametrize(
    ("part", "field", "words"),
    [
        ({"start_time": -1}, "start_time", "-1 is out of range; allowed: 0 or more."),
        ({"start_time": float("nan")}, "start_time", "nan is out of range"),
        ({"end_time": float("inf")}, "end_time", "inf is out of range"),
        ({"end_time": 7}, "end_time", "7 is behind the end of the source; allowed: up to 6.04."),
        ({"start_time": 6.04}, "start_time", "allowed: 0 to 5.94."),
        ({"start_time": 3, "end_time": 3}, "start_time", "3 leaves less than 0.1 s of a part"),
        ({"start_time": 4.9999, "end_time": 5}, "start_time", "4.9999 leaves less than 0.1 s of a part"),
        ({"end_time": 0}, "start_time", "0 leaves less than 0.1 s of a part"),
        ({"start_time": "1"}, "start_time", '"1" is not a number'),
        ({"start_time": True}, "start_time", "true is not a number"),
        ({"mode": "replace"}, "mode", '"replace" is not offered; allowed: replace_audio_and_video, '),
        ({"prompt": "x" * 4990, "start_time": 1, "end_time": 2}, "prompt", "allowed: 4985 characters."),
    ],
)
def test_a_part_lies_within_the_source(part, field, words):
    found = complaints(RETAKE | part)
    assert list(found) == [field]
    assert words in found[field]


def test_a_job_s_video_is_complained_of_by_its_own_name():
    video = NoMedia(given_as="source_job", message="It was deleted.")
    assert set(complaints({"model": "ltx-2-pro", "prompt": "A fox", "video": video})) == {"source_job"}


def test_a_size_that_is_none_is_complained_of_once():
    found = complaints({"model": "hunyuan-video-1.5", "prompt": "A fox", "size": None, "resolution": "480p"})
    assert list(found) == ["size"]


def test_a_retake_needs_a_source():
    assert "source_job" in complaints({"model": "ltx-2-retake", "prompt": "a blue car"})["video"]


@pytest.mark.parametrize(
    ("model", "also"), [("hunyuan-video-1.5", "resolution, aspect_ratio."), ("ltx-2-retake", "source_job.")]
)
def test_names_that_stand_for_another_are_among_what_is_taken(model, also):
    found = complaints({"model": model, "prompt": "A red fox", "fps": "x" * 100})["fps"]

    assert f'has no parameter "fps", given as "{"x" * 56}…; it takes: prompt, ' in found
    assert found.endswith(also)


def test_many_unknown_parameters_are_counted():
    found = complaints(WISH | {f"p{n}": n for n in range(25)})
    assert list(found) == [f"p{n}" for n in range(10)]
    assert found["p9"].endswith("So it is with 15 more.")
    assert "more" not in complaints(WISH | {f"p{n}": n for n in range(10)})["p9"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (6, "6"),
        ("six", '"six"'),
        ("\ud800", '"?"'),
        ([[[]]], "a list"),
        ({}, "an object"),
        ("x" * 99, '"' + "x" * 56 + "…"),
    ],
)
def test_a_value_is_shown_as_json_names_it(value, text):
    assert shown(value) == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
names = st.sampled_from(["model", "prompt", "duration", "generate_audio", "seed"]) | st.text()


@given(st.dictionaries(names, json_values | st.sampled_from(["ltx-2-pro", 6]), max_size=6))
def test_whatever_is_wished_is_a_spec_or_a_complaint_that_can_be_sent(wish):
    try:
        spec = video_spec(wish)
    except InvalidSpec as error:
        said = str(error)
    else:
        said = spec.prompt
        assert spec.seconds in {6, 8, 10}
    assert said.encode()
