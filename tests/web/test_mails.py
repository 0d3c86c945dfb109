"""Three switches of an account: which mails it gets."""

import pytest

from generation.models import MailChoice
from generation.services.noticing import mail_choice
from tests.web.reading import source, words


def test_the_page_shows_what_is_chosen_and_how_it_is_reached(browser_of_alice):
    page = browser_of_alice.get("/accounts/mails/")

    assert page.status_code == 200
    assert source(page).count("checked") == 2
    assert "A video is ready" in words(page)
    assert 'href="/accounts/mails/"' in source(browser_of_alice.get("/"))
    assert 'href="/accounts/mails/"' in source(browser_of_alice.get("/accounts/email/"))


def test_switches_are_set_as_sent(browser_of_alice, alice, bob):
    answer = browser_of_alice.post("/accounts/mails/", {"done": "on"})

    assert (answer.status_code, answer["Location"]) == (303, "/accounts/mails/")
    choice = mail_choice(alice.pk)
    assert (choice.done, choice.failed, choice.late) == (True, False, False)
    assert "Saved." in words(browser_of_alice.get("/accounts/mails/"))
    assert mail_choice(bob.pk).failed


def test_one_s_switches_are_nobody_else_s(browser_of_alice, browser_of_bob, alice):
    browser_of_alice.post("/accounts/mails/", {"done": "on"})
    browser_of_bob.post("/accounts/mails/", {})

    assert MailChoice.objects.get(user=alice).done


@pytest.mark.django_db
def test_the_stranger_is_asked_to_sign_in(client):
    for answer in (client.get("/accounts/mails/"), client.post("/accounts/mails/", {"done": "on"})):
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/accounts/mails/")
    assert not MailChoice.objects.exists()
