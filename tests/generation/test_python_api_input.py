"""What a call from Python refuses, and that nothing is held or kept then."""

from datetime import timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.utils import timezone

from billing import services as billing
from billing.models import Hold, Price, Subscription
from generation import (
    AddressNotVerified,
    EngineDown,
    InsufficientQuota,
    InvalidInput,
    ModelClosed,
    ModelNotInPlan,
    NoPrice,
    PastDue,
    PriceChanged,
    TimedOut,
    TooManyUploads,
    get_wavespeed_text_to_video_service,
    services,
)
from generation.calls import making
from generation.calls.asking import asked
from generation.catalog import HUNYUAN, LTX_2_FAST, LTX_2_PRO, LTX_2_PRO_IMAGE
from generation.models import Heartbeat, Job, Status, Upload
from generation.services import uploading
from tests import media
from tests.calls import bring_to_life, call, run
from tests.make import ACTOR, make_job, make_plan, make_upload, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def life(db):
    """Let watcher and workers look alive."""
    bring_to_life()


def refused(user, **wish):
    """Return the complaints about a call, by field."""
    with pytest.raises(InvalidInput) as error:
        run(call(user, **wish))
    assert error.value.code == "invalid_input"
    assert not Job.objects.exists()
    assert not Hold.objects.exists()
    return {complaint.field: complaint.message for complaint in error.value.complaints}


# --- What is wrong with the call --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "field", "message"),
    [
        ({"provider": "huggingface"}, "provider", '"huggingface" is not a provider we have; allowed: "wavespeed".'),
        ({"provider": None}, "provider", "null is not"),
        (
            {"operation_type": "text-to-image"},
            "operation_type",
            "allowed: text-to-video, image-to-video, video-to-video",
        ),
        ({"operation_type": ["text-to-video"]}, "operation_type", "a list is not known"),
        (
            {"operation_type": "video-to-video"},
            "operation_type",
            "ltx-2-pro does; allowed: text-to-video, image-to-video",
        ),
        ({"model": "ltx-2-retake"}, "operation_type", "allowed: video-to-video"),
        ({"model": LTX_2_PRO.id, "operation_type": "image-to-video"}, "operation_type", "allowed: text-to-video"),
        ({"model": "ltx-2"}, "model", '"ltx-2" is not a model we offer; allowed: ltx-2-pro'),
        ({"model": None}, "model", "missing"),
        ({"prompt": ""}, "prompt", "blank"),
        ({"prompt": None}, "prompt", "required"),
        ({"duration": 7}, "duration", "7 is not offered; allowed: 6, 8 or 10."),
        ({"duration": "6"}, "duration", "not a whole number"),
        ({"fps": 24}, "fps", "no parameter"),
        ({"image": b"x"}, "image", '"image-to-video" does'),
        ({"source_job": "0" * 8}, "source_job", '"video-to-video" does'),
        ({"operation_type": "image-to-video"}, "image", "required"),
        ({"model": "ltx-2-retake", "operation_type": "video-to-video"}, "video", "or a job's in source_job"),
        ({"max_cost": 0}, "max_cost", "0 is no amount"),
        ({"max_cost": "free"}, "max_cost", '"free" is no amount'),
        ({"max_cost": Decimal("NaN")}, "max_cost", "no amount"),
        ({"max_cost": Decimal(-1)}, "max_cost", "no amount"),
        ({"max_cost": True}, "max_cost", "true is no amount"),
        ({"timeout": 0}, "timeout", "0 is no time"),
        ({"timeout": float("nan")}, "timeout", "no time"),
        ({"timeout": "600"}, "timeout", '"600" is no time'),
        ({"stream_to": "/no/such/folder/out.mp4"}, "stream_to", 'the folder "/no/such/folder" does not exist'),
        ({"stream_to": "/tmp"}, "stream_to", "no file"),
        ({"stream_to": "/dev/null"}, "stream_to", "no file"),
        ({"stream_to": 7}, "stream_to", "neither a path nor a binary file"),
        ({"user_id": "nobody@example.org"}, "user_id", '"nobody@example.org" is no active user'),
        ({"user_id": "1"}, "user_id", "no active user"),
        ({"user_id": ""}, "user_id", "no active user"),
        ({"user_id": "a\0b"}, "user_id", "no active user"),
        ({"user_id": 10**30}, "user_id", "no active user"),
        ({"user_id": True}, "user_id", "true is no active user"),
        ({"user_id": None}, "user_id", "null is no active user"),
    ],
)
def test_what_is_wrong_is_named_with_its_value_and_what_is_allowed(alice, life, wish, field, message):
    complaints = refused(alice, **wish)

    assert list(complaints) == [field]
    assert message in complaints[field]


