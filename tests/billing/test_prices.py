from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from billing.models import Hold, LedgerEntry, Period, Price
from billing.services import NoPrice, price_of
from generation import services
from generation.models import Job
from tests.billing.make import make_price
from tests.make import ACTOR, make_spec

pytestmark = pytest.mark.django_db

NOW = timezone.now()
A_DAY = timedelta(days=1)
A_MICROSECOND = timedelta(microseconds=1)


def test_the_newest_price_that_has_begun_holds():
    make_price(50_000, model="m", starts_at=NOW - 3 * A_DAY)
    newest = make_price(70_000, model="m", starts_at=NOW - A_DAY)
    make_price(60_000, model="m", starts_at=NOW - 2 * A_DAY)
    assert price_of("m", "", NOW) == newest


def test_a_future_price_does_not_hold_yet():
    current = make_price(50_000, model="m", starts_at=NOW - A_DAY)
    make_price(10_000, model="m", starts_at=NOW + A_MICROSECOND)
    assert price_of("m", "", NOW) == current


def test_a_price_holds_from_its_very_moment():
    make_price(50_000, model="m", starts_at=NOW - A_DAY)
    begun = make_price(70_000, model="m", starts_at=NOW)
    assert price_of("m", "", NOW) == begun
    assert price_of("m", "", NOW - A_MICROSECOND) != begun


def test_each_variant_has_its_own_price():
    small = make_price(20_000, model="m", variant="480p")
    large = make_price(40_000, model="m", variant="720p")
    assert price_of("m", "480p", NOW) == small
    assert price_of("m", "720p", NOW) == large


@pytest.mark.parametrize(("model", "variant"), [("m", "1080p"), ("m", ""), ("M", "720p"), ("other", "720p"), ("", "")])
def test_what_has_no_price_is_refused(model, variant):
    make_price(model="m", variant="720p")
    with pytest.raises(NoPrice, match="no price"):
        price_of(model, variant, NOW)


def test_a_price_that_only_begins_later_is_none_yet():
    make_price(model="m", starts_at=NOW + A_DAY)
    with pytest.raises(NoPrice):
        price_of("m", "", NOW)


@pytest.mark.parametrize("micros_per_second", [0, -1, -60_000])
def test_a_price_of_nothing_or_less_is_refused(micros_per_second):
    with pytest.raises(IntegrityError, match="price_is_positive"), transaction.atomic():
        make_price(micros_per_second)
    price = make_price()
    with pytest.raises(IntegrityError, match="price_is_positive"), transaction.atomic():
        Price.objects.filter(pk=price.pk).update(micros_per_second=micros_per_second)


def test_two_prices_can_not_begin_at_the_same_moment():
    make_price(model="m", starts_at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_price(model="m", starts_at=NOW)


def test_shipped_is_six_cents_a_second_for_ltx_2_pro():
    assert price_of("lightricks/ltx-2-pro/text-to-video", "", NOW).micros_per_second == 60_000


def test_without_a_price_no_job_is_made_and_nothing_is_written(alice):
    Price.objects.all().delete()
    with pytest.raises(NoPrice):
        services.create(alice, make_spec(), by=ACTOR)
    for rows in (Job, Hold, LedgerEntry, Period):
        assert not rows.objects.exists()


def test_a_price_that_changes_later_does_not_touch_what_is_held(alice):
    job = services.create(alice, make_spec(duration=8), by=ACTOR)
    make_price(90_000, model=job.model, starts_at=NOW)
    job.hold.refresh_from_db()
    assert job.hold.spend == 480_000
    assert job.hold.price.micros_per_second == 60_000
    assert services.create(alice, make_spec(duration=8), by=ACTOR).hold.spend == 720_000
