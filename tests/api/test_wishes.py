"""Wishes for every model in JSON: sources, twins, ignored parameters, and what does not fit together."""

import pytest

from billing.models import Hold
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
from generation.models import Job, Status
from tests.api.test_errors import assert_nothing_written, assert_problem
from tests.make import make_job
from tests.media import make_upload, mp4

ADDRESSES = ["/api/v1/jobs", "/api/v1/quotes"]
PROMPT = "A red fox in snow"


@pytest.fixture
def source(alice):
    """Makes what a model needs beside a prompt, by the field that names it."""

    def make(model):
        if not model.media:
            return {}
        return {model.media.name: str(make_upload(alice, mp4(5.2) if model.media.kind is Kind.VIDEO else b"").pk)}

    return make


def wish_of(model, **wish):
    return {"model": model.id, "prompt": PROMPT, **wish}


# --- Ignored ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    ("model", "name"),
    [(model, name) for model in MODELS for name in model.ignored],
    ids=lambda value: value if isinstance(value, str) else value.id,
)
def test_an_ignored_parameter_gives_exactly_one_warning(api, source, model, name, address):
    body = api.post(address, wish_of(model, **source(model), **{name: "x"})).json()
    (warning,) = body["warnings"]
    assert warning == {"parameter": name, "message": f"{model.title} has no {name}; it is ignored."}
    assert name not in body.get("parameters", {})


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_all_ignored_parameters_at_once_give_one_warning_each(api, source, model):
    body = api.post("/api/v1/jobs", wish_of(model, **source(model), **dict.fromkeys(model.ignored, 7))).json()
    assert sorted(warning["parameter"] for warning in body["warnings"]) == sorted(model.ignored)
    assert Job.objects.get().warnings == body["warnings"]


# --- What does not fit ------------------------------------------------------------------------------------------------


def wrong_values():
    """Every parameter of every model, with a value that it does not take, and a word of what it does."""
    for model in MODELS:
        for parameter in (*model.parameters, *model.shorthands):
            name, first = parameter.name, str(next(iter(parameter.choices), ""))
            if parameter.kind.is_media:
                yield model, name, "no-id", "id of"
            elif parameter.choices:
                yield model, name, 7 if parameter.kind is Kind.INTEGER else "7", first
                yield model, name, True, first
            elif parameter.kind is Kind.BOOLEAN:
                yield model, name, 1, "true or false"
            elif parameter.kind is Kind.TEXT:
                yield model, name, "x" * 5001, "5000"
                yield model, name, 7, "5000"
            else:
                yield model, name, parameter.minimum - 1, str(parameter.minimum)
                yield model, name, "7", str(parameter.minimum)
                if parameter.maximum:
                    yield model, name, parameter.maximum + 1, str(parameter.maximum)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    ("model", "name", "value", "allowed"),
    list(wrong_values()),
    ids=lambda value: getattr(value, "id", ascii(value)[:20]),
)
def test_a_wrong_value_is_refused_with_field_value_and_what_is_allowed(
    api, source, model, name, value, allowed, address
):
    answer = api.post(address, wish_of(model, **source(model)) | {name: value})
    body = assert_problem(answer, 400, "invalid_input", name)
    (error,) = body["errors"]
    assert error["pointer"] == f"#/{name}"
    said = "5001 characters" if isinstance(value, str) and len(value) > 5000 else str(value).lower().strip('"')
    assert said in error["detail"].lower()
    assert allowed in error["detail"].partition("allowed")[2]
    assert_nothing_written()


@pytest.mark.parametrize("model", [model for model in MODELS if model.media], ids=lambda model: model.id)
def test_a_source_that_is_missing_is_named(api, model):
    if model.names[0] == "ltx-2-retake":
        answer = api.post("/api/v1/jobs", wish_of(model))
        assert "source_job" in assert_problem(answer, 400, "invalid_input", "video")["detail"]
    else:
        assert_problem(api.post("/api/v1/jobs", wish_of(model)), 400, "invalid_input", "image")


@pytest.mark.parametrize("model", [LTX_2_PRO, LTX_2_FAST, HUNYUAN], ids=lambda model: model.id)
def test_the_full_id_of_a_text_model_takes_no_picture(api, source, model):
    answer = api.post("/api/v1/jobs", wish_of(model, **source(LTX_2_PRO_IMAGE)))
    body = assert_problem(answer, 400, "invalid_input", "image")
    assert f'{model.title} has no parameter "image"; it takes: prompt' in body["detail"]
    assert_nothing_written()