def test_everything_that_is_wrong_with_a_call_is_said_at_once(alice, life):
    complaints = refused(alice, provider="fal", operation_type="music", max_cost="much")

    assert sorted(complaints) == ["max_cost", "operation_type", "provider"]


def test_a_user_who_was_closed_is_no_user(alice, life):
    closed = make_user(is_active=False)

    assert "no active user" in refused(alice, user_id=closed.pk)["user_id"]


def test_digits_in_text_are_a_username_and_no_id(alice, bob, life):
    bob.username = str(alice.pk)
    bob.save()

    with pytest.raises(TimedOut):
        run(call(alice, user_id=str(alice.pk), timeout=0.01))

    assert Job.objects.get().user == bob


def test_operation_and_media_choose_the_twin():
    twins = {
        "text-to-video": {"model": "ltx-2-pro"},
        "image-to-video": {"model": "ltx-2-pro", "image": b"x"},
        "video-to-video": {"model": "ltx-2-retake", "source": b"x"},
    }

    chosen = {name: asked(wish, user_id=1, by="test", operation=name).wish["model"] for name, wish in twins.items()}

    assert chosen == {
        "text-to-video": LTX_2_PRO.id,
        "image-to-video": LTX_2_PRO_IMAGE.id,
        "video-to-video": "lightricks/ltx-2-retake",
    }


@pytest.mark.parametrize(
    ("value", "micros"), [("0.36", 360_000), (Decimal("0.3600009"), 360_000), (1, 1_000_000), (0.5, 500_000)]
)
def test_max_cost_is_dollars(value, micros):
    assert asked({}, user_id=1, by="test", max_cost=value).max_cost == micros


# --- What the services refuse -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("silent", ["watcher", "clapboard", "collect"])
def test_without_an_engine_nothing_is_held_or_uploaded(alice, life, silent):
    Heartbeat.objects.filter(name=silent).update(beat_at=timezone.now() - timedelta(seconds=31))

    with pytest.raises(EngineDown, match=f"no sign of life from {silent}") as error:
        run(call(alice, operation_type="image-to-video", image=media.png()))

    assert (error.value.code, error.value.silent) == ("engine_down", (silent,))
    assert not Hold.objects.exists()
    assert not Upload.objects.exists()
    assert not Job.objects.exists()


def test_what_does_not_fit_says_what_is_needed_and_left_in_dollars(life):
    user = make_user(plan=make_plan(spend_limit=300_000))

    with pytest.raises(InsufficientQuota, match=r"\$0.36 needed, \$0.30 left until") as error:
        run(call(user))

    quota = error.value
    assert (quota.code, quota.violated) == ("insufficient_quota", "spend")
    assert (quota.required, quota.available) == (Decimal("0.36"), Decimal("0.30"))
    assert quota.resets_at > timezone.now()
    assert not Job.objects.exists()


def test_a_limit_of_videos_is_counted_in_videos(life):
    with pytest.raises(InsufficientQuota, match=r"1 videos needed, 0 left\.") as error:
        run(call(make_user(plan=make_plan(videos_limit=0))))

    assert (error.value.violated, error.value.required, error.value.available) == ("videos", 1, 0)
    assert error.value.resets_at is None, "the next period has none either"


