"""The catalogue, as callers read it: what can be ordered now."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import Price
from generation import services
from generation.catalog import HUNYUAN, HUNYUAN_IMAGE, LTX_2_PRO, LTX_2_RETAKE, MODELS
from generation.models import Status
from tests.make import ACTOR, make_job
from tests.media import make_upload

PRO = "lightricks/ltx-2-pro/text-to-video"

NO_BOUNDS = {
    "closed_values": [],
    "labels": [],
    "choices": [],
    "max_length": None,
    "minimum": None,
    "maximum": None,
    "unit": "",
    "instead": [],
    "help": "",
}


@pytest.fixture
def entries(api):
    """Reads the catalogue, by full id."""
    return lambda: {model["id"]: model for model in api.get("/api/v1/models").json()["results"]}


def parameters_of(entry):
    return {parameter["name"]: parameter for parameter in entry["parameters"]}


def close(model, reason="Not at the moment.", **value):
    assert services.close(model=model.id, value=value or None, reason=reason, by=ACTOR, now=timezone.now())


def test_a_model_in_json(entries):
    assert entries()[PRO] == {
        "id": PRO,
        "family": "ltx-2-pro",
        "names": ["ltx-2-pro", "lightricks/ltx-2-pro", PRO],
        "operation": "text-to-video",
        "title": "LTX-2 Pro",
        "summary": "1080p with sound, 6 to 10 s",
        "closed": None,
        "parameters": [
            NO_BOUNDS | {"name": "prompt", "type": "string", "required": True, "default": None, "max_length": 5000},
            NO_BOUNDS
            | {"name": "duration", "type": "integer", "required": False, "default": 6, "unit": "s"}
            | {"choices": [6, 8, 10], "labels": ["6 s", "8 s", "10 s"]},
            NO_BOUNDS
            | {"name": "generate_audio", "type": "boolean", "required": False, "default": True}
            | {"help": "The model makes a sound track that fits the picture."},
        ],
        "shorthands": [],
        "ignored_parameters": ["negative_prompt", "seed", "audio_base64", "enable_prompt_expansion", "resolution"],
        "sizes": [{"value": None, "width": 1920, "height": 1080, "resolution": "1080p", "aspect_ratio": "16:9"}],
        "width": 1920,
        "height": 1080,
        "has_sound": True,
        "prices": [{"variant": "", "per_second": "0.06", "currency": "USD"}],
    }


def test_the_page_holds_every_model_of_the_catalogue(api):
    page = api.get("/api/v1/models").json()
    assert set(page) == {"results", "next", "previous"}
    assert [model["id"] for model in page["results"]] == [model.id for model in MODELS]
    assert [model["operation"] for model in page["results"]] == [str(model.operation) for model in MODELS]


def test_twins_share_their_family(entries):
    families = {}
    for model in entries().values():
        families.setdefault(model["family"], set()).add(model["operation"])
    both = {"text-to-video", "image-to-video"}
    assert families == {
        "ltx-2-pro": both,
        "ltx-2-fast": both,
        "hunyuan-video-1.5": both,
        "ltx-2-retake": {"video-to-video"},
    }


def test_a_size_that_is_chosen_is_listed_with_its_pixels_and_its_short_forms(entries):
    entry = entries()[HUNYUAN.id]
    assert (entry["width"], entry["height"]) == (None, None)
    assert [tuple(size.values()) for size in entry["sizes"]] == [
        ("832*480", 832, 480, "480p", "16:9"),
        ("480*832", 480, 832, "480p", "9:16"),
        ("1280*720", 1280, 720, "720p", "16:9"),
        ("720*1280", 720, 1280, "720p", "9:16"),
    ]
    shorthands = {parameter["name"]: parameter["choices"] for parameter in entry["shorthands"]}
    assert shorthands == {"resolution": ["480p", "720p"], "aspect_ratio": ["16:9", "9:16"]}
    assert parameters_of(entry)["size"]["labels"][0] == "832×480"
    assert {price["variant"]: price["per_second"] for price in entry["prices"]} == {"480p": "0.02", "720p": "0.04"}


@pytest.mark.parametrize("model", [HUNYUAN_IMAGE, LTX_2_RETAKE], ids=["image", "retake"])
def test_where_the_source_decides_no_size_is_named(entries, model):
    entry = entries()[model.id]
    assert (entry["sizes"], entry["width"], entry["height"]) == ([], None, None)


def test_a_retake_says_what_stands_in_for_the_video(entries):
    video = parameters_of(entries()[LTX_2_RETAKE.id])["video"]
    assert (video["type"], video["required"], video["instead"]) == ("video", True, ["source_job"])


def test_bounds_are_named(entries):
    seed = parameters_of(entries()[HUNYUAN.id])["seed"]
    assert (seed["minimum"], seed["maximum"], seed["default"]) == (-1, 2147483647, -1)
    start = parameters_of(entries()[LTX_2_RETAKE.id])["start_time"]
    assert (start["type"], start["minimum"], start["maximum"], start["unit"]) == ("number", 0, None, "s")


# --- Switched off -----------------------------------------------------------------------------------------------------


def test_a_closed_model_says_why(entries):
    close(LTX_2_PRO, "WaveSpeed has raised its price.")
    closed = {id_: model["closed"] for id_, model in entries().items()}
    assert closed.pop(PRO) == "WaveSpeed has raised its price."
    assert set(closed.values()) == {None}


def test_everything_closed_is_every_model_closed(entries):
    assert services.close(reason="Back at noon.", by=ACTOR, now=timezone.now())
    assert {model["closed"] for model in entries().values()} == {"Back at noon."}


def test_a_closed_value_is_no_choice_until_it_is_open_again(api, entries):
    close(HUNYUAN, "WaveSpeed refuses 10 s.", duration=10)
    duration = parameters_of(entries()[HUNYUAN.id])["duration"]
    assert (duration["choices"], duration["labels"]) == ([5, 8], ["5 s", "8 s"])
    assert duration["closed_values"] == [{"value": 10, "reason": "WaveSpeed refuses 10 s."}]
    assert parameters_of(entries()[HUNYUAN_IMAGE.id])["duration"]["choices"] == [5, 8, 10]


def test_a_closed_size_takes_its_short_forms_along(entries):
    close(HUNYUAN, size="1280*720")
    entry = entries()[HUNYUAN.id]
    assert [size["value"] for size in entry["sizes"]] == ["832*480", "480*832", "720*1280"]
    assert [parameter["choices"] for parameter in entry["shorthands"]] == [["480p", "720p"], ["16:9", "9:16"]]
    close(HUNYUAN, size="720*1280")
    assert [parameter["choices"] for parameter in entries()[HUNYUAN.id]["shorthands"]] == [["480p"], ["16:9", "9:16"]]


def test_what_is_closed_is_refused_with_the_reason(api):
    close(LTX_2_PRO, "WaveSpeed has raised its price.")
    close(HUNYUAN, "WaveSpeed refuses 10 s.", duration=10)
    for address in ("/api/v1/jobs", "/api/v1/quotes"):
        closed = api.post(address, {"model": "ltx-2-pro", "prompt": "A red fox"})
        assert (closed.status_code, closed.json()["error"]["code"]) == (409, "model_closed")
        assert closed.json()["error"]["param"] == "model"
        assert "WaveSpeed has raised its price." in closed.json()["detail"]
        refused = api.post(address, {"model": "hunyuan-video-1.5", "prompt": "A red fox", "duration": 10})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "duration")
        assert refused.json()["detail"].startswith("duration: 10 is not offered just now: WaveSpeed refuses 10 s.")
        assert refused.json()["detail"].endswith("Allowed: 5, 8.")


# --- Prices -----------------------------------------------------------------------------------------------------------


def test_only_the_price_of_now_is_shown(entries):
    now = timezone.now()
    for micros, start in ((70_000, now - timedelta(hours=1)), (80_000, now + timedelta(hours=1))):
        Price.objects.create(model=PRO, micros_per_second=micros, starts_at=start)
    assert [price["per_second"] for price in entries()[PRO]["prices"]] == ["0.07"]


def test_a_model_without_a_price_says_so(entries):
    Price.objects.all().delete()
    assert {len(model["prices"]) for model in entries().values()} == {0}


def test_the_catalogue_takes_as_many_queries_however_much_is_closed(api):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert api.get("/api/v1/models").status_code == 200
        return len(captured)

    queries()  # writes the last use of the key
    few = queries()
    for model in MODELS:
        close(model)
    close(HUNYUAN, duration=10)
    assert queries() == few <= 5


# --- What is shown is taken -------------------------------------------------------------------------------------------


def source_of(entry, alice):
    """Give the media that a model needs, by the field that names them."""
    kinds = {parameter["type"] for parameter in entry["parameters"]}
    if "image" in kinds:
        return {"image": str(make_upload(alice).pk)}
    return {"source_job": str(make_job(alice, status=Status.SUCCEEDED).pk)} if "video" in kinds else {}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_everything_that_is_shown_is_accepted(api, alice, entries, model):
    entry = entries()[model.id]
    wish = {"model": entry["id"], "prompt": "x", **source_of(entry, alice)}
    for parameter in [*entry["parameters"], *entry["shorthands"]]:
        values = parameter["choices"] or ([parameter["default"]] if parameter["default"] is not None else [])
        if parameter["type"] == "integer":
            values += [bound for bound in (parameter["minimum"], parameter["maximum"]) if bound is not None]
        for value in values:
            answer = api.post("/api/v1/quotes", wish | {parameter["name"]: value})
            assert answer.status_code == 200, answer.json()["detail"]
            assert answer.json()["model"] == entry["id"]
