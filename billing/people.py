"""Users made by operators."""

from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe

from allauth.account.models import EmailAddress
from django.db import transaction

from billing.models import Plan, User
from billing.services import Actor, change_plan, subscription_of


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password that was drawn; it is kept nowhere else."""

    text: str


_BY = Actor(name="add_user")


@transaction.atomic
def add_user(
    email: str, *, password: str | None, plan: Plan | None, staff: bool, now: datetime
) -> tuple[User, NewPassword | None]:
    """Create a user, or update the one of that address: what is None stays. The address counts as verified.

    A new user without a password gets one drawn, which is returned.
    """
    email = email.lower()
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    drawn = NewPassword(token_urlsafe(12)) if not user.has_usable_password() and password is None else None
    new_password = drawn.text if drawn else password
    if new_password is not None:
        user.set_password(new_password)
    if staff:
        user.is_staff = user.is_superuser = True
    user.is_active = True
    user.save()
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})
    user.subscription = change_plan(user, plan, now=now, by=_BY) if plan else subscription_of(user, now)
    return user, drawn
