"""Sign-ups are limited by the address they come from, as the outermost proxy of ours has seen it."""

import pytest
from django.core.cache import cache, caches

from config.settings import CACHES

SIGN_UP = "/accounts/signup/"


def sign_up(client, number: int, **headers: str) -> int:
    client.logout()
    form = {"email": f"user{number}@example.org", "password1": "correct horse battery"}
    return int(client.post(SIGN_UP, form, headers=headers).status_code)


@pytest.fixture(autouse=True)
def _two_an_hour(settings, tmp_path):
    settings.ACCOUNT_RATE_LIMITS = {"signup": "2/h/ip"}
    places = {"default": tmp_path / "cache", "passing": tmp_path / "passing"}
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    settings.CACHES = {name: {"BACKEND": backend, "LOCATION": str(place)} for name, place in places.items()}


def test_the_third_of_an_address_is_refused(client, db):
    assert [sign_up(client, number) for number in range(3)] == [302, 302, 429]


def test_behind_a_proxy_the_address_before_it_counts(client, db, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    theirs = [sign_up(client, n, x_forwarded_for=f"198.51.100.7, 203.0.113.{n}") for n in range(3)]
    assert theirs == [302, 302, 302]
    # What a sender writes in front of it does not help.
    mine = [sign_up(client, n, x_forwarded_for=f"198.51.100.{n}, 203.0.113.9") for n in range(10, 13)]
    assert mine == [302, 302, 429]


def many_others(number: int) -> None:
    """Let others have limits of their own, each an entry."""
    for each in range(number):
        cache.set(f"other-{each}", [1.0], timeout=3600)


def with_room_for(settings, number: int | None) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "OPTIONS": {"MAX_ENTRIES": number}}}


def test_a_used_up_limit_stays_used_up_however_many_others_have_theirs(client, db, settings):
    with_room_for(settings, CACHES["default"]["OPTIONS"]["MAX_ENTRIES"])
    assert [sign_up(client, number) for number in range(3)] == [302, 302, 429]
    many_others(400)
    assert sign_up(client, 4) == 429


def test_control_a_cache_that_is_full_forgets_a_used_up_limit(client, db, settings):
    # This test exists to show that the one above could fail: it throws entries away at random, one in three.
    assert [sign_up(client, number) for number in range(3)] == [302, 302, 429]
    with_room_for(settings, 3)
    many_others(100)
    assert sign_up(client, 4) == 302


def test_what_the_api_counts_is_kept_elsewhere(api):
    before = caches["default"]._list_cache_files()
    assert api.get("/api/v1/usage").status_code == 200
    assert caches["default"]._list_cache_files() == before
    assert caches["passing"]._list_cache_files()
