from __future__ import annotations

from typing import Any

import pytest

from generation.providers.predictions import Prediction, Status, is_prediction_id, read_prediction
from tests.generation.providers.cases import ID, failed, prediction


def read(**changes: object) -> Prediction:
    found = read_prediction(prediction(**changes))
    assert found is not None
    return found


def test_a_prediction_is_read_whole() -> None:
    found = read(
        status="completed",
        outputs=["https://cdn.example/a.mp4?sig=1"],
        has_nsfw_contents=[False],
        executionTime=25729,
        inputs={"prompt": "a cat"},
    )
    assert found == Prediction(
        id=ID,
        model="lightricks/ltx-2-pro/text-to-video",
        status="completed",
        outputs=("https://cdn.example/a.mp4?sig=1",),
        error="",
        code=None,
        has_nsfw=False,
        created_at="2026-09-01T12:00:00.948268264Z",
        inputs={"prompt": "a cat"},
        execution_ms=25729,
    )


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (Status.CREATED, "is_going_on"),
        (Status.PROCESSING, "is_going_on"),
        (Status.COMPLETED, "is_completed"),
        (Status.FAILED, "is_failed"),
        (Status.TIMEOUT, "is_failed"),
        (Status.CANCELLED, "is_canceled"),
        (Status.DELETED, "is_canceled"),
        ("queued", "is_going_on"),
        ("COMPLETED", "is_going_on"),
        ("canceled", "is_going_on"),
        ("", "is_going_on"),
        (None, "is_going_on"),
        (7, "is_going_on"),
    ],
)
def test_every_status_is_exactly_one_fate(status: object, fate: str) -> None:
    found = read(status=status)
    fates = ["is_going_on", "is_completed", "is_failed", "is_canceled"]
    assert [name for name in fates if getattr(found, name)] == [fate]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (["https://a/1", "https://a/2"], ("https://a/1", "https://a/2")),
        ([{"url": "https://a/1"}], ("https://a/1",)),
        ([{"url": None}, {"uri": "x"}, None, 7, ""], ()),
        ("https://a/1", ("https://a/1",)),
        ({"url": "https://a/1"}, ("https://a/1",)),
        ([], ()),
        (None, ()),
    ],
)
def test_outputs_are_addresses_in_any_dress(outputs: object, expected: tuple[str, ...]) -> None:
    assert read(outputs=outputs).outputs == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, ""),
        ("", ""),
        ("no\n  luck", "no luck"),
        ({"message": "no luck"}, "no luck"),
        ({"error": "no luck", "code": 5}, "no luck"),
        ({"why": 1}, '{"why": 1}'),
        (["a"], '["a"]'),
        ({}, ""),
        (7, "7"),
    ],
)
def test_an_error_is_text_whatever_it_was(error: object, expected: str) -> None:
    assert read(error=error).error == expected


def test_an_error_is_kept_within_bounds() -> None:
    assert len(read(error="x" * 100_000).error) == 2_000


@pytest.mark.parametrize(
    ("code", "error", "expected"),
    [
        (1200, "", 1200),
        ("1200", "", 1200),
        (1200.0, "", 1200),
        (None, {"code": "1407"}, 1407),
        (True, "", None),
        ("twelve", "", None),
        ("²", "", None),
        (10**40, "", None),
        ([], "", None),
    ],
)
def test_a_failure_code_is_a_number_or_nothing(code: object, error: object, expected: int | None) -> None:
    assert read(status="failed", code=code, error=error).code == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (failed(1200), True),
        (failed(1400), False),
        (failed() | {"has_nsfw_contents": [False, True]}, True),
        (failed() | {"has_nsfw_contents": None}, False),
        (prediction(status="completed", has_nsfw_contents=[True]), False),
    ],
)
def test_moderation_is_told_apart_from_other_failures(data: Any, expected: object) -> None:
    found = read_prediction(data)
    assert found is not None
    assert found.is_moderated is expected


def test_what_no_database_takes_is_left_out() -> None:
    found = read(error="a\0b\ud800c", outputs=["https://a/\0\udfff"], status="\0", created_at="\ud800")
    assert (found.error, found.outputs, found.status, found.created_at) == ("ab?c", ("https://a/?",), "", "?")


@pytest.mark.parametrize("took", [None, "12", True, -1, float("nan"), float("inf")])
def test_a_senseless_time_is_none(took: object) -> None:
    assert read(executionTime=took).execution_ms is None


@pytest.mark.parametrize("name", ["a", "A-b_c.d~e:f", "x" * 64, "-", "pred_123"])
def test_an_id_is_opaque(name: str) -> None:
    assert is_prediction_id(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a b", "a\n", "a%2fb", "a?b", "a#b", "é", "x" * 65, "x;y", "a\\b", None, 7]
)
def test_an_id_that_would_change_an_address_is_none(name: object) -> None:
    assert not is_prediction_id(name)
    assert read_prediction(prediction(id=name)) is None


@pytest.mark.parametrize("data", [None, [], "x", 7, {}, {"status": "created"}])
def test_what_is_no_prediction_is_none(data: object) -> None:
    assert read_prediction(data) is None
