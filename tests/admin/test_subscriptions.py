"""What operators decide about a subscription: each by a dialog, with a reason, once, and only who may."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core import serializers
from django.utils import timezone

from billing import services as billing
from billing.admin.subscriptions import SubscriptionsAdmin
from billing.ledger import differences
from billing.models import Answer, Grant, LedgerEntry, Override, Period, Plan, Subscription
from billing.money import Amount
from tests.admin.deciding import WHY, decide, opened, refused, said, typed
from tests.admin.test_pages import address
from tests.make import ACTOR, make_job, make_user

MODEL = "lightricks/ltx-2-pro/text-to-video"
ACTIONS = {
    "set_limit": {"limit": "videos", "value": "50"},
    "remove_limit": {"limit": "seconds"},
    "grant_extra": {"spend": "5"},
    "adjust_spent": {"spend": "1", "looked_at": "$1.00"},
    "change_plan": {},
    "cancel_at_end": {},
    "keep_plan": {},
    "set_end": {"at": "2027-01-01T00:00"},
    "past_due": {},
    "paid_again": {},
}
every_action = pytest.mark.parametrize("action", ACTIONS)


@pytest.fixture
def user(db):
    """Is on Basic, with one video made."""
    user = make_user("ada@example.org", plan="basic")
    billing.settle(make_job(user).hold, now=timezone.now(), by=ACTOR)
    return user


def act(user, action):
    return f"/admin/billing/subscription/{user.subscription.pk}/{action}/"


def plan(slug):
    return Plan.objects.get(slug=slug)


def period_of(user):
    return Period.objects.get(subscription__user=user)


def subscription_of(user):
    return Subscription.objects.select_related("plan", "next_plan").get(user=user)


def everything():
    models = (Subscription, Override, Period, Grant, LedgerEntry, LogEntry)
    return [serializers.serialize("json", model.objects.order_by("pk")) for model in models]


def logged(user):
    entries = LogEntry.objects.filter(object_id=str(user.subscription.pk)).order_by("pk")
    return [entry.get_change_message() for entry in entries]


def ready(user, action):
    """Bring the subscription to where an action would work, and return what it would be told."""
    if action == "remove_limit":
        billing.set_override(user, "seconds", 100, reason=WHY, now=timezone.now(), by=ACTOR)
    if action == "keep_plan":
        billing.cancel_subscription(user, now=timezone.now())
    if action == "paid_again":
        billing.set_past_due(user, now=timezone.now())
    return ACTIONS[action] | ({"plan": str(plan("pro").pk)} if action == "change_plan" else {})


# --- All of them ------------------------------------------------------------------------------------------------------


@every_action
def test_each_says_why_and_is_written_down(desk, olga, user, action):
    answer = decide(desk, act(user, action), **ready(user, action))
    assert refused(answer) == {}
    (entry,) = LogEntry.objects.all()
    assert (entry.user, entry.object_id) == (olga, str(user.subscription.pk))
    assert entry.get_change_message().endswith(f"Reason: {WHY}")
    assert answer.redirect_chain[-1][0] == address(Subscription, "change", user.subscription.pk)
    assert list(differences()) == []


@every_action
@pytest.mark.parametrize("reason", ["", "too short", " " * 20, "x" * 301, "a reason with \x00 in it"])
def test_without_a_good_reason_nothing_is_done(desk, user, action, reason):
    says = ready(user, action)
    before = everything()
    assert "reason" in refused(decide(desk, act(user, action), **says, reason=reason))
    assert everything() == before


@every_action
def test_the_same_answer_twice_counts_once(desk, user, action):
    body = opened(desk, act(user, action)) | {"reason": WHY} | ready(user, action)
    body |= opened(desk, act(user, action))
    if action == "adjust_spent":
        body["looked_at"] = "$1.00"
    assert desk.post(act(user, action), body, headers={"HX-Request": "true"})["HX-Redirect"]
    before = everything()
    answer = desk.post(act(user, action), body, headers={"HX-Request": "true"})
    assert "HX-Redirect" not in answer
    assert everything() == before


@every_action
def test_a_death_before_the_line_of_history_leaves_nothing_done(desk, user, monkeypatch, action):
    says = ready(user, action)
    body = opened(desk, act(user, action)) | {"reason": WHY} | says

    def dies(*args, **kwargs):
        raise SystemError("killed here")

    before = everything()
    with monkeypatch.context() as patched:
        patched.setattr(SubscriptionsAdmin, "log_change", dies)
        with pytest.raises(SystemError):
            desk.post(act(user, action), body)
    assert everything() == before
    assert not Answer.objects.exists()
    assert refused(desk.post(act(user, action), body, follow=True)) == {}
    assert len(logged(user)) == 1


@every_action
def test_who_may_only_look_decides_nothing(onlooker, user, action):
    says = {"reason": WHY, "_form_submitted": "1", "seen": "0"} | ready(user, action)
    before = everything()
    assert onlooker.get(act(user, action)).status_code == 403
    assert onlooker.post(act(user, action), says).status_code == 403
    page = onlooker.get(address(Subscription, "change", user.subscription.pk)).content.decode()
    assert act(user, action) not in page
    assert "From the plan" in page
    assert everything() == before


@every_action
def test_others_are_refused(client, alice, user, action):
    client.force_login(alice)
    before = everything()
    assert client.post(act(user, action), {"reason": WHY, "seen": "0"}, follow=True).status_code == 403
    assert everything() == before


@every_action
@pytest.mark.parametrize("key", ["999999", "nonsense", "9" * 30])
def test_a_subscription_that_is_not_there_is_not_found(desk, user, action, key):
    for answer in (desk.get, desk.post):
        assert answer(f"/admin/billing/subscription/{key}/{action}/").status_code == 404


@every_action
def test_looking_at_a_dialog_changes_nothing(desk, user, action):
    ready(user, action)
    before = everything()
    opened(desk, act(user, action))
    desk.post(act(user, action), {})
    assert everything() == before


def test_an_action_is_offered_where_it_works(desk, user):
    def offered():
        page = desk.get(address(Subscription, "change", user.subscription.pk)).content.decode()
        return {action for action in ACTIONS if act(user, action) in page}

    usual = {"set_limit", "grant_extra", "adjust_spent", "change_plan"}
    assert offered() == usual | {"cancel_at_end", "set_end", "past_due"}
    for action in ("remove_limit", "keep_plan", "paid_again"):
        ready(user, action)
    assert offered() == usual | {"remove_limit", "keep_plan", "set_end", "paid_again"}


# --- Limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "stored", "told"),
    [
        ({"limit": "spend", "value": "50.50"}, 50_500_000, "Spend: $50.50 instead of $25.00 from the plan."),
        ({"limit": "spend", "value": ""}, None, "Spend: unlimited instead of $25.00 from the plan."),
        ({"limit": "videos", "value": "50"}, 50, "Videos: 50 instead of 10 from the plan."),
        ({"limit": "seconds", "value": "600"}, 600, "Seconds: 600 instead of unlimited from the plan."),
    ],
)
def test_a_limit_of_its_own_holds_at_once(desk, olga, user, says, stored, told):
    assert said(decide(desk, act(user, "set_limit"), **says)) == [told]
    own = Override.objects.get()
    assert (own.value, own.reason, own.set_by) == (stored, WHY, f"operator {olga.pk}")
    assert getattr(period_of(user), f"{says['limit']}_limit") == stored


@pytest.mark.parametrize(("typed", "allowed"), [(f'["{MODEL}"]', [MODEL]), ("[]", []), ("", None)])
def test_models_are_a_list(desk, user, typed, allowed):
    Plan.objects.update(models_allowed=["another/model"])
    assert refused(decide(desk, act(user, "set_limit"), limit="models", models=typed)) == {}
    assert Override.objects.get().models_allowed == allowed
    assert period_of(user).models_allowed == allowed


def test_a_lower_limit_stops_at_what_is_spent_and_held_and_the_page_says_so(desk, user):
    make_job(user)
    answer = decide(desk, act(user, "set_limit"), limit="videos", value="1")
    stops = "1 is meant to hold, but the limit stops at 2, which is spent and held already; it sinks as some of that"
    assert said(answer) == [f"Videos: 1 instead of 10 from the plan. {stops} comes back."]
    assert period_of(user).videos_limit == 2
    assert f"Videos: {stops}" in answer.content.decode()


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("limit", {"limit": "jobs", "value": "1"}),
        ("limit", {"limit": "", "value": "1"}),
        ("value", {"limit": "spend", "value": "-1"}),
        ("value", {"limit": "spend", "value": "0.1234567"}),
        ("value", {"limit": "spend", "value": "NaN"}),
        ("value", {"limit": "spend", "value": "1e99"}),
        ("value", {"limit": "spend", "value": "a lot"}),
        ("value", {"limit": "videos", "value": "1.5"}),
        ("value", {"limit": "videos", "value": "-1"}),
        ("value", {"limit": "videos", "value": "9" * 25}),
        ("value", {"limit": "seconds", "value": "٣"}),
        ("value", {"limit": "models", "value": "3"}),
        ("models", {"limit": "models", "models": '["nobody/knows"]'}),
        ("models", {"limit": "models", "models": "{}"}),
        ("models", {"limit": "models", "models": "["}),
        ("models", {"limit": "videos", "value": "3", "models": "[]"}),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_with_the_field_named(desk, user, field, says):
    before = everything()
    assert field in refused(decide(desk, act(user, "set_limit"), **says))
    assert everything() == before


def test_the_plans_limit_holds_again(desk, user):
    billing.set_override(user, "videos", 50, reason=WHY, now=timezone.now(), by=ACTOR)
    assert refused(decide(desk, act(user, "remove_limit"), limit="spend"))
    assert said(decide(desk, act(user, "remove_limit"), limit="videos")) == ["Videos: the plan's limit holds again."]
    assert not Override.objects.exists()
    assert period_of(user).videos_limit == 10


def test_the_plans_limit_says_so_where_more_is_used_than_it_allows(desk, user):
    billing.set_override(user, "videos", 50, reason=WHY, now=timezone.now(), by=ACTOR)
    for _ in range(11):
        make_job(user)
    (told,) = said(decide(desk, act(user, "remove_limit"), limit="videos"))
    assert told.startswith("Videos: the plan's limit holds again. 10 is meant to hold, but the limit stops at 12, ")


def test_limits_stand_side_by_side(desk, user):
    billing.set_override(user, "videos", 50, reason="a very good customer", now=timezone.now(), by=ACTOR)
    billing.grant(user, Amount(spend=5_000_000, videos=0, seconds=0), reason=WHY, now=timezone.now(), by=ACTOR)
    page = desk.get(address(Subscription, "change", user.subscription.pk)).content.decode()
    for text in ("From the plan", "Own", "+$5.00", "$30.00", "$29.64", "a very good customer", "all models"):
        assert text in page


def test_looking_opens_no_period(desk):
    user = make_user(plan="basic")
    page = desk.get(address(Subscription, "change", user.subscription.pk)).content.decode()
    assert "opened by the first video or grant" in page
    assert not Period.objects.exists()


# --- Money ------------------------------------------------------------------------------------------------------------


def test_extra_is_granted_with_a_line_that_says_why(desk, olga, user):
    until = timezone.now() + timedelta(days=3)
    says = {"spend": "5.25", "videos": "2", "seconds": "10", "expires_at": f"{until:%Y-%m-%dT%H:%M}"}
    assert said(decide(desk, act(user, "grant_extra"), **says))[0].startswith("Granted $5.25, 2 videos, 10 s, until ")
    line = LedgerEntry.objects.get(kind="grant")
    assert (line.spend, line.videos, line.seconds, line.reason) == (5_250_000, 2, 10, WHY)
    assert (line.actor, bool(line.request_id)) == (f"operator {olga.pk}", True)
    assert Grant.objects.get().expires_at == until.replace(second=0, microsecond=0)
    assert period_of(user).spend_limit == 30_250_000


def test_one_video_is_one_video(desk, user):
    assert said(decide(desk, act(user, "grant_extra"), videos="1")) == ["Granted 1 video."]


@pytest.mark.parametrize(
    ("videos", "told"),
    [
        ("1", "Videos: 2 is meant to hold, but the limit stops at 3, which is spent and held already; it sinks as"),
        ("2", "Videos: 0 left, since more was spent and held than is meant to hold."),
        ("3", "Videos: 1 left, since more was spent and held than is meant to hold."),
    ],
)
def test_a_grant_that_fills_what_is_used_says_what_is_left(desk, user, videos, told):
    for _ in range(2):
        make_job(user)
    billing.set_override(user, "videos", 1, reason=WHY, now=timezone.now(), by=ACTOR)
    (answer,) = said(decide(desk, act(user, "grant_extra"), videos=videos))
    assert told in answer
    assert period_of(user).left("videos") == max(int(videos) - 2, 0)


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("spend", {}),
        ("spend", {"spend": "0", "videos": "0"}),
        ("spend", {"spend": "-5"}),
        ("spend", {"spend": "0.0000001"}),
        ("spend", {"spend": "1e12"}),
        ("videos", {"videos": "-1"}),
        ("videos", {"videos": "1.5"}),
        ("videos", {"videos": "9" * 20}),
        ("seconds", {"seconds": "many"}),
        ("expires_at", {"spend": "5", "expires_at": "2020-01-01T00:00"}),
        ("expires_at", {"spend": "5", "expires_at": "9999-12-31T23:59"}),
        ("expires_at", {"spend": "5", "expires_at": "soon"}),
        ("expires_at", {"spend": "5", "expires_at": f"{timezone.now() + timedelta(days=32):%Y-%m-%dT%H:%M}"}),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused_with_the_field_named(desk, user, field, says):
    before = everything()
    assert field in refused(decide(desk, act(user, "grant_extra"), **says))
    assert everything() == before


def test_a_second_grant_is_given_by_who_means_it(desk, user):
    body = opened(desk, act(user, "grant_extra")) | {"reason": WHY, "spend": "5"}
    desk.post(act(user, "grant_extra"), body)
    again = desk.post(act(user, "grant_extra"), body)
    assert "Done since you opened this, by olga@example.org: “Granted $5.00." in str(again.context["form"].errors)
    assert Grant.objects.count() == 1
    desk.post(act(user, "grant_extra"), typed(again.content.decode()))
    assert Grant.objects.count() == 2


def grant_from_two_windows_at_once(desk, user, monkeypatch) -> list[object]:
    """Let the second window's answer be found right before the first one's is written down; return both answers."""
    body, answers, first_grants = opened(desk, act(user, "grant_extra")) | {"reason": WHY, "spend": "5"}, [], []
    grant = billing.grant

    def granting(*args, **kwargs):
        if not first_grants:
            first_grants.append(True)
            answers.append(desk.post(act(user, "grant_extra"), body, follow=True))
        return grant(*args, **kwargs)

    monkeypatch.setattr(billing, "grant", granting)
    return [desk.post(act(user, "grant_extra"), body, follow=True), *answers]


def test_the_same_dialog_from_two_windows_at_the_same_moment_is_answered_once(desk, user, monkeypatch):
    both = grant_from_two_windows_at_once(desk, user, monkeypatch)
    assert Grant.objects.count() == 1
    told = [*said(both[0]), *said(both[1]), str(both[1].context.get("form") and both[1].context["form"].errors)]
    assert any("Granted $5.00" in each for each in told)


def test_both_found_right_and_only_one_is_taken(desk, user, monkeypatch):
    # As two processes are, which both read the same state before either has answered.
    monkeypatch.setattr(billing, "last_answer", lambda about: 0)
    both = grant_from_two_windows_at_once(desk, user, monkeypatch)
    assert Grant.objects.count() == 1
    assert "The same was answered in another window at this moment; this answer changed nothing." in [
        *said(both[0]),
        *said(both[1]),
    ]


def test_control_without_taking_answers_both_pass(desk, user, monkeypatch):
    # This test exists to show that the two above could fail.
    monkeypatch.setattr(billing, "last_answer", lambda about: 0)
    monkeypatch.setattr(billing, "take_answer", lambda *args, **kwargs: True)
    grant_from_two_windows_at_once(desk, user, monkeypatch)
    assert Grant.objects.count() == 2


def test_an_answer_that_came_to_nothing_can_be_given_again(desk, user, monkeypatch):
    def meanwhile(*args, **kwargs):
        raise billing.CantAdjust("Not now.")

    with monkeypatch.context() as patched:
        patched.setattr(billing, "adjust", meanwhile)
        assert said(decide(desk, act(user, "adjust_spent"), spend="1", looked_at="$1.00")) == ["Not now."]
    assert "Spent is adjusted." in said(decide(desk, act(user, "adjust_spent"), spend="1", looked_at="$1.00"))[0]


def test_what_is_spent_is_adjusted_after_a_look_at_what_comes_of_it(desk, olga, user):
    says = {"spend": "-0.30", "videos": "1"}
    looked = decide(desk, act(user, "adjust_spent"), **says)
    page = looked.content.decode()
    assert "$0.36 → $0.06" in page
    assert "1 → 2" in page
    assert "Nothing is written yet." in page
    assert not LedgerEntry.objects.filter(kind="adjust").exists()
    answer = desk.post(act(user, "adjust_spent"), typed(page), follow=True)
    assert said(answer) == ["Spent is adjusted. Spend: $0.36 → $0.06; Videos: 1 → 2."]
    line = LedgerEntry.objects.get(kind="adjust")
    assert (line.spend, line.videos, line.seconds, line.actor) == (-300_000, 1, 0, f"operator {olga.pk}")
    assert (period_of(user).spend_spent, period_of(user).videos_spent) == (60_000, 2)


def test_another_amount_than_the_one_looked_at_is_looked_at_first(desk, user):
    decide(desk, act(user, "adjust_spent"), spend="2", looked_at="$1.00")
    assert not LedgerEntry.objects.filter(kind="adjust").exists()


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("spend", {}),
        ("spend", {"spend": "0"}),
        ("spend", {"spend": "-0.37"}),
        ("spend", {"spend": "24.65"}),
        ("spend", {"spend": "NaN"}),
        ("videos", {"videos": "-2"}),
        ("videos", {"videos": "10"}),
        ("seconds", {"seconds": "-7"}),
        ("seconds", {"seconds": "1e3"}),
    ],
)
def test_an_adjustment_that_does_not_fit_is_refused_with_the_field_named(desk, user, field, says):
    before = everything()
    assert field in refused(decide(desk, act(user, "adjust_spent"), **says))
    assert everything() == before


def test_what_stopped_fitting_meanwhile_is_told_and_not_written(desk, user, monkeypatch):
    def meanwhile(*args, **kwargs):
        raise billing.CantAdjust("That would leave less than nothing spent.")

    monkeypatch.setattr(billing, "adjust", meanwhile)
    before = everything()
    answer = decide(desk, act(user, "adjust_spent"), spend="1", looked_at="$1.00")
    assert said(answer) == ["That would leave less than nothing spent."]
    assert everything() == before


# --- Plan and payment -------------------------------------------------------------------------------------------------


def test_a_larger_plan_holds_at_once_and_a_smaller_one_says_when(desk, user):
    answer = decide(desk, act(user, "change_plan"), plan=plan("pro").pk)
    assert said(answer) == ["Pro holds from now on."]
    assert period_of(user).spend_limit == 100_000_000
    answer = decide(desk, act(user, "change_plan"), plan=plan("basic").pk)
    ends = f"{period_of(user).ends_at:%-d %b %Y, %H:%M}"
    assert said(answer) == [f"Basic begins on {ends}; Pro holds until then."]
    assert f"Basic on {ends}" in answer.content.decode()
    assert subscription_of(user).next_plan == plan("basic")
    assert period_of(user).spend_limit == 100_000_000


@pytest.mark.parametrize("wanted", ["basic", "none", "", "999999"])
def test_a_plan_that_it_has_or_that_there_is_not_is_refused(desk, user, wanted):
    before = everything()
    chosen = plan("basic").pk if wanted == "basic" else wanted
    assert "plan" in refused(decide(desk, act(user, "change_plan"), plan=chosen))
    assert everything() == before


def test_what_would_follow_is_kept_back_by_keep_and_not_by_changing_to_what_is(desk, user):
    billing.cancel_subscription(user, now=timezone.now())
    assert "Keep" in str(refused(decide(desk, act(user, "change_plan"), plan=plan("basic").pk)))
    assert said(decide(desk, act(user, "keep_plan"))) == ["Basic goes on."]
    assert subscription_of(user).next_plan is None


def test_a_plan_is_canceled_at_the_end_of_its_period(desk, user):
    assert "Free begins on " in said(decide(desk, act(user, "cancel_at_end")))[0]
    assert (subscription_of(user).plan.slug, subscription_of(user).next_plan.slug) == ("basic", "free")
    assert refused(decide(desk, act(user, "cancel_at_end"))) == {"__all__": ["It is Free, or will be."]}


def test_where_no_period_is_open_it_goes_on_to_the_end_of_the_month_as_well(desk):
    user = make_user(plan="basic")
    assert "Free begins on " in said(decide(desk, act(user, "cancel_at_end")))[0]
    assert said(decide(desk, act(user, "keep_plan"))) == ["Basic goes on."]
    assert subscription_of(user).plan.slug == "basic"


def test_an_end_is_set_and_removed(desk, user):
    until = (timezone.now() + timedelta(days=30)).replace(second=0, microsecond=0)
    decide(desk, act(user, "set_end"), at=f"{until:%Y-%m-%dT%H:%M}")
    assert subscription_of(user).expires_at == until
    assert said(decide(desk, act(user, "set_end"), at="")) == ["Basic has no end."]
    assert subscription_of(user).expires_at is None
    assert refused(decide(desk, act(user, "set_end"), at="")) == {"at": ["That is so already."]}


@pytest.mark.parametrize("at", ["2020-01-01T00:00", "9999-12-31T23:59", "tomorrow", "0001-01-01T00:00"])
def test_an_end_that_makes_no_sense_is_refused(desk, user, at):
    assert "at" in refused(decide(desk, act(user, "set_end"), at=at))
    assert subscription_of(user).expires_at is None


def test_free_has_no_end(desk):
    user = make_user(plan="free")
    assert refused(decide(desk, act(user, "set_end"), at="2027-01-01T00:00")) == {"at": ["Free has no end."]}


def test_past_due_refuses_new_jobs_until_it_is_paid(desk, user):
    assert refused(decide(desk, act(user, "paid_again"))) == {"__all__": ["It is not past due."]}
    decide(desk, act(user, "past_due"))
    since = subscription_of(user).past_due_since
    with pytest.raises(billing.PastDue):
        make_job(user)
    assert "It is past due since" in str(refused(decide(desk, act(user, "past_due"))))
    assert subscription_of(user).past_due_since == since
    decide(desk, act(user, "paid_again"))
    make_job(user)


def test_keep_takes_back_nothing_where_nothing_follows(desk, user):
    assert refused(decide(desk, act(user, "keep_plan"))) == {"__all__": ["Nothing is to follow."]}


def test_a_plan_that_has_begun_is_shown_before_anything_is_held_in_it(desk, user):
    billing.cancel_subscription(user, now=timezone.now())
    past = timezone.now() - timedelta(days=1)
    Period.objects.update(starts_at=past - timedelta(days=31), ends_at=past)
    Subscription.objects.filter(user=user).update(anchor=past - timedelta(days=31), next_plan_at=past)
    page = desk.get(address(Subscription, "change", user.subscription.pk)).content.decode()
    assert f"Free since {past:%-d %b %Y, %H:%M}" in page
    assert address(Plan, "change", plan("free").pk) in page
    assert address(Plan, "change", plan("basic").pk) not in page


# --- What belongs to it -----------------------------------------------------------------------------------------------


def test_the_page_of_a_period_shows_what_was_granted_and_what_holds(desk, user):
    billing.grant(user, Amount(spend=5_000_000, videos=2, seconds=0), reason=WHY, now=timezone.now(), by=ACTOR)
    page = desk.get(address(Period, "change", period_of(user).pk)).content.decode()
    for text in ("+$5.00", "$30.00", "+2", "12", WHY, "$5.00, 2 videos", "Opened on Basic."):
        assert text in page


def test_lines_are_found_by_job_request_and_actor(desk, olga, user):
    billing.adjust(user, Amount(spend=1, videos=0, seconds=0), reason=WHY, now=timezone.now(), by=ACTOR)
    reference = LedgerEntry.objects.get(kind="settle").reference

    def found(term):
        rows = desk.get(address(LedgerEntry, "changelist"), {"q": term}).context["cl"].result_list
        return sorted(row.kind for row in rows)

    assert found(f" {reference} ") == found(reference.hex) == ["hold", "settle"]
    assert found("request-of-a-test") == found("test") == found("ada@") == ["adjust", "hold", "settle"]
    assert found("no such thing") == []


@pytest.mark.parametrize("kind", ["hold", "settle", "grant", "adjust"])
def test_the_page_of_a_line_leads_to_what_it_is_about(desk, user, kind):
    amount = Amount(spend=1, videos=0, seconds=0)
    grant = billing.grant(user, amount, reason=WHY, now=timezone.now(), by=ACTOR)
    billing.adjust(user, amount, reason=WHY, now=timezone.now(), by=ACTOR)
    line = LedgerEntry.objects.get(kind=kind)
    page = desk.get(address(LedgerEntry, "change", line.pk)).content.decode()
    assert address(Period, "change", line.period_id) in page
    assert (address(Grant, "change", grant.pk) in page) == (kind == "grant")
    assert (WHY in page) == (kind in {"grant", "adjust"})
