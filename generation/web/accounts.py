"""Sign-up, sign-in and mail in the words of this house; everything else about accounts is allauth's."""

from typing import ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter

from billing.models import User


def user_display(user: User) -> str:
    """Return how mails and pages call a user: by the address, never by the drawn handle."""
    return str(user.email)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth's adapter, with sentences that say what is so and what to do."""

    error_messages: ClassVar[dict[str, str]] = DefaultAccountAdapter.error_messages | {
        "account_inactive": "This account is closed.",
        "email_password_mismatch": "Email or password is not right.",
        "email_taken": "There is an account with this address already. Sign in, or reset its password.",
        "enter_current_password": "This is not your current password.",
        "incorrect_password": "This is not your password.",
        "invalid_password_reset": "This link is not complete or no longer valid.",
        "same_as_current": "This is your address already.",
        "too_many_login_attempts": "Too many tries. Wait 5 minutes, or reset your password.",
        "rate_limited": "Too many tries. Wait a minute, then try again.",
    }


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """allauth's adapter of the second step, likewise."""

    error_messages: ClassVar[dict[str, str]] = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is not right. Codes change every 30 seconds.",
        "unverified_email": "Confirm your email address first; see Email.",
        "add_email_blocked": "The address cannot be changed while two-step sign-in is on. Turn it off first.",
    }
