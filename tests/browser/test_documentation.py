"""The API's documentation under the strict policy."""

from generation.models import Job
from tests.api.test_schema import ROUTES
from tests.make import make_key


def test_every_operation_is_shown_and_can_be_tried(page, alice):
    secret = make_key(alice)[1]
    page.goto("/api/docs/")
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() == len(ROUTES)

    page.get_by_role("button", name="Authorize").click()
    page.locator("input[type=text], input[type=password]").first.fill(secret)
    page.get_by_role("button", name="Apply credentials").first.click()
    page.get_by_role("button", name="Close", exact=True).last.click()
    page.locator("#operations-jobs-jobs_create .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    answered = page.locator(".live-responses-table tbody .response-col_status").first
    assert "202" in answered.inner_text()
    job = Job.objects.get()
    assert (job.user, job.prompt) == (alice, "A red fox in snow")