def test_a_size_said_twice_must_be_the_same(api):
    wish = wish_of(HUNYUAN, size="1280*720", aspect_ratio="9:16")
    body = assert_problem(api.post("/api/v1/jobs", wish), 400, "invalid_input", "size")
    assert '"1280*720" is not 720p 9:16, which is "720*1280"' in body["detail"]
    assert api.post("/api/v1/jobs", wish | {"size": "720*1280"}).json()["parameters"]["size"] == "720*1280"


@pytest.mark.parametrize(
    ("part", "field", "allowed"),
    [
        ({"start_time": 3, "end_time": 2}, "start_time", "0 to 1.9"),
        ({"start_time": 2, "end_time": 2}, "start_time", "0 to 1.9"),
        ({"start_time": 6}, "start_time", "0 to 5.1"),
        ({"end_time": 6}, "end_time", "up to 5.2"),
        ({"end_time": 1e7}, "end_time", "0 or more"),
    ],
    ids=str,
)
def test_a_part_lies_within_its_source(api, source, part, field, allowed):
    body = assert_problem(
        api.post("/api/v1/jobs", wish_of(LTX_2_RETAKE, **source(LTX_2_RETAKE), **part)), 400, "invalid_input", field
    )
    assert f"allowed: {allowed}" in body["detail"]


# --- Sizes and prices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "size", "cost"),
    [
        ({}, "1280*720", "0.20"),
        ({"size": "480*832"}, "480*832", "0.10"),
        ({"resolution": "480p"}, "832*480", "0.10"),
        ({"aspect_ratio": "9:16"}, "720*1280", "0.20"),
        ({"resolution": "480p", "aspect_ratio": "9:16"}, "480*832", "0.10"),
    ],
    ids=str,
)
def test_a_size_may_be_said_in_other_words(api, said, size, cost):
    body = api.post("/api/v1/jobs", wish_of(HUNYUAN, **said)).json()
    assert body["parameters"] == {"size": size, "duration": 5, "negative_prompt": "", "seed": -1}
    assert body["cost"]["held"] == cost
    assert body["warnings"] == []


@pytest.mark.parametrize(("seconds", "cost"), [(0.4, "0.10"), (5.0, "0.50"), (5.1, "0.50"), (5.2, "0.60")])
def test_a_retake_costs_by_the_length_of_its_source(api, alice, seconds, cost):
    job = make_job(alice, status=Status.SUCCEEDED, duration=seconds)
    wish = wish_of(LTX_2_RETAKE, source_job=str(job.pk))
    assert api.post("/api/v1/quotes", wish).json()["cost"] == cost
    assert api.post("/api/v1/jobs", wish | {"max_cost": cost}).json()["cost"]["held"] == cost
    assert Hold.objects.filter(spend=float(cost) * 1_000_000).exists()


# --- Sources ----------------------------------------------------------------------------------------------------------


def test_a_retake_of_a_finished_video_remembers_it(api, alice):
    job = make_job(alice, status=Status.SUCCEEDED)
    wish = wish_of(LTX_2_RETAKE, source_job=str(job.pk), mode="replace_audio", start_time=1, end_time=2.5)
    answer = api.post("/api/v1/jobs", wish)
    body = answer.json()
    assert answer.status_code == 202, body
    assert (body["source_job"], body["upload"]) == (str(job.pk), None)
    assert body["parameters"] == {"mode": "replace_audio", "start_time": 1, "end_time": 2.5}
    assert Job.objects.get(pk=body["id"]).source_job == job
    assert api.get(f"/api/v1/jobs/{body['id']}").json()["source_job"] == str(job.pk)


def test_a_retake_of_an_upload_remembers_it(api, alice):
    upload = make_upload(alice, mp4(2))
    body = api.post("/api/v1/jobs", wish_of(LTX_2_RETAKE, video=str(upload.pk))).json()
    assert (body["source_job"], body["upload"]) == (None, str(upload.pk))
    assert body["cost"]["held"] == "0.20"


def test_a_retake_of_a_retake_is_one_as_well(api, alice):
    first = make_job(alice, status=Status.SUCCEEDED)
    second = make_job(alice, status=Status.SUCCEEDED, source_job=first)
    body = api.post("/api/v1/jobs", wish_of(LTX_2_RETAKE, source_job=str(second.pk))).json()
    assert body["source_job"] == str(second.pk)


