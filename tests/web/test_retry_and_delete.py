"""The same once more, and away with it."""

from uuid import uuid4

import pytest
from django.utils import timezone

from billing.models import LedgerEntry, Price
from generation import services
from generation.catalog import LTX_2_PRO
from generation.models import Job, Status
from tests.make import ACTOR, make_job, make_plan, make_user
from tests.web.conftest import browser_of
from tests.web.reading import source, value_of, words


def press(client, job: Job, **fields: object):
    """Press the button that makes the same again."""
    return client.post(f"/videos/{job.pk}/retry", {"max_cost": "360000", "token": str(uuid4())} | fields)


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELED])
def test_try_again_makes_a_new_job_and_leaves_the_old_one(alice, browser_of_alice, status):
    old = make_job(alice, status=status)
    answer = press(browser_of_alice, old)
    new = Job.objects.get(retry_of=old)
    assert (answer.status_code, answer["Location"]) == (303, f"/videos/{new.pk}/")
    assert (new.prompt, new.parameters, new.hold.spend) == (old.prompt, old.parameters, 360_000)
    assert new.events.get().actor == f"user {alice.pk}"
    old.refresh_from_db()
    assert old.status == status
    assert "Tried again" in words(browser_of_alice.get(f"/videos/{old.pk}/"))
    assert "Tried before" in words(browser_of_alice.get(f"/videos/{new.pk}/"))


def test_the_button_twice_makes_one_job(alice, browser_of_alice):
    old = make_job(alice, status=Status.FAILED)
    page = browser_of_alice.get(f"/videos/{old.pk}/")
    form = {name: value_of(page, name) for name in ("token", "max_cost")}
    assert len({press(browser_of_alice, old, **form)["Location"] for _ in range(2)}) == 1
    assert Job.objects.filter(retry_of=old).count() == 1


def test_the_button_says_the_price_of_now(alice, browser_of_alice):
    old = make_job(alice, status=Status.FAILED)
    Price.objects.create(model=LTX_2_PRO.id, micros_per_second=70_000, starts_at=timezone.now())
    answer = press(browser_of_alice, old)
    assert answer.status_code == 409
    assert "The price is now $0.42 (was $0.36). Press again to make it." in words(answer)
    assert "Try again · $0.42" in words(answer)
    assert Job.objects.count() == 1


def test_nothing_is_made_where_no_price_was_seen(alice, browser_of_alice):
    answer = press(browser_of_alice, make_job(alice, status=Status.FAILED), max_cost="")
    assert answer.status_code == 409
    assert "Here is the price. Press again to make it." in words(answer)


def test_too_dear_is_402(db):
    user = make_user(plan=make_plan(spend_limit=400_000))
    old = make_job(user, status=Status.FAILED)
    make_job(user)
    answer = press(browser_of(user), old)
    assert answer.status_code == 402
    assert "$0.36 needed, $0.04 left until" in words(answer)


def test_closed_is_told(alice, browser_of_alice):
    old = make_job(alice, status=Status.FAILED)
    services.close(model=LTX_2_PRO.id, reason="Under repair.", by=ACTOR, now=timezone.now())
    answer = press(browser_of_alice, old)
    assert answer.status_code == 409
    assert "LTX-2 Pro is closed just now: Under repair." in words(answer)


def test_a_source_that_is_gone_is_told(alice, browser_of_alice):
    gone = make_job(alice, status=Status.SUCCEEDED, deleted_at=timezone.now())
    wish = {"model": "lightricks/ltx-2-retake", "parameters": {"mode": "replace_audio"}, "source_job": gone}
    answer = press(browser_of_alice, make_job(alice, status=Status.FAILED, **wish))
    assert answer.status_code == 422
    assert "is not one of your jobs" in words(answer)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.SUCCEEDED])
def test_only_what_gave_no_video_can_be_tried_again(alice, browser_of_alice, status):
    answer = press(browser_of_alice, make_job(alice, status=status))
    assert answer.status_code == 409
    assert "only one that failed or was canceled can be retried" in words(answer)


