"""A wish becomes a spec or a complaint."""

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.catalog import LTX_2_PRO
from generation.spec import InvalidSpec, shown, video_spec

WISH = {"model": "ltx-2-pro", "prompt": "A red fox in snow"}


def complaints(wish):
    with pytest.raises(InvalidSpec) as raised:
        video_spec(wish)
    return {complaint.field: complaint.message for complaint in raised.value.complaints}


def test_defaults_are_filled_in():
    spec = video_spec(WISH)
    assert (spec.model, spec.prompt) == (LTX_2_PRO, "A red fox in snow")
    assert spec.parameters == {"duration": 6, "generate_audio": True}
    assert (spec.seconds, spec.variant, spec.wants_audio, spec.warnings) == (6, "", True, ())


def test_only_what_the_model_takes_is_sent():
    spec = video_spec(WISH | {"duration": 10, "generate_audio": False, "seed": 7})
    assert spec.inputs == {"prompt": "A red fox in snow", "duration": 10, "generate_audio": False}
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
        ({"fps": 24}, 'LTX-2 Pro has no parameter "fps"; it takes: prompt, duration, generate_audio.'),
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
    assert len(found["model"]) < 250


def test_an_unknown_model_is_answered_with_those_there_are():
    message = complaints({"model": "sora-2", "prompt": "x"})["model"]
    assert message.startswith('"sora-2" is not a model we offer; allowed: ltx-2-pro, ')


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
        assert type(spec.wants_audio) is bool
    assert said.encode()
