"""API keys at the door: `Authorization: Bearer cb_live_…`."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from billing.models import ApiKey, User
from billing.services import active_key


class ApiKeyAuthentication(BaseAuthentication):
    """Know the user by a key; `request.auth` is the ApiKey then. Without the header the session may still speak."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """Return user and key; AuthenticationFailed for a key that is unknown, revoked or expired."""
        scheme, _, secret = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        digest = ApiKey.digest_of(secret.strip().decode("latin-1"))
        now = timezone.now()
        key = active_key(digest, now)
        if key is None:
            raise AuthenticationFailed("This API key is unknown, revoked or expired.")
        # A write a minute and key at the most, however often it is used.
        if key.last_used_at is None or key.last_used_at < now - timedelta(minutes=1):
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """Say how to come in, which makes it 401 and not 403."""
        return 'Bearer realm="api"'


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    """Tells the OpenAPI schema how a key is sent."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "http", "scheme": "bearer", "description": "An API key: cb_live_…"}
