"""API keys: made once, shown once."""

from secrets import token_urlsafe

from billing.models import ApiKey, User


def create_api_key(user: User, name: str, *, spend_limit: int | None = None) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which is kept nowhere. `spend_limit` in micro-dollars, for its life."""
    secret = f"cb_live_{token_urlsafe(32)}"
    key = ApiKey.objects.create(
        user=user, name=name, prefix=secret[:12], digest=ApiKey.digest_of(secret), spend_limit=spend_limit
    )
    return key, secret
