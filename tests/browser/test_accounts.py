"""Accounts in a real browser: by typing, in light and dark, wide and narrow."""

import pytest
from allauth.account.models import EmailAddress

from billing.models import User
from tests.browser.chromium import NARROW, WIDE, Watched

STRANGERS = (
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/1-set-password/",
    "/nothing/of/this",
)
USERS = ("/accounts/email/", "/accounts/password/change/", "/accounts/2fa/", "/accounts/logout/")

looks = pytest.mark.parametrize("scheme", ["light", "dark"])
sizes = pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])


def fits(page):
    """Return whether nothing stands out at the side."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@looks
@sizes
def test_pages_of_strangers_are_clean(new_page, axe, db, scheme, viewport):
    page = new_page(color_scheme=scheme, viewport=viewport)
    for path in STRANGERS:
        page.goto(path)
        assert axe(page) == [], path
        assert fits(page), path


@looks
@sizes
def test_pages_of_users_are_clean(new_page, login, axe, alice, scheme, viewport):
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    page = new_page(color_scheme=scheme, viewport=viewport)
    login(page, alice)
    for path in USERS:
        page.goto(path)
        assert axe(page) == [], path
        assert fits(page), path
    page.goto(USERS[0])
    page.locator(".menu > summary").click()
    assert axe(page) == []


@looks
def test_errors_are_clean_and_have_the_focus(new_page, axe, db, scheme):
    page = new_page(color_scheme=scheme)
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill("nobody@example.org")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Email or password is not right.").wait_for()
    assert page.evaluate("document.activeElement.className") == "error-summary"
    assert axe(page) == []


def test_signing_up_by_typing_ends_in_the_studio(new_page, db):
    page = new_page()
    page.goto("/accounts/signup/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_label("Email").focus()
    page.keyboard.type("new@example.org")
    page.keyboard.press("Tab")
    page.keyboard.type("seven lighthouses")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: not url.endswith("/signup/"))
    page.locator("summary[aria-label='Account: new@example.org']").wait_for()
    assert User.objects.get().email == "new@example.org"


def test_signing_up_works_without_script(new_page, db):
    page = new_page(java_script_enabled=False)
    page.goto("/accounts/signup/")
    assert not page.get_by_role("button", name="Show password").is_visible()
    page.get_by_label("Email").fill("new@example.org")
    page.get_by_label("Password", exact=True).fill("seven lighthouses")
    page.get_by_role("button", name="Sign up").click()
    page.wait_for_url(lambda url: not url.endswith("/signup/"))
    assert User.objects.get().email == "new@example.org"


def test_a_password_can_be_shown(new_page, db):
    page = new_page()
    page.goto("/accounts/login/")
    field = page.locator("#id_password")
    page.get_by_role("button", name="Show password").click()
    assert field.get_attribute("type") == "text"
    page.get_by_role("button", name="Hide password").click()
    assert field.get_attribute("type") == "password"


def test_the_theme_is_chosen_in_the_menu_and_stays(new_page, login, alice):
    page = new_page(color_scheme="light")
    login(page, alice)
    page.goto("/accounts/password/change/")
    ground = "getComputedStyle(document.body.parentElement).backgroundColor"
    light = page.evaluate(ground)
    page.locator(".menu > summary").click()
    page.get_by_role("button", name="Dark").click()
    page.wait_for_selector("html[data-theme=dark]")
    assert page.url.endswith("/accounts/password/change/")
    assert page.evaluate(ground) != light


def test_the_menu_closes_on_escape_and_gives_the_focus_back(new_page, login, alice):
    page = new_page()
    login(page, alice)
    page.goto("/accounts/password/change/")
    menu = page.locator("details.menu")
    menu.locator("summary").click()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    assert menu.get_attribute("open") is None
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    menu.locator("summary").click()
    page.mouse.click(300, 600)
    assert menu.get_attribute("open") is None


def test_axe_finds_what_is_wrong(page, axe, db):
    page.goto("/accounts/login/")
    page.evaluate("document.querySelector('label[for=id_login]').remove()")
    assert [line.split(":")[0] for line in axe(page)] == ["label"]


def test_a_violation_of_the_policy_is_noticed(browser, live_server):
    # The watch itself has to work, or the clean pages above prove nothing.
    context = browser.new_context(base_url=live_server.url)
    watched = Watched(context, live_server.url)
    page = context.new_page()
    page.goto("/accounts/login/")
    with page.expect_console_message():
        page.evaluate("document.body.setAttribute('style', 'color: red')")
    assert any("Content Security Policy" in trouble for trouble in watched.troubles)
    context.close()
