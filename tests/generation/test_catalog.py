"""The catalogue: data that everything else relies on."""

import pytest

from generation.catalog import (
    HUNYUAN,
    HUNYUAN_IMAGE,
    LTX_2_FAST,
    LTX_2_PRO,
    LTX_2_PRO_IMAGE,
    LTX_2_RETAKE,
    MODELS,
    NAMES,
    Kind,
    Operation,
    Parameter,
    UnknownModel,
    entry_of,
    model_named,
    models_named,
    prompt_sent,
)

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
IMAGE = frozenset({"image"})


@every_model
def test_a_full_id_means_exactly_itself(model):
    assert models_named(model.id) == (model,)
    assert model_named(model.id, from_=IMAGE) is model


@every_model
def test_each_name_leads_to_the_family(model):
    assert model.id in model.names
    assert all(model in models_named(name) for name in model.names)


def test_a_short_name_with_a_picture_means_the_twin():
    for name in ("ltx-2-pro", "lightricks/ltx-2-pro"):
        assert model_named(name) is LTX_2_PRO
        assert model_named(name, from_=IMAGE) is LTX_2_PRO_IMAGE
    assert model_named("hunyuan-video-1.5", from_=IMAGE) is HUNYUAN_IMAGE
    assert model_named("ltx-2-retake", from_=IMAGE) is LTX_2_RETAKE  # it has no twin, and says so of the picture


@pytest.mark.parametrize("model", [HUNYUAN, LTX_2_FAST, LTX_2_PRO], ids=lambda model: model.id)
def test_a_family_has_one_model_of_each_operation(model):
    operations = [each.operation for each in models_named(model.short_name)]
    assert operations == [Operation.TEXT_TO_VIDEO, Operation.IMAGE_TO_VIDEO]


@pytest.mark.parametrize(
    "name", ["", "ltx", "LTX-2-Pro", "ltx-2-pro ", "ltx-2", "hunyuan-video", "lightricks/ltx-2-pro/video-to-video"]
)
def test_no_name_is_guessed(name):
    with pytest.raises(UnknownModel, match="choose one of: ltx-2-pro"):
        model_named(name)


@every_model
def test_what_a_model_says_of_itself_hangs_together(model):
    parameters = {parameter.name: parameter for parameter in model.parameters}
    assert len(parameters) == len(model.parameters)
    assert not parameters.keys() & set(model.ignored)
    assert parameters["prompt"].required
    assert parameters["prompt"].max_length
    assert model.usual_seconds > 0
    assert (model.media is None) == (model.operation is Operation.TEXT_TO_VIDEO)
    for parameter in (*model.parameters, *model.shorthands):
        assert parameter.required or parameter.stands_in_prompt or parameter.default is not None
        assert not parameter.choices or parameter.default in parameter.choices
        assert len(parameter.labels) in {0, len(parameter.choices)}
    assert all(model.parameter(name) is parameter for name, parameter in parameters.items())
    if model.variant_parameter:
        assert set(model.variants) == set(map(str, parameters[model.variant_parameter].choices))
    if model.size_parameter:
        assert [size.value for size in model.sizes] == list(parameters[model.size_parameter].choices)


@pytest.mark.parametrize("size", HUNYUAN.sizes, ids=lambda size: size.value)
def test_a_size_is_what_it_is_called(size):
    assert size.value == f"{size.width}*{size.height}"
    assert size.resolution == f"{min(size.width, size.height)}p"
    assert size.aspect == ("16:9" if size.width > size.height else "9:16")


def test_ltx_2_pro_takes_what_wavespeed_documents():
    assert LTX_2_PRO.id == "lightricks/ltx-2-pro/text-to-video"
    assert LTX_2_PRO.parameter("duration").choices == (6, 8, 10)
    assert LTX_2_PRO.parameter("generate_audio").default is True
    assert [(size.width, size.height, size.resolution) for size in LTX_2_PRO.sizes] == [(1920, 1080, "1080p")]
    with pytest.raises(KeyError):
        LTX_2_PRO.parameter("resolution")


def test_a_model_that_is_offered_no_more_can_still_be_looked_at():
    model = entry_of("once/offered")
    assert (model.title, model.parameters, model.size({}), model.media) == ("once/offered", (), None, None)
    assert model.inputs("A fox", {"duration": 4}) == {"prompt": "A fox", "duration": 4}
    assert "once/offered" not in NAMES


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        ({}, "a blue car"),
        ({"start_time": 2, "end_time": 4.5}, "From 2s to 4.5s: a blue car"),
        ({"end_time": 3}, "From 0s to 3s: a blue car"),
        ({"start_time": 1.5}, "From 1.5s to the end: a blue car"),
        ({"start_time": 0.00001, "end_time": 1000000.0}, "From 0s to 1000000s: a blue car"),
    ],
)
def test_the_part_to_change_is_told_in_the_prompt(part, sent):
    assert prompt_sent("a blue car", part) == sent
    assert LTX_2_RETAKE.inputs("a blue car", {"mode": "replace_audio", **part}) == {
        "prompt": sent,
        "mode": "replace_audio",
    }


def test_what_was_left_empty_is_not_sent():
    assert HUNYUAN.inputs("A fox", {"negative_prompt": "", "seed": -1}) == {"prompt": "A fox", "seed": -1}


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({"kind": Kind.INTEGER, "choices": (6, 8, 10)}, "6, 8 or 10"),
        ({"kind": Kind.BOOLEAN}, "true or false"),
        ({"kind": Kind.TEXT, "max_length": 5000, "required": True}, "text of 1 to 5000 characters"),
        ({"kind": Kind.TEXT, "max_length": 5000}, "text of up to 5000 characters"),
        ({"kind": Kind.INTEGER, "minimum": -1, "maximum": 9}, "-1 to 9"),
        ({"kind": Kind.NUMBER, "minimum": 0}, "0 or more"),
        ({"kind": Kind.IMAGE}, "the id of an uploaded picture"),
    ],
)
def test_what_is_allowed_reads_well(fields, allowed):
    assert Parameter(name="x", label="X", **fields).allowed == allowed


def test_a_choice_reads_well():
    assert LTX_2_RETAKE.parameter("mode").label_of("replace_audio") == "Sound only"
    assert LTX_2_PRO.parameter("duration").label_of(6) == "6 s"
