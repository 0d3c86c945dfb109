"""The studio: what it shows, what it makes, and what it says when it doesn't."""

import re
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone

from billing import services as billing
from billing.models import Hold, LedgerEntry, Price, User
from generation import services
from generation.catalog import HUNYUAN, LTX_2_FAST, LTX_2_PRO
from generation.models import Job, Status
from tests.make import ACTOR, make_job, make_plan, make_user
from tests.web.conftest import browser_of
from tests.web.reading import source, title_of, value_of, words

HTMX = {"HX-Request": "true"}


def sent(client: Client, **fields: object) -> dict[str, object]:
    """Return the form as a browser would send it, with other values for some fields."""
    page = client.get("/")
    hidden = {name: value_of(page, name) for name in ("token", "max_cost", "priced", "shown")}
    return {**hidden, "model": LTX_2_PRO.id, "duration": "6", "generate_audio": "true", "prompt": "A red fox", **fields}


def raise_price(micros_per_second: int) -> None:
    Price.objects.create(model=LTX_2_PRO.id, micros_per_second=micros_per_second, starts_at=timezone.now())


# --- What stands there ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/gallery/", "/usage/", f"/videos/{UUID(int=7)}/", "/jobs/pulse"])
def test_a_page_asks_strangers_to_sign_in(client, db, path):
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={path}")


@pytest.mark.parametrize("path", ["/", "/gallery/", "/usage/"])
def test_a_page_stays_out_of_shared_caches_and_apart_from_its_fragments(browser_of_alice, path):
    answer = browser_of_alice.get(path)
    assert {"private", "no-cache"} <= set(answer["Cache-Control"].split(", "))
    assert "HX-Request" in answer["Vary"]


def test_each_length_shows_its_price(browser_of_alice):
    assert "Length 6 s $0.36 8 s $0.48 10 s $0.60" in words(browser_of_alice.get("/"))


def test_the_button_says_the_price_and_the_line_below_what_it_leaves(db, settings):
    settings.SANDBOX = False
    user = make_user(plan="free")
    page = words(browser_of(user).get("/"))
    assert "Make video · $0.36" in page
    assert re.search(r"Leaves \$1\.64 of \$2\.00 and 1 of 2 videos until \d+ \w+\.", page)


def test_in_the_sandbox_the_button_speaks_of_play_money(browser_of_alice, settings):
    settings.SANDBOX = True
    assert "Make test video · $0.36 of play money" in words(browser_of_alice.get("/"))


def test_a_plan_without_limits_says_so(db):
    user = make_user(plan=make_plan())
    assert "Your plan has no limit." in words(browser_of(user).get("/"))


def test_an_empty_account_reads_what_its_plan_includes(db):
    user = make_user(plan="free")
    page = words(browser_of(user).get("/"))
    assert "Your first video appears here." in page
    assert "Your plan, Free, includes $2.00 and 2 videos a month." in page


def test_a_model_outside_the_plan_can_be_seen_but_not_chosen(db):
    user = make_user(plan=make_plan(name="Small", models_allowed=["another/model"]))
    client = browser_of(user)
    page = client.get("/")
    assert "Not in your plan" in words(page)
    assert "LTX-2 Pro is not part of your plan, Small." in words(page)
    assert client.post("/", sent(client)).status_code == 409
    assert not Job.objects.exists()


def test_without_a_price_row_no_price_is_shown_and_nothing_is_made(alice, browser_of_alice):
    Price.objects.all().delete()
    page = browser_of_alice.get("/")
    assert "$0.36" not in words(page).replace("play money", "")
    assert 'aria-disabled="true"' in source(page)
    fields = {"token": str(uuid4()), "max_cost": "360000", "model": LTX_2_PRO.id, "prompt": "x"}
    answer = browser_of_alice.post("/", fields)
    assert answer.status_code == 409
    assert "There is no price for" in words(answer)
    assert not Job.objects.exists()


def test_the_stage_shows_the_newest_job_then_what_is_under_way_then_videos(alice, browser_of_alice):
    make_job(alice, status=Status.SUCCEEDED, prompt="A finished fox")
    make_job(alice, status=Status.RUNNING, prompt="A running fox")
    make_job(alice, status=Status.SUCCEEDED, prompt="The newest fox")
    page = words(browser_of_alice.get("/"))
    stage = page[page.index("The newest fox") :]
    assert (
        stage.index("Under way")
        < stage.index("A running fox")
        < stage.index("Last videos")
        < stage.index("A finished fox")
    )


