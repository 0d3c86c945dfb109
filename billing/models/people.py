"""People, and the keys of their programs."""

import hashlib
import secrets
import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class LowerCaseEmailField(models.EmailField):  # type: ignore[type-arg]
    """An e-mail address without regard to case: stored and looked up in lower case."""

    def get_prep_value(self, value: Any) -> Any:
        """Lower what goes to the database, in rows and in lookups alike."""
        prepared = super().get_prep_value(value)
        return prepared.lower() if isinstance(prepared, str) else prepared

    def to_python(self, value: Any) -> Any:
        """Lower what comes from forms."""
        cleaned = super().to_python(value)
        return cleaned.lower() if isinstance(cleaned, str) else cleaned


class UserManager(DjangoUserManager["User"]):
    """Makes users by their e-mail address; the user name is only a handle."""

    def create_user(  # type: ignore[override]
        self, email: str, password: str | None = None, *, username: str | None = None, **fields: Any
    ) -> "User":
        """Create a user; without a user name one is drawn."""
        return super().create_user(username or new_username(), email, password, **fields)

    def create_superuser(  # type: ignore[override]
        self, email: str, password: str | None = None, *, username: str | None = None, **fields: Any
    ) -> "User":
        """Create an operator who may do everything in the admin."""
        return super().create_superuser(username or new_username(), email, password, **fields)


def new_username() -> str:
    """Return an unused handle."""
    return f"user-{secrets.token_hex(8)}"


class User(AbstractUser):
    """Somebody who makes videos. Never deleted, since the ledger must keep whom it speaks of."""

    email = LowerCaseEmailField("email address", unique=True)
    reviewed_at = models.DateTimeField(
        null=True, blank=True, help_text="An operator has looked at what was moderated before."
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return str(self.email)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Speaks of keys."""

    def active(self) -> "ApiKeyQuerySet":
        """Return the keys that open the door now."""
        unexpired = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        return self.filter(unexpired, revoked_at__isnull=True, user__is_active=True)


class ApiKey(models.Model):
    """A named, revocable key of a user. Only its hash is kept; the row is never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, help_text="The first characters of the key, to tell it by.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    spend_limit = models.BigIntegerField(
        null=True,
        blank=True,
        help_text="Micro-dollars that its jobs may cost in all; empty: unlimited, 0: none.",
    )
    spend_spent = models.BigIntegerField(default=0)
    spend_held = models.BigIntegerField(default=0)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ("-created_at",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(spend_spent__gte=0, spend_held__gte=0), name="key_is_not_negative"),
            models.CheckConstraint(
                condition=Q(spend_limit__isnull=True) | Q(spend_limit__gte=F("spend_spent") + F("spend_held")),
                name="key_is_not_oversold",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def left(self) -> int | None:
        """Micro-dollars that jobs of this key may still cost; None where there is no cap."""
        return None if self.spend_limit is None else self.spend_limit - self.spend_spent - self.spend_held

    @staticmethod
    def digest_of(secret: str) -> str:
        """Return what is kept of a key: SHA-256 is enough, since a key is 256 random bits and no password."""
        return hashlib.sha256(secret.encode()).hexdigest()
