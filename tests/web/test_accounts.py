"""Sign-up, sign-in, passwords and addresses, as the people who do it see them."""

import re
from http import HTTPStatus

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.urls import reverse

from billing.models import User
from tests.web.test_frame import words

SIGN_IN, SIGN_UP = "/accounts/login/", "/accounts/signup/"
PASSWORD = "seven lighthouses"


@pytest.fixture(autouse=True)
def _fresh_limits():
    """Forget how often this address has tried."""
    cache.clear()


def sign_up(client, email="new@example.org", password=PASSWORD, **more):
    return client.post(SIGN_UP, {"email": email, "password1": password, **more})


def sign_in(client, email="alice@example.org", password="correct horse"):
    return client.post(SIGN_IN, {"login": email, "password": password})


def said(response):
    return words(response.content.decode())


# --- Sign-up ----------------------------------------------------------------------------------------------------------


def test_sign_up_makes_a_user_who_lands_in_the_studio(client, db, mailoutbox):
    response = sign_up(client)
    assert response["Location"] == reverse("studio")
    assert client.session["_auth_user_id"] == str(User.objects.get(email="new@example.org").pk)
    assert mailoutbox[0].subject == "[Clapboard] Confirm your address"
    assert "example.com" not in mailoutbox[0].body


def test_sign_up_asks_for_address_and_password_only(client, db):
    page = client.get(SIGN_UP).content.decode()
    seen = re.findall(r'<input type="(?:email|password|text|checkbox)" name="(\w+)"', page)
    assert seen == ["email", "password1", "website"]
    assert 'class="trap" aria-hidden="true"' in page


def test_sign_up_keeps_bots_out(client, db):
    sign_up(client, website="https://spam.example")
    assert not User.objects.exists()


def test_sign_up_with_a_taken_address_says_what_to_do(client, alice):
    response = sign_up(client, email="Alice@Example.org")
    assert "There is an account with this address already. Sign in, or reset its password." in said(response)
    assert User.objects.count() == 1


@pytest.mark.parametrize("password", ["short7x", "password"])
def test_sign_up_refuses_weak_passwords_at_the_field(client, db, password):
    response = sign_up(client, password=password)
    page = response.content.decode()
    assert 'id="id_password1_error"' in page
    assert 'aria-invalid="true"' in page
    assert not User.objects.exists()


# --- Sign-in and out --------------------------------------------------------------------------------------------------


def test_sign_in_leads_to_the_studio(client, alice):
    assert sign_in(client)["Location"] == reverse("studio")


def test_sign_in_goes_on_where_it_was_asked_for(client, alice):
    response = client.post(SIGN_IN, {"login": alice.email, "password": "correct horse", "next": "/accounts/email/"})
    assert response["Location"] == "/accounts/email/"


@pytest.mark.parametrize("email", ["alice@example.org", "nobody@example.org"])
def test_a_wrong_password_and_an_unknown_address_read_the_same(client, alice, email):
    response = sign_in(client, email, "wrong")
    assert "Email or password is not right." in said(response)
    assert "_auth_user_id" not in client.session


def test_too_many_tries_are_stopped_and_told_how_long(client, alice):
    for _ in range(5):
        sign_in(client, password="wrong")
    response = sign_in(client)
    assert "Too many tries. Wait 5 minutes, or reset your password." in said(response)


def test_pages_want_a_sign_in(client, db):
    response = client.get("/accounts/email/")
    assert response["Location"] == f"{SIGN_IN}?next=/accounts/email/"


def test_sign_out_asks_first_and_ends_the_session(client, alice):
    client.force_login(alice)
    assert "Videos under way go on." in said(client.get("/accounts/logout/"))
    assert client.post("/accounts/logout/")["Location"] == SIGN_IN
    assert "_auth_user_id" not in client.session


# --- Passwords --------------------------------------------------------------------------------------------------------


def test_a_reset_mail_arrives_and_works(client, alice, mailoutbox):
    done = client.post("/accounts/password/reset/", {"email": alice.email}, follow=True)
    assert "Look into your mail" in said(done)
    mail = mailoutbox[0]
    assert (mail.subject, mail.to) == ("[Clapboard] Reset your password", [alice.email])
    assert alice.username not in mail.body
    link = re.search(r"http://testserver(/\S+)", mail.body)[1]
    form = client.get(link, follow=True)
    assert "Choose a new password" in said(form)
    response = client.post(form.request["PATH_INFO"], {"password1": PASSWORD, "password2": PASSWORD})
    assert response.status_code == HTTPStatus.FOUND
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert client.session["_auth_user_id"] == str(alice.pk)
    client.logout()
    assert "This link does not work" in said(client.get(link, follow=True))


def test_a_reset_never_says_whether_the_address_exists(client, alice, mailoutbox):
    known = said(client.post("/accounts/password/reset/", {"email": alice.email}, follow=True))
    unknown = said(client.post("/accounts/password/reset/", {"email": "nobody@example.org"}, follow=True))
    assert known == unknown
    assert mailoutbox[1].subject == "[Clapboard] No account with this address"


def test_a_changed_password_is_told_by_mail(client, alice, mailoutbox):
    client.force_login(alice)
    fields = {"oldpassword": "correct horse", "password1": PASSWORD, "password2": PASSWORD}
    page = client.post("/accounts/password/change/", fields, follow=True)
    assert "Your password is changed." in said(page)
    assert "Clapboard" in mailoutbox[0].body
    assert mailoutbox[0].to == [alice.email]


def test_a_wrong_current_password_is_said_at_its_field(client, alice):
    client.force_login(alice)
    page = client.post("/accounts/password/change/", {"oldpassword": "x", "password1": PASSWORD, "password2": PASSWORD})
    assert "This is not your current password." in said(page)


# --- Address ----------------------------------------------------------------------------------------------------------


def test_a_new_address_counts_once_it_is_confirmed(client, alice, mailoutbox):
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    sign_in(client)
    page = client.post("/accounts/email/", {"action_add": "", "email": "moved@example.org"}, follow=True)
    assert "Changing to moved@example.org" in said(page)
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"
    link = re.search(r"http://testserver(/\S+)", mailoutbox[-1].body)[1]
    assert "Is moved@example.org yours?" in said(client.get(link))
    client.post(link)
    alice.refresh_from_db()
    assert alice.email == "moved@example.org"


def test_nobody_sees_the_address_of_another(client, alice, bob):
    client.force_login(bob)
    assert alice.email not in client.get("/accounts/email/").content.decode()


# --- Two steps --------------------------------------------------------------------------------------------------------


def test_two_steps_can_be_turned_on_and_are_asked_for(client, alice, monkeypatch):
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.validate_totp_code", lambda secret, code: code == "123456")
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    sign_in(client)
    assert "Is it you?" in said(client.get("/accounts/2fa/totp/activate/", follow=True))
    again = {"password": "correct horse", "next": "/accounts/2fa/totp/activate/"}
    setup = client.post("/accounts/reauthenticate/", again, follow=True)
    assert "Scan this with your authenticator app." in said(setup)
    assert "issuer=Clapboard" in get_adapter().build_totp_url(alice, "SECRET")
    client.post("/accounts/2fa/totp/activate/", {"code": "123456"})
    assert Authenticator.objects.filter(user=alice, type=Authenticator.Type.TOTP).exists()
    assert "10 of 10 are left" in said(client.get("/accounts/2fa/"))
    assert "Your codes" in client.get("/accounts/2fa/recovery-codes/").content.decode()
    client.logout()
    assert sign_in(client)["Location"].startswith("/accounts/2fa/authenticate/")
    refused = client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert "This code is not right." in said(refused)