def test_strangers_see_404(alice, browser_of_bob):
    job = make_job(alice, status=Status.FAILED)
    assert press(browser_of_bob, job).status_code == 404
    assert browser_of_bob.get(f"/videos/{job.pk}/delete/").status_code == 404
    assert browser_of_bob.post(f"/videos/{job.pk}/delete/").status_code == 404
    assert Job.objects.kept().count() == 1


def test_get_retries_nothing(alice, browser_of_alice):
    assert browser_of_alice.get(f"/videos/{make_job(alice, status=Status.FAILED).pk}/retry").status_code == 405


# --- Deleting ---------------------------------------------------------------------------------------------------------


def test_the_page_says_what_goes_and_deletes_nothing_yet(alice, browser_of_alice):
    job = make_job(alice, status=Status.SUCCEEDED, size_bytes=1_200_000)
    page = words(browser_of_alice.get(f"/videos/{job.pk}/delete/"))
    assert "Delete this video (1.2 MB)?" in page
    assert "This cannot be undone." in page
    assert "Its lines stay in your usage, and $0.36 stays charged." in page
    assert Job.objects.kept().exists()


def test_deleted_is_gone_everywhere_but_from_the_ledger(alice, browser_of_alice):
    job = make_job(alice, status=Status.SUCCEEDED)
    answer = browser_of_alice.post(f"/videos/{job.pk}/delete/")
    assert (answer.status_code, answer["Location"]) == (303, "/gallery/")
    gallery = browser_of_alice.get("/gallery/")
    assert "“A red fox in snow” is deleted." in words(gallery)
    assert "data-opens" not in source(gallery)
    for path in ("", "retake/", "delete/"):
        assert browser_of_alice.get(f"/videos/{job.pk}/{path}").status_code == 404
    for path in ("retry", "cancel"):
        assert browser_of_alice.post(f"/videos/{job.pk}/{path}").status_code == 404
    assert browser_of_alice.get(f"/?from={job.pk}").status_code == 404
    assert "A red fox" not in words(browser_of_alice.get("/")).partition("Rain in Tokyo")[2]
    usage = browser_of_alice.get("/usage/")
    assert "A video, deleted" in words(usage)
    assert str(job.pk) not in source(usage)
    assert LedgerEntry.objects.count() == 2


def test_what_is_under_way_stays(alice, browser_of_alice):
    answer = browser_of_alice.post(f"/videos/{make_job(alice, status=Status.RUNNING).pk}/delete/")
    assert answer.status_code == 409
    assert "Nothing was deleted. It is under way and can be deleted once it has ended." in words(answer)


def test_a_source_that_a_waiting_retake_needs_stays(alice, browser_of_alice):
    source_job = make_job(alice, status=Status.SUCCEEDED)
    make_job(alice, source_job=source_job)
    answer = browser_of_alice.post(f"/videos/{source_job.pk}/delete/")
    assert answer.status_code == 409
    assert "A job that waits to be sent still needs it" in words(answer)
    assert "1 video made from it stays." in words(answer)
    assert Job.objects.kept().count() == 2


def test_deleted_twice_is_404(alice, browser_of_alice):
    job = make_job(alice, status=Status.CANCELED)
    assert [browser_of_alice.post(f"/videos/{job.pk}/delete/").status_code for _ in range(2)] == [303, 404]


def test_who_is_under_review_is_told_and_nothing_is_made(alice, browser_of_alice, settings):
    jobs = [make_job(alice, status=Status.FAILED) for _ in range(2)]
    settings.MODERATED_BEFORE_REVIEW = 1
    Job.objects.filter(pk=jobs[0].pk).update(error_code="moderated")
    answer = press(browser_of_alice, jobs[1])
    assert answer.status_code == 409
    assert "An operator looks at your account" in words(answer)
    wish = {"model": LTX_2_PRO.id, "prompt": "A fox", "max_cost": "360000", "token": str(uuid4())}
    assert browser_of_alice.post("/", wish).status_code == 409
    assert Job.objects.count() == 2
