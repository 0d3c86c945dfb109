"""Caps of keys, and users who were looked at."""

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from billing import services as billing
from billing.models import ApiKey, Subscription, User
from billing.services.keys import set_cap
from tests.admin.deciding import WHY, decide, opened, refused, said
from tests.admin.test_pages import address
from tests.make import make_key, make_user


@pytest.fixture
def key(db):
    """Is a key whose jobs have cost $0.40, with $0.10 set aside."""
    key, _ = make_key(make_user("ada@example.org"))
    ApiKey.objects.update(spend_spent=400_000, spend_held=100_000)
    key.refresh_from_db()
    return key


def cap(key):
    return f"/admin/billing/apikey/{key.pk}/set_cap/"


# --- Caps -------------------------------------------------------------------------------------------------------------


def test_a_cap_is_set_and_removed(desk, key):
    assert said(decide(desk, cap(key), cap="20.50")) == ["Cap: $20.50, $20.00 left."]
    assert ApiKey.objects.get().spend_limit == 20_500_000
    page = desk.get(address(ApiKey, "change", key.pk)).content.decode()
    for text in ("$20.50", "$0.40", "$0.10", "$20.00"):
        assert text in page
    assert said(decide(desk, cap(key), cap="")) == ["Cap: unlimited, unlimited left."]
    assert ApiKey.objects.get().spend_limit is None
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")] == [
        f"Cap: $20.50, $20.00 left. Reason: {WHY}",
        f"Cap: unlimited, unlimited left. Reason: {WHY}",
    ]


@pytest.mark.parametrize("typed", ["0.49", "0", "-1", "0.5000001", "NaN", "1e12", "much"])
def test_a_cap_below_what_is_spent_and_held_or_of_no_sense_is_refused(desk, key, typed):
    assert "cap" in refused(decide(desk, cap(key), cap=typed))
    assert ApiKey.objects.get().spend_limit is None
    assert not LogEntry.objects.exists()


def test_a_cap_of_exactly_what_is_spent_and_held_stops_the_key(desk, key):
    assert said(decide(desk, cap(key), cap="0.50")) == ["Cap: $0.50, $0.00 left."]


def test_a_job_that_was_made_while_somebody_decided_is_seen(desk, key, monkeypatch):
    body = opened(desk, cap(key)) | {"reason": WHY, "cap": "0.50"}
    meanwhile = set_cap

    def made_meanwhile(row, spend_limit):
        ApiKey.objects.update(spend_held=200_000)
        return meanwhile(row, spend_limit)

    monkeypatch.setattr("billing.admin.keys.set_cap", made_meanwhile)
    answer = desk.post(cap(key), body, follow=True)
    assert said(answer) == ["$0.60 is spent and held by now; nothing was changed."]
    assert ApiKey.objects.get().spend_limit is None
    assert not LogEntry.objects.exists()


def test_the_update_itself_decides(key):
    assert not set_cap(key, 499_999)
    assert ApiKey.objects.get().spend_limit is None
    assert set_cap(key, 500_000)
    assert key.left == 0
    with pytest.raises(ValueError, match="spend_limit can't be -1; allowed: 0 to"):
        set_cap(key, -1)
    assert set_cap(key, None)


def test_the_same_cap_twice_is_written_down_once(desk, key):
    body = opened(desk, cap(key)) | {"reason": WHY, "cap": "5"}
    desk.post(cap(key), body)
    desk.post(cap(key), body)
    assert LogEntry.objects.count() == 1


def test_who_may_only_look_sees_the_cap_and_sets_none(onlooker, key):
    set_cap(key, 7_000_000)
    page = onlooker.get(address(ApiKey, "change", key.pk)).content.decode()
    assert "$7.00" in page
    assert cap(key) not in page
    assert onlooker.get(cap(key)).status_code == 403
    assert onlooker.post(cap(key), {"reason": WHY, "cap": "9", "seen": "0"}).status_code == 403
    assert ApiKey.objects.get().spend_limit == 7_000_000


@pytest.mark.parametrize("key_id", ["7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11", "nonsense", "1"])
def test_a_key_that_is_not_there_is_not_found(desk, key, key_id):
    assert desk.get(f"/admin/billing/apikey/{key_id}/set_cap/").status_code == 404


# --- Users ------------------------------------------------------------------------------------------------------------


def review(user):
    return f"/admin/billing/user/{user.pk}/review/"


def test_an_operator_lets_a_user_go_on(desk, olga, alice):
    before = timezone.now()
    assert said(decide(desk, review(alice))) == ["alice@example.org may go on."]
    alice.refresh_from_db()
    assert before <= alice.reviewed_at <= timezone.now()
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.get_change_message()) == (
        olga,
        str(alice.pk),
        f"Reviewed. Reason: {WHY}",
    )


def test_a_review_is_neither_posted_by_the_form_nor_said_twice(desk, alice):
    body = {"first_name": "Alice", "is_active": "on", "reviewed_at": "2026-01-01", "reviewed_at_0": "2026-01-01"}
    desk.post(address(User, "change", alice.pk), body | {"reviewed_at_1": "00:00"})
    alice.refresh_from_db()
    assert alice.reviewed_at is None
    body = opened(desk, review(alice)) | {"reason": WHY}
    desk.post(review(alice), body)
    alice.refresh_from_db()
    first = alice.reviewed_at
    desk.post(review(alice), body)
    alice.refresh_from_db()
    assert (alice.reviewed_at, bool(first)) == (first, True)


@pytest.mark.parametrize("reason", ["", "too short"])
def test_a_review_says_why(desk, alice, reason):
    assert "reason" in refused(decide(desk, review(alice), reason=reason))
    alice.refresh_from_db()
    assert alice.reviewed_at is None


def test_who_may_only_look_lets_nobody_go_on(onlooker, alice):
    body = {"reason": WHY, "seen": "0", "_form_submitted": "1"}
    assert onlooker.post(review(alice), body).status_code == 403
    assert onlooker.post(f"/admin/billing/user/{alice.pk}/open_subscription/", body).status_code == 403
    alice.refresh_from_db()
    assert alice.reviewed_at is None


def test_the_page_of_a_user_leads_to_the_subscription(desk, helper, olga):
    user = User.objects.create_user("new@example.org", "correct horse")
    opens = f"/admin/billing/user/{user.pk}/open_subscription/"
    assert opens not in helper.get(address(User, "change", user.pk)).content.decode()
    desk.force_login(olga)
    assert opens in desk.get(address(User, "change", user.pk)).content.decode()
    answer = decide(desk, opens)
    subscription = Subscription.objects.select_related("plan").get(user=user)
    assert subscription.plan.slug == billing.FREE
    assert answer.redirect_chain[-1][0] == address(Subscription, "change", subscription.pk)
    page = desk.get(address(User, "change", user.pk)).content.decode()
    assert address(Subscription, "change", subscription.pk) in page
    assert opens not in page
