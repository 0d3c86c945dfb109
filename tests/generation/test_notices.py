"""Mails that rows ask for: sent once, tried again, given up after a day."""

import smtplib
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from django_q.models import OrmQ

from billing import services as billing
from billing.models import Notice
from generation import notices, tasks
from generation.notices import hand_notices, send_notices
from tests.billing.make import make_amount, make_hold
from tests.make import make_plan, make_user

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
        assert send_notices(timezone.now()) == 0
    assert send_notices(timezone.now()) == 0  # somebody has it
    assert send_notices(timezone.now() + timedelta(minutes=11)) == 1


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