def test_what_costs_more_than_max_cost_is_not_made(alice, life):
    with pytest.raises(PriceChanged) as error:
        run(call(alice, max_cost="0.35"))

    assert (error.value.code, error.value.cost) == ("price_changed", Decimal("0.36"))
    assert not Hold.objects.exists()


def test_a_closed_model_says_why(alice, life):
    services.close(model=LTX_2_PRO.id, reason="WaveSpeed is being mended.", by=ACTOR, now=timezone.now())

    with pytest.raises(ModelClosed, match="is being mended") as error:
        run(call(alice))

    assert (error.value.code, error.value.reason) == ("model_closed", "WaveSpeed is being mended.")


def test_a_model_without_a_price_is_not_sold(alice, life):
    Price.objects.filter(model=LTX_2_PRO.id).delete()

    with pytest.raises(NoPrice, match="no price") as error:
        run(call(alice))

    assert error.value.code == "no_price"


def test_a_model_outside_the_plan_is_not_sold(life):
    with pytest.raises(ModelNotInPlan) as error:
        run(call(make_user(plan=make_plan(models_allowed=[LTX_2_FAST.id]))))

    assert error.value.code == "model_not_in_plan"


def test_who_has_not_paid_makes_nothing_new(alice, life):
    Subscription.objects.filter(user=alice).update(past_due_since=timezone.now())

    with pytest.raises(PastDue, match="Payment is due") as error:
        run(call(alice))

    assert error.value.code == "past_due"


def test_free_asks_for_a_confirmed_address(life, settings):
    settings.VERIFY_ADDRESSES = True

    with pytest.raises(AddressNotVerified, match="confirm") as error:
        run(call(make_user(plan="free")))

    assert error.value.code == "address_not_verified"


@pytest.mark.parametrize(
    ("violated", "said"), [("spend", "$0.36 needed, $0.00 left."), ("videos", "360000 videos needed, 0 left.")]
)
def test_a_limit_that_never_comes_back_names_no_day(violated, said):
    refusal = billing.InsufficientQuota(violated=violated, required=360_000, available=0, resets_at=None)

    assert str(making._quota(refusal)) == said


# --- Media ------------------------------------------------------------------------------------------------------------


def from_picture(user, image, **wish):
    return call(user, operation_type="image-to-video", image=image, timeout=0.01, **wish)


def test_a_path_bytes_or_an_open_file_become_an_upload_of_the_job(alice, life, tmp_path):
    path = tmp_path / "fox.png"
    path.write_bytes(media.png())
    with path.open("rb") as file:
        for image in (path, str(path), media.png(), bytearray(media.png()), BytesIO(media.png()), file):
            with pytest.raises(TimedOut):
                run(from_picture(alice, image))
            assert not getattr(image, "closed", False)

    jobs = list(Job.objects.order_by("created_at"))
    assert [job.upload.name for job in jobs] == ["fox.png", "fox.png", "image", "image", "image", "fox.png"]
    assert {job.upload.size_bytes for job in jobs} == {len(media.png())}
    assert {job.model for job in jobs} == {LTX_2_PRO_IMAGE.id}


@pytest.mark.parametrize("form", [str, lambda upload_id: upload_id])
def test_the_id_of_an_upload_is_taken_as_it_is(alice, life, form):
    upload = make_upload(alice)

    with pytest.raises(TimedOut):
        run(from_picture(alice, form(upload.pk)))

    assert Job.objects.get().upload == upload
    assert Upload.objects.count() == 1


def test_an_upload_of_somebody_else_does_not_exist(alice, bob, life):
    upload = make_upload(bob)

    assert "is not one of your uploads" in refused(alice, operation_type="image-to-video", image=upload.pk)["image"]


