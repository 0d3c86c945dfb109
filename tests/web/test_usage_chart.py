"""What was charged by day, model and API key: columns, legend and tables that say the same."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from billing import services as billing
from billing.models import Hold, Period, Subscription
from billing.services import Actor
from generation.catalog import HUNYUAN, LTX_2_FAST, LTX_2_PRO, MODELS
from generation.models import Status
from generation.web.usage.charged import charged
from generation.web.usage.chart import chart
from generation.web.usage.periods import chosen
from tests.billing.make import make_amount
from tests.make import make_job, make_key
from tests.web.reading import source, words

OLGA = Actor(name="operator 4711")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def november(alice, time_machine):
    """Is the 20th of a period that is the month of November."""
    time_machine.move_to(NOON, tick=False)
    Subscription.objects.update(anchor=datetime(2026, 11, 1, tzinfo=UTC))


def make_charged(user, *, on=20, model=LTX_2_PRO, at=None, **fields):
    """Make a video that was charged on a day of November."""
    job = make_job(user, status=Status.SUCCEEDED, model=model.id, **fields)
    Hold.objects.filter(pk=job.hold_id).update(resolved_at=at or datetime(2026, 11, on, 12, tzinfo=UTC))
    return job


def chart_of(user):
    looked = chosen(user, "", timezone.now())
    return chart(looked, charged(looked.period))


def test_nothing_charged_is_no_chart(alice, browser_of_alice):
    make_job(alice, status=Status.RUNNING)
    make_job(alice, status=Status.FAILED)
    assert chart_of(alice) is None
    assert "Charged by day" not in words(browser_of_alice.get("/usage/"))


def test_each_day_is_a_column_as_high_as_what_was_charged(november, alice):
    make_charged(alice, on=3)
    make_charged(alice, on=19)
    make_charged(alice, on=19)
    shown = chart_of(alice)
    assert [column.date.day for column in shown.columns] == list(range(1, 21)), "to today"
    assert {column.date.day: column.spend for column in shown.columns if column.spend} == {3: 360_000, 19: 720_000}
    assert [piece.height for column in shown.columns for piece in column.pieces] == ["50.00%", "100.00%"]
    assert shown.columns[-1].x == f"{19 * 100 / 30:.2f}%", "the whole month is as wide as the chart"
    assert shown.most == "Most on one day: $0.72"
    assert (shown.first.day, shown.last.day) == (1, 30)


def test_models_are_stacked_without_gap(november, alice):
    make_charged(alice)
    make_charged(alice)
    make_charged(alice, model=HUNYUAN)
    (column,) = [column for column in chart_of(alice).columns if column.spend]
    assert [(piece.tone, piece.y, piece.height) for piece in column.pieces] == [
        (1, "33.33%", "66.67%"),
        (2, "0.00%", "33.33%"),
    ]
    assert column.title == "20 November: $1.08 (LTX-2 Pro $0.72; HunyuanVideo-1.5 $0.36)"


def test_each_model_has_a_texture_and_the_legend_names_it(november, alice, browser_of_alice):
    make_charged(alice)
    make_charged(alice)
    make_charged(alice, model=LTX_2_FAST)
    html = source(browser_of_alice.get("/usage/"))
    assert len(re.findall('class="days__bar"', html)) == 2
    assert html.count('fill="url(#tone-1)"') == html.count('fill="url(#tone-2)"') == 2, "once a column, once in words"
    assert set(re.findall(r"url\(#(tone-\d)\)", html)) <= set(re.findall(r'<pattern id="(tone-\d)"', html))
    assert "LTX-2 Pro $0.72 LTX-2 Fast $0.36 As a table" in words(browser_of_alice.get("/usage/"))
    assert "style=" not in html, "the policy drops it"


def test_beyond_six_models_the_rest_is_one(november, alice):
    for number, model in enumerate(MODELS):
        for _ in range(len(MODELS) - number):
            make_charged(alice, model=model)
    legend = chart_of(alice).legend
    assert [sign.tone for sign in legend] == [1, 2, 3, 4, 5, 6]
    assert legend[-1].name == "Other models"
    assert sum(sign.spend for sign in legend) == 360_000 * sum(range(len(MODELS) + 1))


def test_the_table_says_what_the_columns_say(november, alice, browser_of_alice):
    make_charged(alice, on=3)
    make_charged(alice, on=19, model=HUNYUAN)
    page = words(browser_of_alice.get("/usage/"))
    rows = "3 November 2026 LTX-2 Pro $0.36 $0.36 19 November 2026 HunyuanVideo-1.5 $0.36 $0.36"
    assert f"Day Models Charged {rows}" in page


def test_days_are_those_of_the_time_zone(november, alice, settings):
    make_charged(alice, at=datetime(2026, 11, 3, 23, 30, tzinfo=UTC))
    settings.TIME_ZONE = "Europe/Berlin"
    assert [column.date.day for column in chart_of(alice).columns if column.spend] == [4]


def test_what_is_charged_after_the_end_still_has_a_column(november, alice, browser_of_alice):
    make_charged(alice, at=datetime(2026, 12, 2, 12, tzinfo=UTC))
    looked = chosen(alice, "", NOON)
    shown = chart(looked, charged(looked.period))
    assert [column.date.isoformat() for column in shown.columns if column.spend] == ["2026-12-02"]
    assert shown.last.isoformat() == "2026-12-02"


def test_what_was_refunded_is_not_counted(november, alice):
    job = make_charged(alice)
    billing.refund(job.hold, reason="Sorry.", now=NOON, by=OLGA)
    assert chart_of(alice) is None
    assert charged(Period.objects.get()).models == []


def test_by_model_with_what_is_set_aside(november, alice, browser_of_alice):
    make_charged(alice)
    make_charged(alice, model=HUNYUAN)
    make_job(alice, status=Status.RUNNING)
    page = words(browser_of_alice.get("/usage/"))
    assert "By model Model Videos Seconds Charged Set aside" in page
    rows = "HunyuanVideo-1.5 1 6 $0.36 $0.00 LTX-2 Pro 1 6 $0.36 $0.36 In all 2 12 $0.72 $0.36"
    assert rows in page


def test_by_api_key_where_the_web_is_one(november, alice, browser_of_alice):
    key, _ = make_key(alice, "ci")
    make_charged(alice)
    make_charged(alice, api_key=key)
    make_charged(alice, api_key=key)
    page = words(browser_of_alice.get("/usage/"))
    assert f"ci ({key.prefix}…) 2 12 $0.72 $0.00 No key 1 6 $0.36 $0.00 In all 3 18 $1.08 $0.00" in page


def test_keys_of_the_same_name_are_told_apart(november, alice):
    for _ in range(2):
        make_charged(alice, api_key=make_key(alice, "ci")[0])
    assert len(charged(Period.objects.get()).keys) == 2


def test_corrections_make_the_tables_add_up_to_the_counters(november, alice, browser_of_alice):
    refunded = make_charged(alice)
    make_charged(alice)
    make_job(alice, status=Status.RUNNING)
    make_job(alice, status=Status.FAILED)
    billing.refund(refunded.hold, reason="Sorry.", now=NOON, by=OLGA)
    billing.adjust(alice, make_amount(spend=50_000, videos=1, seconds=2), reason="By post.", now=NOON, by=OLGA)
    billing.adjust(alice, make_amount(spend=-10_000, videos=0, seconds=0), reason="Rounded.", now=NOON, by=OLGA)
    assert "Corrections 1 2 $0.04 $0.00 In all 2 8 $0.40 $0.36" in words(browser_of_alice.get("/usage/"))
    period = Period.objects.get()
    total = charged(period).total
    assert (total.videos, total.seconds) == (period.videos_spent, period.seconds_spent)
    assert (total.spent, total.held) == (period.spend_spent, period.spend_held)


def test_others_and_earlier_periods_are_not_counted(november, alice, bob):
    make_charged(bob)
    make_charged(alice)
    Period.objects.filter(subscription__user=alice).update(
        starts_at=NOON - timedelta(days=50), ends_at=NOON - timedelta(days=20)
    )
    assert chart_of(alice) is None