def test_the_stage_holds_the_only_player(alice, browser_of_alice):
    for _ in range(3):
        make_job(alice, status=Status.SUCCEEDED)
    assert source(browser_of_alice.get("/")).count("<video") == 1


def test_bob_sees_nothing_of_alice(alice, browser_of_bob):
    make_job(alice, status=Status.SUCCEEDED, prompt="Alice's secret")
    assert "secret" not in words(browser_of_bob.get("/"))


def test_again_with_changes_fills_the_form(alice, browser_of_alice):
    job = make_job(alice, prompt="A <b>fox</b>\nin snow", parameters={"duration": 8, "generate_audio": False})
    page = source(browser_of_alice.get(f"/?from={job.pk}"))
    assert "A &lt;b&gt;fox&lt;/b&gt; in snow</textarea>" in page
    assert re.search(r'name="duration" value="8" checked', page)
    assert not re.search(r'name="generate_audio" value="true" checked', page)


def test_bob_can_not_begin_from_alice_s_job(alice, browser_of_bob):
    assert browser_of_bob.get(f"/?from={make_job(alice).pk}").status_code == 404


@pytest.mark.parametrize("wished", ["", "x", "00000000", "%00"])
def test_a_link_that_names_no_job_shows_an_empty_form(browser_of_alice, wished):
    assert browser_of_alice.get(f"/?from={wished}").status_code == 200


def test_the_number_of_queries_does_not_grow_with_the_jobs(alice, browser_of_alice, django_assert_max_num_queries):
    for status in (Status.QUEUED, Status.RUNNING, Status.SUCCEEDED) * 5:
        make_job(alice, status=status)
    with django_assert_max_num_queries(17):
        browser_of_alice.get("/")


# --- Making -----------------------------------------------------------------------------------------------------------


def test_make_sets_the_price_aside_and_leads_to_the_job(alice, browser_of_alice):
    answer = browser_of_alice.post("/", sent(browser_of_alice, duration="8", max_cost="480000"))
    job = Job.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/videos/{job.pk}/")
    assert (job.user, job.prompt, job.parameters) == (alice, "A red fox", {"duration": 8, "generate_audio": True})
    assert (job.hold.state, job.hold.spend) == (Hold.State.HELD, 480_000)


def test_history_and_ledger_name_the_user_and_the_request(alice, browser_of_alice):
    browser_of_alice.post("/", sent(browser_of_alice), headers={"X-Request-ID": "request-of-the-studio"})
    job, line = Job.objects.get(), LedgerEntry.objects.get()
    assert (job.events.get().actor, line.actor) == (f"user {alice.pk}", f"user {alice.pk}")
    assert (job.request_id, line.request_id) == ("request-of-the-studio", "request-of-the-studio")


def test_a_switch_that_is_off_is_a_wish_for_silence(browser_of_alice):
    # A checkbox that is off sends nothing; the hidden field before it does.
    browser_of_alice.post("/", sent(browser_of_alice, generate_audio="false"))
    assert Job.objects.get().parameters["generate_audio"] is False


def test_the_same_form_twice_makes_one_job(browser_of_alice):
    form = sent(browser_of_alice)
    places = {browser_of_alice.post("/", form)["Location"] for _ in range(2)}
    assert len(places) == Job.objects.count() == LedgerEntry.objects.count() == 1


def test_with_htmx_the_new_card_comes_on_top_with_the_focus_and_the_form_is_empty(browser_of_alice):
    form = sent(browser_of_alice, duration="8", max_cost="480000")
    answer = browser_of_alice.post("/", form, headers=HTMX)
    job, html = Job.objects.get(), source(answer)
    assert answer.status_code == 200
    assert re.search(rf'<h2[^>]* id="title-{job.pk}"[^>]* data-autofocus', html)
    assert answer["HX-Retarget"] == "#stage"
    assert re.search(r'<form id="composer"[^>]*hx-swap-oob="true"', html)
    assert "<html" not in html
    assert re.search(r"<textarea[^>]*>\s*</textarea>", html), "a second press must not make a second video"
    assert value_of(answer, "token") != form["token"]
    assert 'name="duration" value="8" checked' in html
    assert "A red fox: in the queue." in words(answer)


