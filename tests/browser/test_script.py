"""What the own script does on every page."""

import pytest


@pytest.fixture
def poller(page, db):
    """A page with a poller that asks whenever it is told to; returns the page and the addresses it asked for."""
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto("/accounts/login/")
    page.evaluate(
        """() => {
            const poller = document.createElement("div");
            poller.id = "poller";
            for (const [name, value] of Object.entries({
                "data-poll": "", "hx-get": "/healthz?asked", "hx-trigger": "poll", "hx-swap": "none",
            })) poller.setAttribute(name, value);
            document.querySelector("main").append(poller);
            htmx.process(poller);
        }"""
    )
    return page, asked


def hide(page, hidden):
    """Do to the page what a browser does when its tab is hidden or shown."""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_a_hidden_tab_asks_nothing_and_asks_at_once_on_return(poller):
    page, asked = poller
    with page.expect_response("**/healthz?asked"):
        page.evaluate("htmx.trigger('#poller', 'poll')")
    hide(page, hidden=True)
    page.evaluate("htmx.trigger('#poller', 'poll')")
    # What is asked for later is answered later: had the hidden poller asked, it would stand before this.
    page.evaluate("fetch('/favicon.svg?later')")
    with page.expect_response("**/healthz?asked"):
        hide(page, hidden=False)
    assert asked.count("healthz?asked") == 2


def test_a_button_that_is_off_leads_to_its_reason(page, db):
    page.goto("/accounts/login/")
    page.evaluate(
        """() => {
            const form = document.querySelector("main form");
            const button = form.querySelector("button.button--primary");
            button.setAttribute("aria-disabled", "true");
            button.setAttribute("aria-describedby", "reason");
            form.insertAdjacentHTML("beforeend", "<p id=reason>$0.36 needed, $0.20 left</p>");
        }"""
    )
    # Playwright itself does not press what is off; people do.
    page.get_by_role("button", name="Sign in").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "reason"
    assert page.url.endswith("/accounts/login/")


def test_times_are_shown_in_the_zone_of_the_reader(new_page, db):
    page = new_page(timezone_id="Asia/Tokyo")
    page.goto("/accounts/login/")
    page.evaluate(
        """() => {
            const main = document.querySelector("main");
            main.insertAdjacentHTML("beforeend", '<time datetime="2026-11-22T20:30:00Z">20:30 UTC</time>');
            htmx.trigger(main, "htmx:load");
        }"""
    )
    time = page.locator("main time")
    assert time.inner_text() == "23 Nov 2026, 05:30"
    assert "Asia/Tokyo" in time.get_attribute("title")


def test_chips_fill_the_prompt_and_its_counter_follows(page, db):
    page.goto("/accounts/login/")
    page.evaluate(
        """() => {
            const main = document.querySelector("main");
            main.insertAdjacentHTML("beforeend", `
                <textarea id="prompt" aria-label="Prompt" data-counter="count" maxlength="20"></textarea>
                <p id="count"></p><button type="button" data-fill="prompt">A red fox in snow</button>`);
            htmx.trigger(main, "htmx:load");
        }"""
    )
    assert page.locator("#count").inner_text() == "0 / 20"
    page.get_by_role("button", name="A red fox in snow").click()
    assert page.locator("#prompt").input_value() == "A red fox in snow"
    assert page.locator("#count").inner_text() == "17 / 20"
    page.keyboard.press("End")
    page.keyboard.type("!")
    assert page.locator("#live").inner_text() == "18 / 20 characters"
