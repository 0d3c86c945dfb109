"""What a job costs, for every model, length, size and sound: quoted, held and charged alike.

The table is typed from WaveSpeed's documentation and catalogue, not computed from ours.
"""

from itertools import product

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import services as billing
from billing.models import LedgerEntry
from generation import services
from generation.catalog import MODELS, Kind
from generation.models import Job, Upload
from generation.spec import Media, video_spec
from tests.make import ACTOR, make_plan, make_upload, make_user

# micro-dollars
PRO = {6: 360_000, 8: 480_000, 10: 600_000}
FAST = {6: 240_000, 8: 320_000, 10: 400_000, 12: 480_000, 14: 560_000, 16: 640_000, 18: 720_000, 20: 800_000}
SMALL = {5: 100_000, 8: 160_000, 10: 200_000}
LARGE = {5: 200_000, 8: 320_000, 10: 400_000}


def rows(model, costs, **choices):
    """Return a wish and its cost for each length and each combination of the other choices."""
    return [
        ({"model": model, "duration": seconds, **dict(zip(choices, values, strict=True))}, cost)
        for seconds, cost in costs.items()
        for values in product(*choices.values())
    ]


TABLE = [
    *rows("lightricks/ltx-2-pro/text-to-video", PRO, generate_audio=[True, False]),
    *rows("lightricks/ltx-2-pro/image-to-video", PRO, generate_audio=[True, False]),
    *rows("lightricks/ltx-2-fast/text-to-video", FAST, generate_audio=[True, False]),
    *rows("lightricks/ltx-2-fast/image-to-video", FAST, generate_audio=[True, False]),
    *rows("wavespeed-ai/hunyuan-video-1.5/text-to-video", SMALL, size=["832*480", "480*832"]),
    *rows("wavespeed-ai/hunyuan-video-1.5/text-to-video", LARGE, size=["1280*720", "720*1280"]),
    *rows("wavespeed-ai/hunyuan-video-1.5/image-to-video", SMALL, resolution=["480p"]),
    *rows("wavespeed-ai/hunyuan-video-1.5/image-to-video", LARGE, resolution=["720p"]),
]


def test_the_table_is_whole():
    wished = [
        {"model": model.id, **{p.name: value for p, value in zip(chosen, values, strict=True)}}
        for model in MODELS
        if model.has("duration")
        for chosen in [[p for p in model.parameters if p.choices or p.kind is Kind.BOOLEAN]]
        for values in product(*(p.choices or (True, False) for p in chosen))
    ]
    assert sorted(map(str, [dict(sorted(wish.items())) for wish in wished])) == sorted(
        str(dict(sorted(wish.items()))) for wish, _ in TABLE
    )


@pytest.mark.parametrize(
    ("wish", "cost"), TABLE, ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else ""
)
def test_quote_hold_and_charge_are_what_the_table_says(alice, wish, cost):
    if wish["model"].endswith("image-to-video"):
        wish = wish | {"image": str(make_upload(alice).pk)}
    _costs(alice, {"prompt": "A fox", **wish}, cost)


@pytest.mark.parametrize(
    ("length", "cost"),
    [(0.5, 100_000), (1.1, 100_000), (1.2, 200_000), (5.0, 500_000), (6.04, 600_000), (60, 6_000_000)],
)
@pytest.mark.parametrize("mode", ["replace_audio_and_video", "replace_audio", "replace_video"])
def test_a_retake_costs_by_the_length_of_its_source(alice, length, cost, mode):
    source = make_upload(alice, kind=Upload.Kind.VIDEO, seconds=length)
    _costs(alice, {"model": "ltx-2-retake", "prompt": "blue", "video": str(source.pk), "mode": mode}, cost)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.floats(min_value=0.01, max_value=60))
@pytest.mark.django_db
def test_a_retake_never_costs_less_than_ten_cents_a_second_but_for_a_tenth(length):
    media = Media(kind=Kind.VIDEO, given_as="video", width=64, height=64, seconds=length)
    spec = video_spec({"model": "ltx-2-retake", "prompt": "blue", "video": media})
    quote = services.quote(make_user(), spec)
    assert quote.amount.spend == quote.amount.seconds * 100_000
    assert quote.amount.seconds - 1 <= length <= max(quote.amount.seconds + 0.1, 1)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    row=st.sampled_from([row for row in TABLE if "image-to-video" not in row[0]["model"]]), prompt=st.text(min_size=1)
)
@pytest.mark.django_db
def test_the_prompt_changes_no_price(row, prompt):
    wish, cost = row
    prompt = "A fox" + prompt.replace("\0", "")
    assert services.quote(make_user(), video_spec({**wish, "prompt": prompt[:5000]})).amount.spend == cost


def _costs(user, wish, cost):
    """Quote, hold and charge a wish, and compare each with its cost."""
    billing.change_plan(user, make_plan(), now=timezone.now(), by=ACTOR)
    spec = services.spec_of(user, wish)
    assert services.quote(user, spec).amount.spend == cost
    job = Job.objects.select_related("hold").get(pk=services.create(user, spec, by=ACTOR).pk)
    assert job.hold.spend == cost
    billing.settle(job.hold, now=timezone.now(), by=ACTOR)
    assert list(LedgerEntry.objects.order_by("pk").values_list("kind", "spend")) == [("hold", cost), ("settle", cost)]
    period = job.hold.period
    period.refresh_from_db()
    assert (period.spend_held, period.spend_spent) == (0, cost)