def test_browsers_send_line_ends_of_two_characters_and_they_count_as_one(browser_of_alice):
    prompt = "\r\n".join(["x" * 99] * 50)  # 5,049 characters as sent, 4,999 as counted
    answer = browser_of_alice.post("/", sent(browser_of_alice, prompt=prompt))
    assert answer.status_code == 303
    assert Job.objects.get().prompt == prompt.replace("\r\n", "\n")


# --- Not making -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"prompt": "  "}, "This is blank"),
        ({"prompt": "x" * 5001}, "This has 5001 characters"),
        ({"prompt": "\x00"}, "NUL"),
        ({"duration": "7"}, "7 is not offered; allowed: 6, 8 or 10."),
        ({"duration": "six"}, '"six" is not a whole number'),
        ({"duration": "6.0"}, '"6.0" is not a whole number'),
        ({"generate_audio": "maybe"}, '"maybe" is not true or false'),
        ({"model": "another"}, "is not a model we offer"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_a_wish_that_is_wrong_is_told_at_its_field_and_in_the_summary(browser_of_alice, fields, complaint, headers):
    answer = browser_of_alice.post("/", sent(browser_of_alice, **fields), headers=headers)
    assert answer.status_code == 422
    page, name = words(answer), next(iter(fields))
    assert page.count(complaint) >= 2
    assert f'href="#wish-{name}"' in source(answer)
    assert f'id="wish-{name}"' in source(answer)
    assert "Nothing was made yet, and nothing was charged." in page
    assert not Job.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_a_rejected_form_keeps_everything(browser_of_alice):
    form = sent(browser_of_alice, prompt="x" * 5001, duration="10", generate_audio="false")
    answer = browser_of_alice.post("/", form, headers=HTMX)
    html = source(answer)
    assert "x" * 5001 in html
    assert 'name="duration" value="10" checked' in html
    assert not re.search(r'name="generate_audio" value="true" checked', html)
    assert value_of(answer, "token") == form["token"]


def test_a_price_that_rose_meanwhile_is_shown_and_needs_a_second_press(browser_of_alice):
    form = sent(browser_of_alice)
    raise_price(70_000)
    answer = browser_of_alice.post("/", form, headers=HTMX)
    assert answer.status_code == 409
    assert "The price is now $0.42 (was $0.36). Press again to make it." in words(answer)
    assert not Job.objects.exists()
    again = form | {"max_cost": value_of(answer, "max_cost"), "token": value_of(answer, "token")}
    assert browser_of_alice.post("/", again).status_code == 303
    assert Job.objects.get().hold.spend == 420_000


def test_a_price_that_fell_meanwhile_is_no_obstacle(browser_of_alice):
    form = sent(browser_of_alice)
    raise_price(50_000)
    assert browser_of_alice.post("/", form).status_code == 303
    assert Job.objects.get().hold.spend == 300_000


def test_without_a_script_another_length_is_priced_before_it_is_made(browser_of_alice):
    answer = browser_of_alice.post("/", sent(browser_of_alice, duration="10"))
    assert answer.status_code == 409
    assert "With these settings it costs $0.60. Press again to make it." in words(answer)
    assert not Job.objects.exists()


@pytest.mark.parametrize("max_cost", ["", "much", "-", "0.36", "²"])
def test_nothing_is_made_where_no_price_was_seen(browser_of_alice, max_cost):
    answer = browser_of_alice.post("/", sent(browser_of_alice, max_cost=max_cost))
    assert answer.status_code == 409
    assert "Here is the price. Press again to make it." in words(answer)
    assert not Job.objects.exists()


def test_check_price_prices_the_form_and_makes_nothing(browser_of_alice):
    answer = browser_of_alice.post("/", sent(browser_of_alice, duration="10", prompt="", ask="price"))
    assert answer.status_code == 200
    assert "$0.60 of play money" in words(answer)
    assert value_of(answer, "max_cost") == "600000"
    assert not Job.objects.exists()


# --- Out of quota -----------------------------------------------------------------------------------------------------


@pytest.fixture
def poor(db: None) -> User:
    """Has $0.44 left of $0.80."""
    user = make_user(plan=make_plan(name="Tiny", spend_limit=800_000))
    make_job(user)
    return user


def test_too_dear_says_what_is_needed_what_is_left_and_what_fits(poor):
    client = browser_of(poor)
    answer = client.post("/", sent(client, duration="8", max_cost="480000"), headers=HTMX)
    page, html = words(answer), source(answer)
    assert answer.status_code == 402
    assert "$0.48 needed, $0.44 left until" in page
    assert re.search(r'<button[^>]* id="make"[^>]* aria-disabled="true" aria-describedby="offer-sentence"', html)
    assert "LTX-2 Pro, 6 s: $0.36 fits" in page
    assert "10 s: $0.60 fits" not in page
    assert Job.objects.count() == 1


def test_a_suggestion_fills_the_form_and_keeps_the_prompt(poor):
    client = browser_of(poor)
    chosen = f"model={LTX_2_PRO.id} duration=6"
    answer = client.post("/", sent(client, duration="8", instead=chosen, prompt="A long tale"))
    assert answer.status_code == 200
    html = source(answer)
    assert 'name="duration" value="6" checked' in html
    assert "A long tale</textarea>" in html
    assert 'id="make" data-submit aria-describedby' in html, "it fits: the button is on"
    assert Job.objects.count() == 1


@pytest.mark.parametrize(
    ("error", "status", "words_"),
    [
        (billing.PastDue(timezone.now()), 409, "Payment is due since"),
        (billing.AddressNotVerified("a@example.org"), 409, "Please confirm a@example.org first"),
        (
            billing.InsufficientQuota(violated="free_today", required=1, available=0, resets_at=None),
            402,
            "All that free videos may cost together today is used up.",
        ),
    ],
    ids=["past due", "not verified", "free today"],
)
def test_what_else_stands_in_the_way_is_told_in_words(browser_of_alice, monkeypatch, error, status, words_):
    form = sent(browser_of_alice)

    def refuse(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(services, "create", refuse)
    answer = browser_of_alice.post("/", form, headers=HTMX)
    assert answer.status_code == status
    assert words_ in words(answer)


def test_all_videos_used_says_what_the_renewal_brings(db):
    user = make_user(plan="free")
    for _ in range(2):
        make_job(user)
    page = words(browser_of(user).get("/"))
    assert re.search(r"All 2 videos of this period are used\. \d+ \w+ brings 2 more\.", page)


# --- The live price ---------------------------------------------------------------------------------------------------


def test_the_offer_follows_the_form_and_writes_nothing(browser_of_alice):
    answer = browser_of_alice.post("/studio/offer", sent(browser_of_alice, duration="10", prompt=""), headers=HTMX)
    assert answer.status_code == 200
    assert "$0.60 of play money" in words(answer)
    assert value_of(answer, "max_cost") == "600000"
    assert 'id="fields"' not in source(answer), "the same model keeps its fields, and they their focus"
    assert not Job.objects.exists()


def test_an_offer_that_nobody_asked_for_is_said_aloud_only_at_another_price(alice, browser_of_alice):
    job = make_job(alice)
    form = sent(browser_of_alice, unasked="1")
    services.cancel(job.pk, by=ACTOR)
    answer = browser_of_alice.post("/studio/offer", form, headers=HTMX)
    assert "Leaves $99.64 of $100.00 and 29 of 30 videos" in words(answer)
    assert "#live" not in source(answer)
    raise_price(70_000)
    answer = browser_of_alice.post("/studio/offer", form, headers=HTMX)
    assert '<div hx-swap-oob="innerHTML:#live">$0.42. Leaves $99.58' in source(answer)


def test_the_offer_of_an_invalid_form_has_no_price(browser_of_alice):
    answer = browser_of_alice.post("/studio/offer", sent(browser_of_alice, duration="7"), headers=HTMX)
    assert "There is no price for these settings" in words(answer)
    assert "max_cost" not in source(answer)
    assert "$" not in words(answer)


# --- Each model has its own fields ------------------------------------------------------------------------------------


def hunyuan(client: Client, **fields: object) -> dict[str, object]:
    """Return the form with HunyuanVideo-1.5 chosen, its fields shown."""
    chosen = {"model": HUNYUAN.id, "shown": HUNYUAN.id, "duration": "5", "size": "1280*720", "max_cost": "200000"}
    return sent(client, **chosen) | fields


def test_the_cards_are_families_and_say_what_they_cost(browser_of_alice):
    answer = browser_of_alice.get("/")
    page = words(answer)
    assert source(answer).count('class="choice"') == 4
    assert (
        "HunyuanVideo-1.5 from $0.02 a second 480p or 720p, wide or upright, no sound, 5 to 10 s; usually about" in page
    )
    assert "LTX-2 Fast $0.04 a second 1080p with sound, 6 to 20 s; usually about" in page
    assert "LTX-2 Retake $0.10 a second Changes picture or sound of a video, or of a part of it" in page


def test_another_model_of_the_catalogue_comes_with_its_own_fields_and_their_prices(browser_of_alice):
    form = sent(browser_of_alice, model=HUNYUAN.id, duration="8")
    answer = browser_of_alice.post("/studio/offer", form, headers=HTMX)
    page, html = words(answer), source(answer)
    assert 'id="fields" class="stack" hx-swap-oob="true"' in html
    assert "Length 5 s $0.20 8 s $0.32 10 s $0.40" in page
    assert "Picture 832×480 $0.16 480×832 $0.16 1280×720 $0.32 720×1280 $0.32" in page
    assert 'name="duration" value="8" checked' in html
    assert "$0.32 of play money" in page


def test_a_size_is_drawn_to_its_ratio(browser_of_alice):
    html = source(browser_of_alice.post("/studio/offer", sent(browser_of_alice, model=HUNYUAN.id), headers=HTMX))
    assert '<rect x="1.0" y="6.5" width="26" height="15" rx="2" />' in html
    assert '<rect x="6.5" y="1.0" width="15" height="26" rx="2" />' in html


def test_a_length_that_the_next_model_lacks_becomes_the_nearest_and_it_says_so(browser_of_alice):
    form = sent(browser_of_alice, model=HUNYUAN.id, duration="20", shown=LTX_2_FAST.id)
    answer = browser_of_alice.post("/studio/offer", form, headers=HTMX)
    assert 'name="duration" value="10" checked' in source(answer)
    assert "HunyuanVideo-1.5 does not offer 20 s; 10 s is chosen instead." in words(answer)


def test_what_another_model_has_no_word_for_is_kept_and_said_once(browser_of_alice):
    form = sent(browser_of_alice, model=HUNYUAN.id, generate_audio="false")
    answer = browser_of_alice.post("/studio/offer", form, headers=HTMX)
    assert words(answer).count("HunyuanVideo-1.5 has no sound.") == 1
    back = form | {"model": LTX_2_PRO.id, "generate_audio": value_of(answer, "generate_audio"), "shown": HUNYUAN.id}
    answer = browser_of_alice.post("/studio/offer", back, headers=HTMX)
    assert 'id="wish-generate_audio" name="generate_audio" value="true" aria' in source(answer), "still off"


def test_more_options_say_what_differs_from_the_default(browser_of_alice):
    form = hunyuan(browser_of_alice, shown="", negative_prompt="snow", seed="42")
    page = words(browser_of_alice.post("/studio/offer", form, headers=HTMX))
    assert "More options What to avoid: snow, Seed: 42" in page
    untouched = form | {"negative_prompt": "", "seed": "-1"}
    assert "More options What to avoid Things" in words(browser_of_alice.post("/studio/offer", untouched, headers=HTMX))


def test_another_model_is_made_with_its_own_words_only(browser_of_alice):
    form = hunyuan(browser_of_alice, size="480*832", seed="42", negative_prompt="snow", max_cost="100000")
    assert browser_of_alice.post("/", form).status_code == 303
    job = Job.objects.get()
    wanted = {"size": "480*832", "duration": 5, "negative_prompt": "snow", "seed": 42}
    assert (job.model, job.parameters, job.hold.spend) == (HUNYUAN.id, wanted, 100_000)


def test_an_empty_seed_is_the_default(browser_of_alice):
    assert browser_of_alice.post("/", hunyuan(browser_of_alice, seed="", negative_prompt="")).status_code == 303
    assert Job.objects.get().parameters["seed"] == -1


def test_a_seed_that_is_wrong_is_told_where_it_is_folded_away(browser_of_alice):
    answer = browser_of_alice.post("/", hunyuan(browser_of_alice, seed="many"))
    assert answer.status_code == 422
    assert '"many" is not a whole number' in words(answer)
    assert '<details class="options" open>' in source(answer)


def test_without_a_script_the_fields_of_another_model_are_shown_before_it_is_made(browser_of_alice):
    answer = browser_of_alice.post("/", sent(browser_of_alice, model=HUNYUAN.id, duration="6"))
    assert answer.status_code == 409
    assert "These are the choices of HunyuanVideo-1.5. Press again to make it." in words(answer)
    assert not Job.objects.exists()


def test_what_fits_looks_at_all_models(db):
    user = make_user(plan=make_plan(spend_limit=200_000))
    page = words(browser_of(user).get("/"))
    assert "$0.36 needed, $0.20 left" in page
    assert "HunyuanVideo-1.5, 832×480, 10 s: $0.20 fits" in page
    assert "HunyuanVideo-1.5, 1280×720, 5 s: $0.20 fits" in page


# --- Closed -----------------------------------------------------------------------------------------------------------


def close(**what: object) -> None:
    services.close(**what, reason="The provider raised its price.", by=ACTOR, now=timezone.now())


def test_a_closed_model_stays_visible_with_its_reason_and_the_next_one_is_chosen(browser_of_alice):
    close(model=LTX_2_PRO.id)
    answer = browser_of_alice.get("/")
    assert "Closed just now: The provider raised its price." in words(answer)
    assert f'value="{LTX_2_PRO.id}" disabled' in source(answer)
    assert f'value="{LTX_2_FAST.id}" checked' in source(answer)


def test_a_model_that_was_closed_meanwhile_is_told_and_nothing_is_made(browser_of_alice):
    form = sent(browser_of_alice)
    close(model=LTX_2_PRO.id)
    answer = browser_of_alice.post("/", form, headers=HTMX)
    assert answer.status_code == 409
    assert "LTX-2 Pro is closed just now: The provider raised its price." in words(answer)
    assert not Job.objects.exists()


def test_a_closed_value_is_not_offered(browser_of_alice):
    close(model=LTX_2_PRO.id, value={"duration": 6})
    answer = browser_of_alice.get("/")
    assert "Length 8 s $0.48 10 s $0.60" in words(answer)
    assert 'name="duration" value="8" checked' in source(answer)
    answer = browser_of_alice.post("/", sent(browser_of_alice, duration="6"))
    assert answer.status_code == 422
    assert "6 is not offered just now: The provider raised its price. Allowed: 8, 10." in words(answer)


def test_the_form_of_another_prompt_says_what_it_has_made(browser_of_alice):
    form = sent(browser_of_alice)
    browser_of_alice.post("/", form)
    answer = browser_of_alice.post("/", form | {"prompt": "A blue whale"})
    assert answer.status_code == 409
    assert "This form has made “A red fox” already. Press again to make this one, too." in words(answer)
    again = form | {"prompt": "A blue whale", "token": value_of(answer, "token")}
    assert browser_of_alice.post("/", again).status_code == 303
    assert Job.objects.count() == 2


def test_the_tab_says_where_one_is(browser_of_alice):
    assert title_of(browser_of_alice.get("/")) == "Studio · Clapboard"


def test_what_the_model_ignores_leaves_one_warning_each_on_the_job(alice, browser_of_alice):
    wish = {
        "model": LTX_2_PRO.id,
        "shown": LTX_2_PRO.id,
        "prompt": "A fox",
        "negative_prompt": "dogs",
        "seed": "42",
        "max_cost": "360000",
        "token": str(uuid4()),
    }
    assert browser_of_alice.post("/", wish).status_code == 303
    job = Job.objects.get()
    assert [warning["parameter"] for warning in job.warnings] == ["negative_prompt", "seed"]
    assert "LTX-2 Pro has no seed; it is ignored." in words(browser_of_alice.get(f"/videos/{job.pk}/"))
