"""API keys: made once, shown once, and capped for their life."""

from datetime import datetime
from secrets import token_urlsafe

from django.db import connection
from django.db.models import F, Q

from billing.models import ApiKey, User
from billing.rows import columns, prepared, read
from billing.services.checking import check_cap

_ACTIVE = f"""
    SELECT {columns(ApiKey, "own")}, {columns(User, "owner")}
    FROM billing_apikey own JOIN billing_user owner ON owner.id = own.user_id
    WHERE own.digest = %s AND own.revoked_at IS NULL AND owner.is_active
    AND (own.expires_at IS NULL OR own.expires_at > %s)
"""  # noqa: S608 - names of ours


def active_key(digest: str, now: datetime) -> ApiKey | None:
    """Return the key with its user, where it opens the door now: asked by every request, so put together once."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVE, [digest, prepared(ApiKey, "expires_at", now)])
        found = cursor.fetchone()
    if found is None:
        return None
    key: ApiKey
    key, key.user = read((ApiKey, User), found)
    return key


def create_api_key(user: User, name: str, *, spend_limit: int | None = None) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which is kept nowhere. `spend_limit` in micro-dollars, for its life.

    InvalidValue for a cap below 0.
    """
    check_cap(spend_limit)
    secret = f"cb_live_{token_urlsafe(32)}"
    key = ApiKey.objects.create(
        user=user, name=name, prefix=secret[:12], digest=ApiKey.digest_of(secret), spend_limit=spend_limit
    )
    return key, secret


def set_cap(key: ApiKey, spend_limit: int | None) -> bool:
    """Set what a key's jobs may cost in all, in micro-dollars; None takes the cap away.

    Return False, and change nothing, where less would be allowed than is spent and held. The row itself says so, in one
    conditional update: jobs may be made while somebody decides. InvalidValue below 0.
    """
    check_cap(spend_limit)
    fits = Q(pk=key.pk)
    if spend_limit is not None:
        fits &= Q(spend_spent__lte=spend_limit - F("spend_held"))
    changed = bool(ApiKey.objects.filter(fits).update(spend_limit=spend_limit))
    key.refresh_from_db(fields=["spend_limit", "spend_spent", "spend_held"])
    return changed
