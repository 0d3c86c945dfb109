"""The catalogue, as callers read it."""

from datetime import timedelta

from django.utils import timezone

from billing.models import Price


def test_the_catalogue_in_json(api):
    page = api.get("/api/v1/models").json()
    assert set(page) == {"results", "next", "previous"}
    (model,) = page["results"]
    assert model == {
        "id": "lightricks/ltx-2-pro/text-to-video",
        "names": ["ltx-2-pro", "lightricks/ltx-2-pro", "lightricks/ltx-2-pro/text-to-video"],
        "title": "LTX-2 Pro",
        "summary": "1080p with sound, 6 to 10 s",
        "parameters": [
            {
                "name": "prompt",
                "type": "string",
                "required": True,
                "default": None,
                "choices": [],
                "max_length": 5000,
                "help": "",
            },
            {
                "name": "duration",
                "type": "integer",
                "required": False,
                "default": 6,
                "choices": [6, 8, 10],
                "max_length": None,
                "help": "",
            },
            {
                "name": "generate_audio",
                "type": "boolean",
                "required": False,
                "default": True,
                "choices": [],
                "max_length": None,
                "help": "The model makes a sound track that fits the picture.",
            },
        ],
        "ignored_parameters": ["negative_prompt", "seed", "audio_base64", "enable_prompt_expansion", "resolution"],
        "width": 1920,
        "height": 1080,
        "prices": [{"variant": "", "per_second": "0.06", "currency": "USD"}],
    }


def test_only_the_price_of_now_is_shown(api):
    now = timezone.now()
    for micros, start in ((70_000, now - timedelta(hours=1)), (80_000, now + timedelta(hours=1))):
        Price.objects.create(model="lightricks/ltx-2-pro/text-to-video", micros_per_second=micros, starts_at=start)
    prices = api.get("/api/v1/models").json()["results"][0]["prices"]
    assert [price["per_second"] for price in prices] == ["0.07"]


def test_a_model_without_a_price_says_so(api):
    Price.objects.all().delete()
    assert api.get("/api/v1/models").json()["results"][0]["prices"] == []


def test_everything_that_is_shown_is_accepted(api):
    (model,) = api.get("/api/v1/models").json()["results"]
    for parameter in model["parameters"]:
        for value in parameter["choices"] or [parameter["default"]]:
            wish = {"model": model["id"], "prompt": "x"} | ({parameter["name"]: value} if value is not None else {})
            assert api.post("/api/v1/quotes", wish).status_code == 200
