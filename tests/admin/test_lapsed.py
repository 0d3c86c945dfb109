"""Dialogs about a plan that has ended, in a month in which nobody has held anything yet: they go by what is so."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from billing import services as billing
from billing.models import Plan, Subscription, User
from tests.admin.deciding import decide, refused, said
from tests.admin.test_pages import address
from tests.make import make_user

NOW = timezone.now()
FAR = f"{NOW + timedelta(days=90):%Y-%m-%dT%H:%M}"
ENDS = {
    "expired": lambda user: billing.set_expiry(user, NOW + timedelta(days=1), now=NOW),
    "canceled": lambda user: billing.cancel_subscription(user, now=NOW),
}


@pytest.fixture(params=ENDS)
def user(request, desk, olga, time_machine):
    """Was on Pro to the end of last month."""
    user = make_user(plan="pro")
    ENDS[request.param](user)
    time_machine.move_to(billing.current_period(user, NOW).ends_at + timedelta(days=2))
    desk.force_login(olga)  # a session does not last a month
    return user


def act(user, action):
    return f"/admin/billing/subscription/{user.subscription.pk}/{action}/"


def plan_of(user):
    return billing.current_period(User.objects.get(pk=user.pk), timezone.now()).subscription.plan.slug


def test_who_was_on_it_can_have_it_again(desk, user):
    answer = decide(desk, act(user, "change_plan"), plan=str(Plan.objects.get(slug="pro").pk))
    assert (refused(answer), said(answer)) == ({}, ["Pro holds from now on."])
    assert plan_of(user) == "pro"


def test_free_is_what_it_has(desk, user):
    assert "plan" in refused(decide(desk, act(user, "change_plan"), plan=str(Plan.objects.get(slug="free").pk)))


def test_what_has_ended_is_not_canceled_or_kept_or_ended_again(desk, user):
    assert refused(decide(desk, act(user, "cancel_at_end"))) == {"__all__": ["It is Free, or will be."]}
    assert refused(decide(desk, act(user, "keep_plan"))) == {"__all__": ["Nothing is to follow."]}
    assert refused(decide(desk, act(user, "set_end"), at=FAR)) == {"at": ["Free has no end."]}
    assert refused(decide(desk, act(user, "set_end"), at="")) == {"at": ["That is so already."]}
    assert plan_of(user) == "free"


def test_only_what_would_work_is_offered(desk, user):
    page = desk.get(address(Subscription, "change", user.subscription.pk)).content.decode()
    offered = {each for each in ("change_plan", "cancel_at_end", "keep_plan", "set_end") if act(user, each) in page}
    assert offered == {"change_plan"}


def test_limits_are_compared_with_those_of_free(desk, user):
    page = desk.get(act(user, "set_limit")).content.decode()
    assert re.findall(r"<b[^>]*>([^<]*) a period", page) == ["$2.00", "2", "unlimited"]
    told = said(decide(desk, act(user, "set_limit"), limit="videos", value="5"))
    assert told == ["Videos: 5 instead of 2 from the plan."]
    assert "5 instead of 2" in desk.get(act(user, "remove_limit")).content.decode()


def test_looking_begins_nothing(desk, user):
    before = list(Subscription.objects.order_by("pk").values())
    for action in ("change_plan", "cancel_at_end", "keep_plan", "set_end", "set_limit", "past_due"):
        desk.get(act(user, action))
    desk.get(address(Subscription, "change", user.subscription.pk))
    assert list(Subscription.objects.order_by("pk").values()) == before


def test_the_list_tells_what_has_ended_from_what_ends(desk, user):
    Subscription.objects.filter(user=user).update(next_plan=None, next_plan_at=None)
    for at, state in ((NOW + timedelta(days=1), "Ended"), (NOW + timedelta(days=90), "Ends")):
        Subscription.objects.filter(user=user).update(expires_at=at)
        page = desk.get(address(Subscription, "changelist")).content.decode()
        assert re.findall(r">\s*(Ended|Ends)\s*<", page) == [state]
