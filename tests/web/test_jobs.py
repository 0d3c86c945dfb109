"""A job's card and page in every state, and the way back."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models import Hold, LedgerEntry
from generation import services
from generation.models import FINAL, Job, Status
from generation.services.transitions import fail
from tests.make import ACTOR, make_job, make_plan, make_user
from tests.web.conftest import browser_of
from tests.web.reading import source, title_of, words

HTMX = {"HX-Request": "true"}
NOW = timezone.now()


def ago(**span: float) -> dict[str, object]:
    """Return fields of a job that runs since then."""
    return {"submitted_at": timezone.now() - timedelta(**span)}


STATES = {
    "queued": (Status.QUEUED, {}, "In the queue", "Starts in a moment.", "$0.36 set aside"),
    "submitting": (Status.SUBMITTING, {}, "Sending", "It can't be stopped any more.", "$0.36 set aside"),
    "running": (Status.RUNNING, {"expected_seconds": 90.0}, "Rendering", "Usually about 1:30 min.", "$0.36 set aside"),
    "slower": (
        Status.RUNNING,
        {"age": 160},
        "Slower than most",
        "2:40 min so far; usually about 1:00 min.",
        "$0.36 set aside",
    ),
    "late": (
        Status.RUNNING,
        {"age": 660, "late_at": NOW},
        "Late",
        "11 min so far. It still ends by itself",
        "$0.36 set aside",
    ),
    "collecting": (Status.COLLECTING, {}, "Saving", "copying it to your gallery", "$0.36 set aside"),
    "unknown": (Status.UNKNOWN, {}, "Being checked", "We don't send twice", "$0.36 still set aside"),
    "succeeded": (Status.SUCCEEDED, {}, "Ready", "6.0 s · 1920×1080 · sound", "$0.36 charged"),
    "different": (
        Status.SUCCEEDED,
        {
            "duration": 5.4,
            "flags": [
                {"what": "duration", "wished": 6, "delivered": 5.4},
                {"what": "audio", "wished": True, "delivered": False},
                {"what": "size", "wished": "1920x1080", "delivered": "1280x720"},
            ],
        },
        "Ready, not as wished",
        "Wished: 6 s, sound and 1920×1080. Delivered: 5.4 s, no sound and 1280×720.",
        "$0.36 charged",
    ),
    "failed": (
        Status.FAILED,
        {},
        "Failed",
        "WaveSpeed could not make this video.",
        "You were not charged; $0.36 is no longer set aside.",
    ),
    "refused": (
        Status.FAILED,
        {"error_code": "moderated", "error_message": "The filter refused it."},
        "Refused",
        "The filter refused it.",
        "You were not charged; $0.36 is no longer set aside.",
    ),
    "canceled": (
        Status.CANCELED,
        {},
        "Cancelled",
        "Cancelled before it was sent.",
        "You were not charged; $0.36 is no longer set aside.",
    ),
}
ACTIONS = {
    "queued": "Cancel, free",
    "succeeded": "Download",
    "different": "Again with changes",
    "failed": "Try again · $0.36",
    "refused": "Edit and try again",
    "canceled": "Make it after all · $0.36",
}


def job_in(state: str, user, **more) -> Job:
    """Make a job in one of the states of the table."""
    status, fields, *_ = STATES[state]
    fields = dict(fields)
    if age := fields.pop("age", None):
        fields |= ago(seconds=age)
    return make_job(user, status=status, **(fields | more))


def job_is_final(state: str) -> bool:
    return STATES[state][0] in FINAL


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("path", ["/", "/gallery/?failed=1", "/videos/{job.pk}/"], ids=["studio", "gallery", "page"])
def test_each_state_shows_its_word_its_line_and_its_money(alice, browser_of_alice, state, path):
    _, _, chip, line, money = STATES[state]
    job = job_in(state, alice)
    page = words(browser_of_alice.get(path.format(job=job)))
    if "gallery" in path and job.is_final:
        # A tile has no room for money; ready is what all tiles are.
        assert chip in page or state == "succeeded"
        return
    assert chip in page
    assert line in page
    assert money in page


@pytest.mark.parametrize("state", STATES)
def test_each_state_offers_what_can_be_done(alice, browser_of_alice, state):
    page = words(browser_of_alice.get(f"/videos/{job_in(state, alice).pk}/"))
    offered = {
        action for action in ACTIONS.values() if re.search(rf"(?<!and ){re.escape(action)}", page, re.IGNORECASE)
    }
    wanted = {ACTIONS[state]} if state in ACTIONS else set()
    assert offered - {"Again with changes", "Download"} == wanted - {"Again with changes", "Download"}
    assert ("Download" in page) == (state in {"succeeded", "different"})
    assert ("Again with changes" in page) == (state in {"succeeded", "different", "failed", "canceled"})
    assert ("Retake a part" in page) == (state in {"succeeded", "different"})
    assert ("Delete" in page) == job_is_final(state)


@pytest.mark.parametrize("state", STATES)
def test_only_a_ready_video_has_a_player(alice, browser_of_alice, state):
    job = job_in(state, alice)
    html = source(browser_of_alice.get(f"/videos/{job.pk}/"))
    assert ("<video" in html) == (job.status == Status.SUCCEEDED)


def test_the_player_is_native_and_takes_no_more_than_it_needs(alice, browser_of_alice):
    job = make_job(alice, status=Status.SUCCEEDED)
    player = re.search(r"<video[^>]*>", source(browser_of_alice.get(f"/videos/{job.pk}/")))[0]
    assert f'src="/api/v1/jobs/{job.pk}/video"' in player
    assert f'poster="/api/v1/jobs/{job.pk}/poster"' in player
    assert all(
        word in player
        for word in (" controls ", 'preload="metadata"', " playsinline ", 'width="1920"', 'height="1080"')
    )
    assert "autoplay" not in player


@pytest.mark.parametrize("state", STATES)
def test_the_tab_says_how_far_it_is(alice, browser_of_alice, state):
    job = job_in(state, alice)
    title = title_of(browser_of_alice.get(f"/videos/{job.pk}/"))
    wanted = rf"{STATES[state][2]}: A red fox in snow" if job.is_final else r"\d+% · A red fox in snow"
    assert re.fullmatch(rf"{wanted} · Clapboard", title)


def test_a_stranger_sees_404(alice, browser_of_bob):
    job = make_job(alice)
    assert browser_of_bob.get(f"/videos/{job.pk}/").status_code == 404
    assert browser_of_bob.post(f"/videos/{job.pk}/cancel").status_code == 404
    assert Job.objects.get().status == Status.QUEUED


def test_the_prompt_is_shown_as_text(alice, browser_of_alice):
    job = make_job(alice, prompt='<script>alert("x")</script>')
    html = source(browser_of_alice.get(f"/videos/{job.pk}/"))
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_wished_and_delivered_stand_side_by_side(alice, browser_of_alice):
    job = job_in("different", alice, width=1280, height=720, has_audio=False)
    page = words(browser_of_alice.get(f"/videos/{job.pk}/"))
    assert "Length 6 s → , delivered 5.40 s" in page
    assert "Sound wished → , delivered none" in page
    assert "Size 1920×1080 → , delivered 1280×720" in page


@pytest.mark.parametrize(
    ("state", "back", "still", "charged"),
    [("running", "0.00", "0.36", "0.00"), ("succeeded", "0.00", "0.00", "0.36"), ("failed", "0.36", "0.00", "0.00")],
)
def test_the_money_adds_up(alice, browser_of_alice, state, back, still, charged):
    page = words(browser_of_alice.get(f"/videos/{job_in(state, alice).pk}/"))
    page = re.sub(r" \d\d:\d\d:\d\d", "", page)
    assert f"Set aside $0.36 Given back − ${back} Still set aside − ${still} Charged = ${charged}" in page
    assert "6 s at $0.06 a second." in page


def test_the_history_speaks_to_its_owner_and_tells_no_inner_words(alice, browser_of_alice):
    job = make_job(alice, status=Status.SUBMITTING)
    fail(
        job,
        code="refused",
        message="WaveSpeed refused the job.",
        now=NOW,
        by=ACTOR,
        provider_error="HTTPSConnectionPool",
    )
    page = words(browser_of_alice.get(f"/videos/{job.pk}/"))
    assert page.index("Created, and its price set aside.") < page.rindex("WaveSpeed refused the job.")
    assert "HTTPSConnectionPool" not in page


# --- The queue --------------------------------------------------------------------------------------------------------


def test_the_queue_says_whose_turn_it_is(db):
    user = make_user(plan=make_plan(jobs_at_a_time=2))
    for _ in range(2):
        make_job(user, status=Status.RUNNING)
    jobs = [make_job(user) for _ in range(4)]
    client = browser_of(user)
    lines = ["Next of yours.", "2nd of yours.", "3rd of yours.", "4th of yours."]
    for job, line in zip(jobs, lines, strict=True):
        text = words(client.get(f"/videos/{job.pk}/"))
        assert f"{line} Starts by itself when one of your 2 places is free, in about " in text


def test_one_place_is_called_your_place(db):
    user = make_user(plan="free")
    make_job(user, status=Status.RUNNING)
    job = make_job(user)
    assert "Next of yours. Starts by itself when your place is free, in about 1 min." in words(
        browser_of(user).get(f"/videos/{job.pk}/")
    )


def test_a_closed_gate_is_told_without_its_reason(alice, browser_of_alice):
    services.close_gate("the account's key is wrong", now=NOW)
    page = words(browser_of_alice.get(f"/videos/{make_job(alice).pk}/"))
    assert "WaveSpeed takes no videos from us just now. This one waits and starts by itself." in page
    assert "key" not in page


# --- Cancelling -------------------------------------------------------------------------------------------------------


def test_cancel_gives_the_money_back_and_shows_the_job(alice, browser_of_alice):
    job = make_job(alice)
    answer = browser_of_alice.post(f"/videos/{job.pk}/cancel")
    assert (answer.status_code, answer["Location"]) == (303, f"/videos/{job.pk}/")
    job.refresh_from_db()
    assert (job.status, job.hold.state) == (Status.CANCELED, Hold.State.RELEASED)
    assert job.events.last().actor == f"user {alice.pk}"
    assert LedgerEntry.objects.filter(kind="release").get().actor == f"user {alice.pk}"


@pytest.mark.parametrize(("place", "element"), [("c", "h3"), ("h", "h2"), ("p", "h1"), ("?", "h3"), ("", "h3")])
def test_cancel_with_htmx_leaves_the_card_where_the_page_has_its_place(alice, browser_of_alice, place, element):
    job = make_job(alice)
    answer = browser_of_alice.post(f"/videos/{job.pk}/cancel", {"place": place}, headers=HTMX)
    html = source(answer)
    assert answer.status_code == 200
    among_others = f'<div hx-swap-oob="afterbegin:#ended"> <article id="job-{job.pk}"' in html
    in_place = re.search(rf'<article id="job-{job.pk}"[^>]*hx-swap-oob="true"', html) is not None
    assert (among_others, in_place) == (element == "h3", element != "h3")
    assert answer["HX-Trigger"] == '{"moneyMoved": {}}'
    assert re.search(rf'<{element}[^>]* id="title-{job.pk}"[^>]*[ -]autofocus', html), (
        "the button is gone, so is its focus"
    )
    assert "You were not charged; $0.36 is no longer set aside." in words(answer)
    assert "innerHTML:#gauge" in html


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_too_late_to_cancel_is_409_with_the_reason(alice, browser_of_alice, headers):
    job = make_job(alice, status=Status.RUNNING)
    answer = browser_of_alice.post(f"/videos/{job.pk}/cancel", headers=headers)
    assert answer.status_code == 409
    assert "can't stop it any more" in words(answer)
    assert Job.objects.get().status == Status.RUNNING


@pytest.mark.parametrize("path", ["/videos/{pk}/cancel", "/studio/offer"])
def test_get_changes_nothing(alice, browser_of_alice, path):
    job = make_job(alice)
    assert browser_of_alice.get(path.format(pk=job.pk)).status_code == 405
