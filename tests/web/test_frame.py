"""What all pages share: bar, meter, theme, icons and error pages."""

import re
from html import unescape
from http import HTTPStatus

import pytest
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

from billing.models import Period
from generation.models import Status
from generation.web.icons import NAMES
from tests.make import make_job, make_plan, make_user

SIGN_IN = "/accounts/login/"
ACCOUNT = "/accounts/email/"


def words(page: str) -> str:
    """Return what a page says, without its tags."""
    body = re.sub(r"<(script|style|title).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture
def alices(alice, client):
    """A browser in which Alice is signed in."""
    client.force_login(alice)
    return client


@pytest.mark.parametrize("path", [SIGN_IN, "/accounts/signup/", "/accounts/password/reset/"])
def test_pages_bear_the_strict_policy(client, db, path):
    policy = client.get(path)["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy)
    assert "unsafe" not in str(policy)


def test_every_page_says_that_videos_come_from_the_sandbox(client, db):
    assert "Sandbox. Videos are test renders" in words(client.get(SIGN_IN).content.decode())


def test_the_strip_is_gone_without_the_sandbox(client, db, settings):
    settings.SANDBOX = False
    assert "Sandbox" not in words(client.get(SIGN_IN).content.decode())


def test_htmx_is_told_to_obey_the_policy(client, db):
    page = client.get(SIGN_IN).content.decode()
    assert '"includeIndicatorStyles":false' in page
    assert '"allowEval":false' in page
    assert "htmx-2.min.js" in page


def test_the_bar_shows_what_is_left(alices, alice):
    make_job(alice)
    page = words(alices.get(ACCOUNT).content.decode())
    assert "$99.64 left · 29 videos" in page
    assert "1 video under way" in page


def test_the_bar_shows_nothing_of_other_users(alices, bob):
    make_job(bob)
    page = words(alices.get(ACCOUNT).content.decode())
    assert "$100.00 left · 30 videos" in page
    assert "under way" not in page
    assert "bob@" not in page


def test_an_ended_job_is_not_under_way(alices, alice):
    make_job(alice, status=Status.FAILED)
    assert "under way" not in alices.get(ACCOUNT).content.decode()


@pytest.mark.parametrize(("used", "level"), [(79, ""), (80, "warn"), (99, "warn"), (100, "bad")])
def test_the_meter_warns_before_it_is_used_up(client, db, used, level):
    user = make_user(plan=make_plan(spend_limit=100_000_000))
    make_job(user, status=Status.FAILED)
    Period.objects.update(spend_spent=used * 1_000_000)
    client.force_login(user)
    assert client.get(ACCOUNT).context["meter"].level == level


def test_an_unlimited_plan_has_no_meter(client, db):
    client.force_login(make_user(plan=make_plan()))
    assert 'class="gauge' not in client.get(ACCOUNT).content.decode()


def test_strangers_have_no_navigation(client, db):
    page = client.get(SIGN_IN).content.decode()
    assert 'class="nav"' not in page
    assert "Sign up" in page


def test_operations_are_shown_to_staff_only(alices, olga):
    assert "Operations" not in alices.get(ACCOUNT).content.decode()
    alices.force_login(olga)
    assert "Operations" in alices.get(ACCOUNT).content.decode()


# --- Theme ------------------------------------------------------------------------------------------------------------


def test_theme_is_the_systems_until_one_is_chosen(client, db):
    assert 'data-theme="system"' in client.get(SIGN_IN).content.decode()


def test_a_chosen_theme_is_remembered_and_leads_back(client, db):
    response = client.post(reverse("theme"), {"theme": "dark", "next": SIGN_IN})
    assert response["Location"] == SIGN_IN
    assert response.cookies["theme"]["max-age"] > 3600
    assert 'data-theme="dark"' in client.get(SIGN_IN).content.decode()


@pytest.mark.parametrize("chosen", ["", "purple", '"><b>'])
def test_an_unknown_theme_changes_nothing(client, db, chosen):
    assert "theme" not in client.post(reverse("theme"), {"theme": chosen, "next": "/"}).cookies
    client.cookies["theme"] = chosen
    assert 'data-theme="system"' in client.get(SIGN_IN).content.decode()


@pytest.mark.parametrize("target", ["https://example.com/", "//example.com", "javascript:alert(1)", ""])
def test_theme_leads_nowhere_else(client, target):
    assert client.post(reverse("theme"), {"theme": "dark", "next": target})["Location"] == "/"


def test_theme_wants_a_form_of_ours(db):
    assert Client(enforce_csrf_checks=True).post(reverse("theme"), {"theme": "dark"}).status_code == 403
    assert Client().get(reverse("theme")).status_code == 405


# --- Icons ------------------------------------------------------------------------------------------------------------


def test_icons_are_kept_for_ever_under_their_version(client):
    response = client.get(reverse("icons"))
    assert response["Content-Type"] == "image/svg+xml"
    assert "immutable" in response["Cache-Control"]
    assert all(f'id="i-{name}"'.encode() in response.content for name in NAMES)
    assert len(response.content) < 20_000


def test_icons_need_no_database_and_no_session(client):
    assert not client.get(reverse("icons")).cookies


def test_favicon_marks_what_is_ready(client):
    plain, ready = client.get("/favicon.svg").content, client.get("/favicon.svg?mark=ready").content
    assert plain.startswith(b"<svg")
    assert plain != ready


# --- Errors -----------------------------------------------------------------------------------------------------------


def test_a_page_that_is_not_there_says_so(alices):
    response = alices.get("/nothing/of/this")
    assert response.status_code == HTTPStatus.NOT_FOUND
    assert "Nothing here, or not for this account." in words(response.content.decode())


def test_a_form_without_its_token_is_explained(db):
    response = Client(enforce_csrf_checks=True).post(SIGN_IN, {"login": "a@example.org", "password": "x"})
    assert response.status_code == HTTPStatus.FORBIDDEN
    assert "This form is too old" in words(response.content.decode())


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500"])
def test_error_pages_need_no_database(name):
    for page in (render_to_string(f"{name}.html"), render_to_string(f"{name}.html", request=RequestFactory().get("/"))):
        assert "<h1>" in page
        assert "To the Studio" in page
