"""Every service, cut after every statement: what died left nothing behind, and can be asked for again."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from billing import services as billing
from billing.models import ApiKey, Hold, Period, Plan
from tests.billing.cutting import died_after
from tests.billing.make import everything, make_capped_key, make_hold
from tests.make import ACTOR, make_plan, make_user

NOW = timezone.now()
WHY = {"reason": "x", "now": NOW, "by": ACTOR}
SERVICES: dict[str, Callable[[Hold, Hold], object]] = {
    "hold": lambda held, _: make_hold(held.api_key.user, held.amount, api_key=held.api_key, now=NOW),
    "first hold of a period": lambda held, _: make_hold(held.api_key.user, now=held.period.ends_at),
    "settle": lambda held, _: billing.settle(held, now=NOW, by=ACTOR),
    "release": lambda held, _: billing.release(held, now=NOW, by=ACTOR),
    "refund": lambda _, used: billing.refund(used, **WHY),
    "refund later": lambda _, used: billing.refund(used, **(WHY | {"now": used.period.ends_at})),
    "grant": lambda held, _: billing.grant(held.api_key.user, held.amount, **WHY, expires_at=NOW + timedelta(days=1)),
    "end of grants": lambda held, _: billing.expire_grants(held.period, NOW + timedelta(days=9)),
    "adjust": lambda held, _: billing.adjust(held.api_key.user, held.amount, **WHY),
    "override": lambda held, _: billing.set_override(held.api_key.user, "spend", 1, **WHY),
    "change of plan": lambda held, _: billing.change_plan(
        held.api_key.user, Plan.objects.get(slug="free"), now=NOW, by=ACTOR
    ),
    "repair of a period": lambda held, _: billing.repair_period(held.period, now=NOW, by=ACTOR),
    "repair of a key": lambda held, _: billing.repair_key(
        ApiKey.objects.get(pk=held.api_key_id), now=held.period.ends_at, by=ACTOR
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_a_death_after_any_statement_leaves_nothing_behind(service, settings):
    key = make_capped_key(make_user(plan=make_plan(spend_limit=10**9)), 10**9)
    used, held = (make_hold(key.user, api_key=key, now=NOW) for _ in range(2))
    billing.settle(used, now=NOW, by=ACTOR)
    billing.grant(key.user, used.amount, **WHY, expires_at=NOW + timedelta(days=5))
    if service in {SERVICES["repair of a period"], SERVICES["repair of a key"]}:
        Period.objects.update(spend_spent=0)
        ApiKey.objects.update(spend_spent=0)
    before, number = everything(), 0
    while died_after(number, lambda: service(Hold.objects.get(pk=held.pk), Hold.objects.get(pk=used.pk))):
        assert everything() == before
        number += 1
    assert number > 4  # it was cut at least between its reads, its change and its line
    assert everything() == before
    service(Hold.objects.get(pk=held.pk), Hold.objects.get(pk=used.pk))
    assert everything() != before
