"""The catalogue: data that everything else relies on."""

import pytest

from generation.catalog import LTX_2_PRO, MODELS, Kind, Parameter, UnknownModel, model_named

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)


def test_a_name_belongs_to_one_model():
    names = [name for model in MODELS for name in model.names]
    assert len(names) == len(set(names))


@every_model
def test_a_model_is_found_by_each_of_its_names(model):
    assert model.id in model.names
    assert all(model_named(name) is model for name in model.names)


@pytest.mark.parametrize("name", ["", "ltx", "LTX-2-Pro", "ltx-2-pro ", "lightricks/ltx-2-pro/image-to-video"])
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
    assert min(model.width, model.height, model.usual_seconds) > 0
    for parameter in model.parameters:
        assert parameter.required or parameter.default is not None
        assert not parameter.choices or parameter.default in parameter.choices
        assert model.parameter(parameter.name) is parameter
    if model.variant_parameter:
        assert set(model.variants) == set(map(str, parameters[model.variant_parameter].choices))


def test_ltx_2_pro_takes_what_wavespeed_documents():
    assert LTX_2_PRO.id == "lightricks/ltx-2-pro/text-to-video"
    assert LTX_2_PRO.parameter("duration").choices == (6, 8, 10)
    assert LTX_2_PRO.parameter("generate_audio").default is True
    assert (LTX_2_PRO.width, LTX_2_PRO.height) == (1920, 1080)
    with pytest.raises(KeyError):
        LTX_2_PRO.parameter("resolution")


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({"kind": Kind.INTEGER, "choices": (6, 8, 10)}, "6, 8 or 10"),
        ({"kind": Kind.BOOLEAN}, "true or false"),
        ({"kind": Kind.TEXT, "max_length": 5000}, "text of 1 to 5000 characters"),
    ],
)
def test_what_is_allowed_reads_well(fields, allowed):
    assert Parameter(name="x", label="X", **fields).allowed == allowed