def test_a_retake_takes_a_file_under_either_name_or_a_finished_job(alice, life):
    retake = {"model": "ltx-2-retake", "operation_type": "video-to-video", "timeout": 0.01}
    source = make_job(alice, status=Status.SUCCEEDED)
    for media_given in ({"video": media.mp4(2.0)}, {"source": media.mp4(2.0)}, {"source_job": source.pk}):
        with pytest.raises(TimedOut):
            run(call(alice, **retake, **media_given))

    made = list(Job.objects.exclude(pk=source.pk).order_by("created_at"))
    assert [job.hold.seconds for job in made] == [2, 2, 6]
    assert made[2].source_job == source


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Path("/no/such/fox.png"), '"/no/such/fox.png" is no file that can be read'),
        ("/tmp", '"/tmp" is no file that can be read'),
        ("00000000-0000-0000-0000-000000000000", "is not one of your uploads"),
        (7, "A value of type int is no file that can be read; allowed: a path, bytes"),
        (StringIO("fox"), "A value of type StringIO is no file that can be read"),
        (b"", "empty"),
        (b"a fox", "it is text"),
    ],
)
def test_what_is_no_picture_is_named(alice, life, image, message):
    assert message in refused(alice, operation_type="image-to-video", image=image)["image"]
    assert not Upload.objects.exists()


def test_a_video_is_no_picture(alice, life):
    message = refused(alice, operation_type="image-to-video", image=media.mp4())["image"]

    assert "This is a video; allowed: a PNG, JPEG or WebP picture." in message


def test_what_is_wrong_beside_the_file_is_said_before_it_is_copied(alice, life):
    complaints = refused(alice, operation_type="image-to-video", image=media.png(), duration=7)

    assert list(complaints) == ["duration"]
    assert not Upload.objects.exists()


def test_an_upload_that_was_made_for_a_call_goes_when_the_call_is_refused(alice, life, settings):
    with pytest.raises(PriceChanged):
        run(from_picture(alice, media.png(), max_cost="0.35"))

    assert Upload.objects.get().deleted_at
    assert not list((settings.MEDIA_ROOT / "uploads").iterdir())


def test_an_upload_that_was_there_before_stays_when_the_call_is_refused(alice, life):
    upload = make_upload(alice)

    with pytest.raises(PriceChanged):
        run(from_picture(alice, upload.pk, max_cost="0.35"))

    upload.refresh_from_db()
    assert upload.deleted_at is None


def test_who_has_too_many_unused_uploads_makes_no_more(alice, life, monkeypatch):
    monkeypatch.setattr(uploading, "_MOST_UNUSED", 1)
    make_upload(alice)

    with pytest.raises(TooManyUploads) as error:
        run(from_picture(alice, media.png()))

    assert error.value.code == "too_many_uploads"


# --- Models by name ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [LTX_2_PRO, LTX_2_FAST, HUNYUAN])
def test_a_text_to_video_model_is_found_by_each_of_its_names(model):
    for name in model.names:
        assert get_wavespeed_text_to_video_service(name) is model


@pytest.mark.parametrize(
    "name",
    [
        *("LTX-2-Pro", " ltx-2-pro", "ltx-2-pro ", "ltx-2", "ltx 2 pro", "ltx-2-pro-extra", "pro", "hunyuan", ""),
        *("lightricks/ltx-2-pro/", "lightricks/ltx-2-pro/image-to-video", "ltx-2-retake", "hunyuan-video", None, 7),
    ],
)
def test_no_other_name_is_guessed_at_and_all_names_are_listed(name):
    with pytest.raises(InvalidInput, match="is not a text-to-video model we offer; allowed: ") as error:
        get_wavespeed_text_to_video_service(name)

    for model in (LTX_2_PRO, LTX_2_FAST, HUNYUAN):
        assert all(known in str(error.value) for known in model.names)
    assert "retake" not in str(error.value).split("allowed:")[1]
    assert "image-to-video" not in str(error.value).split("allowed:")[1]
