"""Mails that rows ask for: sent once, tried again, given up after a day."""

import smtplib
import socket
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from django_q.models import OrmQ

from billing import services as billing
from billing.models import Notice, Period, Plan
from generation import notices, services, tasks
from generation.models import Gate
from generation.notices import hand_notices, send_notices
from tests.billing.make import make_amount, make_hold, make_used
from tests.make import ACTOR, make_plan, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    """Has just set aside 85 of 100 dollars."""
    user = make_user("ada@example.org", plan=make_plan(name="Basic", spend_limit=100_000_000))
    make_hold(user, make_amount(spend=85_000_000))
    return user


def test_a_threshold_is_told_by_mail_once(user):
    assert send_notices(timezone.now()) == 1
    assert send_notices(timezone.now()) == 0
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["ada@example.org"], "[Clapboard] 80 % of your money of this period")
    assert "$0.00 spent and $85.00 set aside, of $100.00 (Basic)" in sent.body
    assert "The next period begins on" in sent.body
    assert Notice.objects.get().sent_at


def test_a_limit_that_is_reached_says_when_it_goes_on():
    user = make_user(plan=make_plan(videos_limit=1))
    make_hold(user)
    assert send_notices(timezone.now()) == 2
    assert "New videos can be made again from" in mail.outbox[0].body + mail.outbox[1].body
    assert {sent.subject for sent in mail.outbox} == {
        "[Clapboard] 80 % of your videos of this period",
        "[Clapboard] 100 % of your videos of this period",
    }


def test_the_watcher_asks_a_worker_only_when_there_is_something(user):
    OrmQ.objects.all().delete()
    assert hand_notices(timezone.now())
    assert OrmQ.objects.get().func() == "generation.tasks.send_notices"
    tasks.send_notices()
    assert not hand_notices(timezone.now())


def test_what_could_not_be_sent_is_tried_again(user, monkeypatch):
    def broken(*args: object) -> None:
        raise smtplib.SMTPServerDisconnected("away")

    with monkeypatch.context() as patch:
        patch.setattr(notices, "send_mail", broken)
        with pytest.raises(notices.MailServerAway):
            send_notices(timezone.now())
    assert send_notices(timezone.now()) == 0  # somebody has it
    assert send_notices(timezone.now() + timedelta(minutes=11)) == 1


