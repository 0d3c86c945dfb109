"""What no service takes is refused with the field, the value and what is allowed; nothing is written."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import services as billing
from billing.money import Amount
from billing.services import InvalidValue
from billing.services.keys import set_cap
from tests.billing.make import everything, make_amount, make_capped_key, make_hold
from tests.make import ACTOR

pytestmark = pytest.mark.django_db

NOW = timezone.now()
HUGE = 10**19  # no column holds it
WHY = {"reason": "x", "now": NOW, "by": ACTOR}


def amount(**limits):
    return Amount(**({"spend": 0, "videos": 0, "seconds": 0} | limits))


CALLS = {
    "limit of nothing": ("limit", lambda user: billing.set_override(user, "jobs", 1, **WHY)),
    "limit too large": ("videos", lambda user: billing.set_override(user, "videos", HUGE, **WHY)),
    "dollars too large": ("spend", lambda user: billing.set_override(user, "spend", 10**15 + 1, **WHY)),
    "limit below 0": ("seconds", lambda user: billing.set_override(user, "seconds", -1, **WHY)),
    "limit of half": ("videos", lambda user: billing.set_override(user, "videos", 0.5, **WHY)),
    "models that are no list": ("models", lambda user: billing.set_override(user, "models", "a/b", **WHY)),
    "override without a reason": (
        "reason",
        lambda user: billing.set_override(user, "spend", 1, **WHY | {"reason": ""}),
    ),
    "cap below 0": ("spend_limit", lambda user: billing.create_api_key(user, "x", spend_limit=-1)),
    "cap too large": ("spend_limit", lambda user: billing.create_api_key(user, "x", spend_limit=HUGE)),
    "cap set below 0": ("spend_limit", lambda user: set_cap(user.api_keys.get(), -1)),
    "cap set too large": ("spend_limit", lambda user: set_cap(user.api_keys.get(), HUGE)),
    "grant of nothing": ("amount", lambda user: billing.grant(user, amount(), **WHY)),
    "grant too large": ("spend", lambda user: billing.grant(user, amount(spend=HUGE), **WHY)),
    "grant below 0": ("videos", lambda user: billing.grant(user, amount(spend=1, videos=-1), **WHY)),
    "grant without a reason": ("reason", lambda user: billing.grant(user, make_amount(), **WHY | {"reason": ""})),
    "grant with a novel": ("reason", lambda user: billing.grant(user, make_amount(), **WHY | {"reason": "x" * 301})),
    "grant that is over": ("expires_at", lambda user: billing.grant(user, make_amount(), **WHY, expires_at=NOW)),
    "adjustment of nothing": ("amount", lambda user: billing.adjust(user, amount(), **WHY)),
    "adjustment too large": ("seconds", lambda user: billing.adjust(user, amount(seconds=HUGE), **WHY)),
    "adjustment too low": ("spend", lambda user: billing.adjust(user, amount(spend=-HUGE), **WHY)),
    "adjustment without a reason": (
        "reason",
        lambda user: billing.adjust(user, make_amount(), **WHY | {"reason": " "}),
    ),
}


@pytest.mark.parametrize(("field", "call"), CALLS.values(), ids=CALLS)
def test_what_makes_no_sense_is_refused_with_field_value_and_what_is_allowed(alice, field, call):
    make_hold(alice, api_key=make_capped_key(alice, 10**6))
    before = everything()
    with pytest.raises(InvalidValue) as refused:
        call(alice)
    assert everything() == before
    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field} can't be ")
    assert f"; allowed: {refused.value.allowed}." in str(refused.value)


def test_the_most_and_the_least_are_taken(alice):
    billing.set_override(alice, "spend", 10**15, **WHY)
    billing.set_override(alice, "videos", 0, **WHY)
    billing.set_override(alice, "models", [], **WHY)
    billing.grant(alice, amount(videos=10**9), **WHY | {"reason": "x" * 300}, expires_at=NOW + timedelta(seconds=1))
    assert set_cap(make_capped_key(alice, 0), 10**15)
