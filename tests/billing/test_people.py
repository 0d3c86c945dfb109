from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from rest_framework.test import APIClient

from billing.models import ApiKey, User
from tests.make import make_key, make_user

pytestmark = pytest.mark.django_db

SPELLINGS = ["alice@example.org", "Alice@Example.Org", "ALICE@EXAMPLE.ORG"]


# --- users ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_address_belongs_to_one_user_without_regard_to_case(alice, spelling):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user(spelling)


@pytest.mark.parametrize("made", SPELLINGS)
@pytest.mark.parametrize("asked", SPELLINGS)
def test_a_user_is_found_without_regard_to_case(made, asked):
    user = make_user(made)
    assert User.objects.get(email=asked) == user
    assert User.objects.get(email__in=[asked]) == user
    assert User.objects.get_by_natural_key(asked) == user
    assert User.objects.values_list("email", flat=True).get() == "alice@example.org"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_user_logs_in_by_address_without_regard_to_case(alice, spelling, rf):
    assert authenticate(rf.post("/"), email=spelling, password="correct horse") == alice
    assert authenticate(rf.post("/"), email=spelling, password="wrong horse") is None


def test_users_without_a_name_get_one_each():
    assert make_user().username != make_user().username


def test_a_user_with_money_can_not_be_deleted(alice):
    with pytest.raises(ProtectedError):
        alice.delete()


# --- API keys ---------------------------------------------------------------------------------------------------------


def status_with(secret: str) -> int:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return int(client.get("/api/v1/usage").status_code)


def test_of_a_key_only_the_hash_is_kept(alice):
    key, secret = make_key(alice)
    key.refresh_from_db()
    kept = " ".join(str(value) for value in ApiKey.objects.values().get().values())
    assert secret.startswith("cb_live_")
    assert len(secret) > 50
    assert secret not in kept
    assert secret[len(key.prefix) :] not in kept
    assert key.digest == ApiKey.digest_of(secret)
    assert key.prefix == secret[:12]


def test_keys_are_never_the_same(alice):
    secrets = {make_key(alice)[1] for _ in range(20)}
    assert len(secrets) == 20


def test_a_key_opens_the_door(alice):
    assert status_with(make_key(alice)[1]) == 200


@pytest.mark.parametrize("secret", ["", "x", "cb_live_", "cb_live_" + "x" * 43, "ü", "a b"])
def test_an_unknown_key_does_not(alice, secret):
    make_key(alice)
    assert status_with(secret) == 401


def test_what_is_kept_of_a_key_does_not_open_the_door(alice):
    key, _ = make_key(alice)
    assert status_with(key.digest) == 401
    assert status_with(key.prefix) == 401


@pytest.mark.parametrize(
    ("field", "age", "status"),
    [
        ("revoked_at", timedelta(0), 401),
        ("expires_at", -timedelta(minutes=1), 401),
        ("expires_at", timedelta(minutes=1), 200),
    ],
)
def test_a_key_that_is_revoked_or_expired_does_not(alice, field, age, status):
    key, secret = make_key(alice)
    ApiKey.objects.filter(pk=key.pk).update(**{field: timezone.now() + age})
    assert status_with(secret) == status


def test_a_key_of_an_account_that_was_closed_does_not(alice):
    _, secret = make_key(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert status_with(secret) == 401


def test_a_refused_key_is_not_used(alice):
    key, secret = make_key(alice)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    status_with(secret)
    key.refresh_from_db()
    assert key.last_used_at is None


def test_the_last_use_of_a_key_is_noted_once_a_minute(alice):
    key, secret = make_key(alice)
    other, _ = make_key(alice)
    status_with(secret)
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    status_with(secret)
    key.refresh_from_db()
    assert key.last_used_at == first
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=first - timedelta(minutes=2))
    status_with(secret)
    key.refresh_from_db()
    assert key.last_used_at >= first
    other.refresh_from_db()
    assert other.last_used_at is None
