"""The operators' pages under their policy, in light and dark."""

import pytest

from generation import services
from generation.models import Gate, Status
from tests.make import make_job

OURS = ("generation/job/margins/", "generation/chore/", "generation/alert/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_break_no_policy(new_page, login, olga, scheme):
    job = make_job(status=Status.SUCCEEDED)
    page = new_page(color_scheme=scheme)
    login(page, olga)
    for address in (
        "",
        "generation/job/",
        f"generation/job/{job.pk}/change/",
        "billing/plan/add/",
        "billing/price/",
        *OURS,
    ):
        page.goto(f"/admin/{address}")
        page.get_by_text("Sandbox").first.wait_for()


def test_an_operator_signs_in_with_everybody_and_closes_and_opens_the_gate(page, olga):
    services.the_gate()
    page.goto("/admin/generation/gate/1/change/")
    page.fill("input[name=login]", olga.email)
    page.fill("input[name=password]", "correct horse")
    page.press("input[name=password]", "Enter")
    page.get_by_text("Close with a reason").first.click()
    page.fill("textarea[name=reason]", "The account is being moved")
    page.locator("#dialog form button[type=submit]").click()
    page.get_by_text("Closed: The account is being moved", exact=True).wait_for()
    assert Gate.objects.get().closed_at

    page.get_by_text("Reopen").first.click()
    page.locator("#dialog form button[type=submit]").click()
    page.get_by_text("Close with a reason").wait_for()
    assert Gate.objects.get().closed_at is None


def test_the_list_of_jobs_fits_beside_the_sidebar(page, login, olga, alice):
    make_job(alice, status=Status.SUCCEEDED, prompt="A lighthouse in a storm, waves break over the rocks, slow pan")
    make_job(alice, status=Status.COLLECTING)
    login(page, olga)
    page.goto("/admin/generation/job/")
    table = page.locator("#result_list")
    room, width = table.evaluate("table => [table.parentElement.clientWidth, table.offsetWidth]")
    assert width <= room
