"""Sign-ups are limited by the address they come from, as the outermost proxy of ours has seen it."""

import pytest

SIGN_UP = "/accounts/signup/"


def sign_up(client, number: int, **headers: str) -> int:
    client.logout()
    form = {"email": f"user{number}@example.org", "password1": "correct horse battery"}
    return int(client.post(SIGN_UP, form, headers=headers).status_code)


@pytest.fixture(autouse=True)
def _two_an_hour(settings, tmp_path):
    settings.ACCOUNT_RATE_LIMITS = {"signup": "2/h/ip"}
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(tmp_path / "cache"),
        }
    }


def test_the_third_of_an_address_is_refused(client, db):
    assert [sign_up(client, number) for number in range(3)] == [302, 302, 429]


def test_behind_a_proxy_the_address_before_it_counts(client, db, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    theirs = [sign_up(client, n, x_forwarded_for=f"198.51.100.7, 203.0.113.{n}") for n in range(3)]
    assert theirs == [302, 302, 302]
    # What a sender writes in front of it does not help.
    mine = [sign_up(client, n, x_forwarded_for=f"198.51.100.{n}, 203.0.113.9") for n in range(10, 13)]
    assert mine == [302, 302, 429]