@pytest.fixture
def silent(settings):
    """Is a mail server that accepts connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()
        assert 0 < settings.EMAIL_TIMEOUT <= 10
        settings.EMAIL_TIMEOUT = 0.2
        yield


def test_a_mail_server_that_says_nothing_is_tried_once_by_one_worker_and_then_left_alone_for_a_while(user, silent):
    used_up(make_plan(videos_limit=2), "bob@example.org")
    assert hand_notices(timezone.now())
    tasks.send_notices()
    assert Notice.objects.filter(taken_at__isnull=False).count() == 1
    assert hand_notices(timezone.now())
    tasks.send_notices()
    (hint,) = (hint for hint in OrmQ.objects.all() if hint.func() == "generation.tasks.send_notices")
    assert hint.key == services.COLLECT_CLUSTER
    assert Notice.objects.filter(taken_at__isnull=False).count() == 1


def test_operators_hear_of_a_closed_gate_from_workers_that_it_leaves_idle(olga):
    """Collectors may have thousands of downloads before them."""
    services.close_gate("no such key", now=timezone.now(), cause=Gate.Cause.ACCOUNT)
    assert hand_notices(timezone.now())
    assert (services.SUBMIT_CLUSTER, "generation.tasks.tell_operators") in told()
    tasks.tell_operators()
    assert [sent.to for sent in mail.outbox] == [[olga.email]]
    tasks.send_notices()
    assert len(mail.outbox) == 1


def test_while_the_gate_is_open_no_submitter_sends_mails(olga):
    services.close_gate("no such key", now=timezone.now(), cause=Gate.Cause.ACCOUNT)
    services.open_gate()
    hand_notices(timezone.now())
    assert told() == [(services.COLLECT_CLUSTER, "generation.tasks.send_notices")]


def told() -> list[tuple[str, str]]:
    return [(hint.key, hint.func()) for hint in OrmQ.objects.all()]


def test_an_address_that_is_refused_keeps_nobody_else_waiting(user, monkeypatch):
    used_up(make_plan(videos_limit=2), "bob@example.org")
    send_mail = notices.send_mail

    def refuse(subject, text, sender, to):
        if to == ["ada@example.org"]:
            raise smtplib.SMTPRecipientsRefused({"ada@example.org": (550, b"no such user")})
        return send_mail(subject, text, sender, to)

    monkeypatch.setattr(notices, "send_mail", refuse)
    assert send_notices(timezone.now()) == 2
    assert {sent.to[0] for sent in mail.outbox} == {"bob@example.org"}
    assert Notice.objects.filter(sent_at__isnull=True).count() == 1


def test_a_mail_server_that_is_slow_is_not_waited_for_longer_than_a_minute_at_a_time(user, monkeypatch):
    used_up(make_plan(videos_limit=2), "bob@example.org")
    monkeypatch.setattr(notices, "monotonic", lambda: 40.0 * len(mail.outbox))
    assert send_notices(timezone.now()) == 2
    assert Notice.objects.filter(taken_at__isnull=True).count() == 1


def test_what_is_a_day_old_is_no_news(user):
    Notice.objects.update(created_at=timezone.now() - timedelta(days=2))
    assert not hand_notices(timezone.now())
    assert send_notices(timezone.now()) == 0


def test_who_looked_first_sends_it(user):
    (letter,) = notices._letters(timezone.now())
    assert notices._send(letter, timezone.now())
    assert not notices._send(letter, timezone.now())
    assert len(mail.outbox) == 1


def test_a_released_hold_takes_no_notice_back(user):
    held = billing.current_period(user, timezone.now()).holds.get()
    billing.release(held, now=timezone.now(), by=billing.Actor(name="test"))
    make_hold(user, make_amount(spend=85_000_000))
    assert Notice.objects.count() == 1


# --- what is over by the time it would be sent ------------------------------------------------------------------------


def used_up(plan, email="ada@example.org"):
    """Return somebody all of whose videos are used, and who waits for the mail."""
    user = make_user(email, plan=plan)
    make_used(user, make_amount(videos=2))
    return user


def test_who_has_a_larger_plan_by_now_is_not_told_that_all_is_used(db):
    user = used_up("free")
    billing.change_plan(user, Plan.objects.get(slug="pro"), now=timezone.now(), by=ACTOR)
    assert send_notices(timezone.now()) == 0
    assert mail.outbox == []
    assert not hand_notices(timezone.now()), "nobody is asked again"


def test_what_was_not_told_is_told_when_it_comes_true_later():
    user = used_up("free")
    billing.change_plan(user, Plan.objects.get(slug="pro"), now=timezone.now(), by=ACTOR)
    send_notices(timezone.now())
    make_used(user, make_amount(videos=28))
    send_notices(timezone.now())
    assert sorted(sent.subject[12:17] for sent in mail.outbox) == ["100 %", "80 % "]
    assert all("30 spent and 0 set aside, of 30 (Pro)" in sent.body for sent in mail.outbox)
    send_notices(timezone.now())
    assert len(mail.outbox) == 2


def test_what_is_still_so_of_two_is_told_with_what_holds_now():
    user = make_user(plan=make_plan(name="Basic", videos_limit=10))
    make_used(user, make_amount(videos=10))
    billing.set_override(user, "videos", 12, reason="x", now=timezone.now(), by=ACTOR)
    assert send_notices(timezone.now()) == 1
    assert mail.outbox[0].subject.endswith("80 % of your videos of this period")
    assert "10 spent and 0 set aside, of 12 (Basic)" in mail.outbox[0].body


def test_a_hold_between_looking_and_writing_is_in_the_mail():
    user = make_user(plan=make_plan(name="Basic", videos_limit=10))
    make_used(user, make_amount(videos=8))
    (letter,) = notices._letters(timezone.now())
    make_hold(user, make_amount(videos=1))
    assert notices._send(letter, timezone.now())
    assert "8 spent and 1 set aside, of 10 (Basic)" in mail.outbox[0].body


@pytest.mark.parametrize(("before", "sent"), [(timedelta(microseconds=1), 2), (timedelta(0), 0)])
def test_of_a_period_that_is_over_no_mail_is_sent(before, sent):
    now = timezone.now()
    used_up(make_plan(videos_limit=2))
    ends_at = now + timedelta(hours=1)
    Period.objects.update(ends_at=ends_at)
    assert hand_notices(ends_at - before) is bool(sent)
    assert send_notices(ends_at - before) == sent


def follow(**limits):
    return lambda user: billing.change_plan(user, make_plan(**limits), now=timezone.now(), by=ACTOR)


def none_of_money(user):
    billing.set_override(user, "spend", 0, reason="x", now=timezone.now(), by=ACTOR)


@pytest.mark.parametrize(
    ("change", "goes_on"),
    [
        (follow(videos_limit=1), True),
        (follow(videos_limit=0), False),
        (follow(videos_limit=1, seconds_limit=0), False),
        (none_of_money, False),
    ],
)
def test_new_videos_are_promised_only_where_the_next_period_has_some(change, goes_on):
    user = used_up(make_plan(videos_limit=2))
    change(user)
    send_notices(timezone.now())
    (body,) = (sent.body for sent in mail.outbox if "100 %" in sent.subject)
    assert ("New videos can be made again from" in body) is goes_on
    assert ("as things stand no videos can be made in it." in body) is not goes_on