def test_a_job_and_an_upload_at_once_are_one_too_many(api, alice, source):
    job = make_job(alice, status=Status.SUCCEEDED)
    wish = wish_of(LTX_2_RETAKE, source_job=str(job.pk), **source(LTX_2_RETAKE))
    body = assert_problem(api.post("/api/v1/jobs", wish), 400, "invalid_input", "source_job")
    assert "not both" in body["detail"]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("ltx-2-pro", LTX_2_PRO_IMAGE),
        ("lightricks/ltx-2-pro", LTX_2_PRO_IMAGE),
        ("ltx-2-fast", LTX_2_FAST_IMAGE),
        ("hunyuan-video-1.5", HUNYUAN_IMAGE),
        (HUNYUAN_IMAGE.id, HUNYUAN_IMAGE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_family_s_name_with_a_picture_means_the_twin(api, alice, name, model):
    upload = make_upload(alice)
    body = api.post("/api/v1/jobs", {"model": name, "prompt": PROMPT, "image": str(upload.pk)}).json()
    assert (body["model"], body["upload"], body["warnings"]) == (model.id, str(upload.pk), [])
    assert Job.objects.get().upload == upload


@pytest.mark.parametrize(("name", "model"), [("ltx-2-fast", LTX_2_FAST), ("hunyuan-video-1.5", HUNYUAN)])
def test_a_family_s_name_without_a_picture_means_the_text_model(api, name, model):
    assert api.post("/api/v1/quotes", {"model": name, "prompt": PROMPT}).json()["model"] == model.id


@pytest.mark.parametrize("status", [status for status in Status if status != Status.SUCCEEDED])
def test_a_job_without_a_video_is_no_source(api, alice, status):
    job = make_job(alice, status=status)
    answer = api.post("/api/v1/quotes", wish_of(LTX_2_RETAKE, source_job=str(job.pk)))
    body = assert_problem(answer, 400, "invalid_input", "source_job")
    assert f"The job is {status}; allowed: one that has a video." in body["detail"]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(("field", "model"), [("image", LTX_2_PRO_IMAGE), ("video", LTX_2_RETAKE)])
def test_the_upload_of_another_is_not_one_of_yours(api, bob, address, field, model):
    theirs = make_upload(bob, mp4() if field == "video" else b"")
    body = assert_problem(api.post(address, wish_of(model, **{field: str(theirs.pk)})), 400, "invalid_input", field)
    assert f'"{theirs.pk}" is not one of your uploads' in body["detail"]
    assert_nothing_written()


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_job_of_another_is_not_one_of_yours(api, bob, address):
    theirs = make_job(bob, status=Status.SUCCEEDED)
    answer = api.post(address, wish_of(LTX_2_RETAKE, source_job=str(theirs.pk)))
    body = assert_problem(answer, 400, "invalid_input", "source_job")
    assert f'"{theirs.pk}" is not one of your jobs' in body["detail"]
    assert Job.objects.count() == 1


@pytest.mark.parametrize("value", ["", "x", 7, True, [], {}, None, "7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11"], ids=ascii)
def test_what_is_no_id_is_not_one_of_yours(api, value):
    answer = api.post("/api/v1/jobs", wish_of(LTX_2_PRO_IMAGE, image=value))
    assert "not one of your uploads" in assert_problem(answer, 400, "invalid_input", "image")["detail"]


def test_a_deleted_upload_is_not_one_of_yours(api, alice):
    upload = make_upload(alice)
    api.delete(f"/api/v1/uploads/{upload.pk}")
    assert_problem(
        api.post("/api/v1/jobs", wish_of(LTX_2_PRO_IMAGE, image=str(upload.pk))), 400, "invalid_input", "image"
    )


def test_a_video_is_no_picture_and_a_picture_no_video(api, alice):
    picture, video = make_upload(alice), make_upload(alice, mp4())
    answer = api.post("/api/v1/jobs", wish_of(LTX_2_PRO_IMAGE, image=str(video.pk)))
    assert "is a video; allowed" in assert_problem(answer, 400, "invalid_input", "image")["detail"]
    answer = api.post("/api/v1/jobs", wish_of(LTX_2_RETAKE, video=str(picture.pk)))
    assert "is a picture; allowed" in assert_problem(answer, 400, "invalid_input", "video")["detail"]


@pytest.mark.parametrize(("name", "cost"), [("ltx-2-pro", "0.36"), ("ltx-2-fast", "0.24")])
@pytest.mark.parametrize("sound", [True, False])
def test_sound_costs_nothing(api, name, cost, sound):
    wish = {"model": name, "prompt": PROMPT, "generate_audio": sound}
    assert api.post("/api/v1/quotes", wish).json()["cost"] == cost
