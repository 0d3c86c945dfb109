"""Mails about jobs: written with the transition, sent once, as their owner chooses."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from generation import notices, services
from generation.models import Alert, Gate, Job, JobNotice, MailChoice, Status
from generation.notices import hand_notices, send_notices
from generation.providers.errors import Unavailable
from generation.services.noticing import choose_mails, give_notice
from generation.services.transitions import fail
from tests.engine import run
from tests.make import ACTOR, make_job, make_spec, make_user

pytestmark = pytest.mark.django_db

EVERYTHING = {"done": True, "failed": True, "late": True}
NOTHING = {"done": False, "failed": False, "late": False}


@pytest.fixture
def eager(alice):
    """Is Alice, who wants to be told everything."""
    choose_mails(alice, **EVERYTHING)
    return alice


@pytest.fixture
def public(settings):
    settings.PUBLIC_URL = "https://clapboard.example"


def end(job: Job, message: str = "WaveSpeed could not make this video.") -> None:
    assert fail(job, code="provider_failed", message=message, now=timezone.now(), by=ACTOR)


def make_late(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(submitted_at=timezone.now() - timedelta(minutes=11))
    services.unreachable(job.pk, Unavailable("away"))


def kinds() -> list[str]:
    return list(JobNotice.objects.values_list("kind", flat=True))


@pytest.mark.usefixtures("sandbox", "public")
def test_a_stored_video_is_told_with_its_facts_and_its_charge(eager):
    job = run(services.create(eager, make_spec("A red fox in snow"), by=ACTOR))

    assert send_notices(timezone.now()) == 1
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == ([eager.email], "[Clapboard] Ready: “A red fox in snow”")
    assert sent.body.startswith("“A red fox in snow” is ready: 6.0 s, ")
    assert "$0.36 charged." in sent.body
    assert f"https://clapboard.example/videos/{job.pk}/" in sent.body
    assert "https://clapboard.example/accounts/mails/" in sent.body
    assert send_notices(timezone.now()) == 0


@pytest.mark.usefixtures("public")
def test_a_failure_says_why_and_that_nothing_was_charged(alice):
    end(make_job(alice, status=Status.RUNNING), "WaveSpeed's safety filter refused it.")

    send_notices(timezone.now())
    (sent,) = mail.outbox
    assert sent.subject == "[Clapboard] Not made, not charged: “A red fox in snow”"
    assert (
        "was not made. WaveSpeed's safety filter refused it. You were not charged; $0.36 is no longer set aside."
        in sent.body
    )


def test_a_late_job_is_told_once_and_that_it_still_ends_by_itself(alice):
    job = make_job(alice, status=Status.RUNNING)
    make_late(job)
    make_late(job)

    assert send_notices(timezone.now()) == 1
    (sent,) = mail.outbox
    assert "has been under way for more than 10 minutes. It still ends by itself" in sent.body
    assert "$0.36 stays set aside until then." in sent.body
    assert "http" not in sent.body  # nobody has said under which address we are seen


def test_nobody_is_told_that_a_job_is_late_which_has_ended_meanwhile(alice):
    job = make_job(alice, status=Status.RUNNING)
    make_late(job)
    job.refresh_from_db()
    end(job)

    assert send_notices(timezone.now()) == 1
    assert "Not made" in mail.outbox[0].subject


@pytest.mark.usefixtures("sandbox")
def test_failed_and_late_are_told_by_default_and_done_is_not(alice):
    run(services.create(alice, make_spec(), by=ACTOR))
    make_late(make_job(alice, status=Status.RUNNING))
    end(make_job(alice, status=Status.RUNNING))

    assert sorted(kinds()) == ["failed", "late"]


def test_who_wants_nothing_is_told_nothing(alice):
    choose_mails(alice, **NOTHING)
    make_late(make_job(alice, status=Status.RUNNING))
    end(make_job(alice, status=Status.RUNNING))

    assert kinds() == []
    assert not hand_notices(timezone.now())


def test_a_cancel_is_no_news_to_who_canceled(eager):
    services.cancel(make_job(eager).pk, by=ACTOR)

    assert kinds() == []


def test_a_notice_goes_with_its_transaction(eager):
    job = make_job(eager, status=Status.RUNNING)
    with transaction.atomic():
        end(job)
        transaction.set_rollback(True)

    assert kinds() == []
    job.refresh_from_db()
    end(job)
    assert kinds() == ["failed"]


def test_a_job_is_told_of_once_however_often_it_is_noted(eager):
    job = make_job(eager, status=Status.SUCCEEDED)
    for _ in range(2):
        give_notice(job, JobNotice.Kind.DONE, timezone.now())

    assert kinds() == ["done"]


def test_what_two_senders_find_is_sent_by_one(alice, monkeypatch):
    end(make_job(alice, status=Status.RUNNING))
    first, second = list(notices._letters(timezone.now())), list(notices._letters(timezone.now()))

    assert [notices._send(letter, timezone.now()) for letter in [*first, *second]] == [True, False]
    assert len(mail.outbox) == 1
    # The control: without the take, both would send.
    monkeypatch.setattr(notices, "_take", lambda row, now: True)
    assert [notices._send(letter, timezone.now()) for letter in [*first, *second]] == [True, True]


def test_a_deactivated_user_is_told_nothing(alice):
    end(make_job(alice, status=Status.RUNNING))
    alice.is_active = False
    alice.save()

    assert not hand_notices(timezone.now())
    assert send_notices(timezone.now()) == 0


def test_what_its_owner_has_deleted_is_no_news(eager):
    job = make_job(eager, status=Status.RUNNING)
    end(job)
    services.delete(job.pk, by=ACTOR)

    assert send_notices(timezone.now()) == 0


def test_a_day_later_it_is_no_news(alice):
    end(make_job(alice, status=Status.RUNNING))
    JobNotice.objects.update(created_at=timezone.now() - timedelta(days=2))

    assert not hand_notices(timezone.now())


def test_many_of_a_kind_come_in_one_mail(alice, bob):
    for _ in range(22):
        end(make_job(alice, status=Status.RUNNING))
    end(make_job(bob, status=Status.RUNNING))

    assert send_notices(timezone.now()) == 2
    sent = next(one for one in mail.outbox if one.to == [alice.email])
    assert sent.subject == "[Clapboard] 22 videos were not made, and not charged"
    assert sent.body.startswith("22 of your videos were not made. You were not charged for them.")
    assert (sent.body.count("was not made."), "And 2 more." in sent.body) == (20, True)


@pytest.mark.parametrize("prompt", ["A red fox\nin the snow, " * 20, "x" * 400])
def test_a_long_prompt_is_cut_short_to_one_line(eager, prompt):
    end(make_job(eager, status=Status.RUNNING, prompt=prompt))

    send_notices(timezone.now())
    (sent,) = mail.outbox
    assert len(sent.subject) < 80
    assert "\n" not in sent.subject
    assert prompt.strip() not in sent.body


def test_the_gate_tells_operators_once_when_it_closes_itself(alice, olga, settings):
    settings.PUBLIC_URL = "https://clapboard.example"
    for reason in ("WaveSpeed refuses the account: no such key", "again"):
        services.close_gate(reason, now=timezone.now(), cause=Gate.Cause.ACCOUNT)

    assert send_notices(timezone.now()) == 1
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == ([olga.email], "[Clapboard] The Gate closed itself: no video is sent")
    assert "no such key" in sent.body
    assert "until an operator reopens it" in sent.body
    assert "https://clapboard.example/admin/generation/gate/" in sent.body
    assert send_notices(timezone.now()) == 0


def test_who_closes_the_gate_by_hand_knows_it(olga):
    services.close_gate("maintenance", now=timezone.now())

    assert not Alert.objects.exists()


def test_a_choice_is_written_down_once_a_user(alice):
    for wanted in (EVERYTHING, NOTHING):
        choose_mails(alice, **wanted)

    assert MailChoice.objects.values().get(user=alice) == {"user_id": alice.pk, **NOTHING}


def test_defaults_are_those_of_the_row(db):
    assert MailChoice().failed
    assert MailChoice().late
    assert not MailChoice().done
    assert make_user().is_active
