import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import MaxLengthValidator, validate_email
from django.utils import timezone

from billing.models import ApiKey, Plan, Subscription, User
from billing.people import NewPassword, add_user
from billing.services import create_api_key

_FROM_STANDARD_INPUT = "-"
_LONGEST_EMAIL = 254  # what the column takes


class Command(BaseCommand):
    help = "Create or update a user. With --api-key the new key is the last line that is printed, and never again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take who it is and what they get."""
        parser.add_argument("email")
        parser.add_argument("--password", help='the password, or "-" to read it from standard input')
        parser.add_argument("--plan", metavar="SLUG", help="free, basic, pro, enterprise or another plan's slug")
        parser.add_argument("--staff", action="store_true", help="make them an operator, who may do all in the admin")
        parser.add_argument("--api-key", metavar="NAME", help="make a key of this name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, in one transaction, and say what was done."""
        email = options["email"]
        try:
            validate_email(email)
            MaxLengthValidator(_LONGEST_EMAIL)(email)
        except ValidationError:
            raise CommandError(f"EMAIL is {email!r}; it must be an e-mail address.") from None
        plan = _plan(options["plan"])
        if options["api_key"] is not None and not 0 < len(options["api_key"].strip()) <= 100:
            raise CommandError(f"--api-key is {options['api_key']!r}; it must be a name of 1 to 100 characters.")
        password = options["password"]
        if password == _FROM_STANDARD_INPUT:
            password = sys.stdin.readline().rstrip("\n")
        if password is not None and not password:
            raise CommandError("--password is empty; leave it out to have one drawn.")
        user, drawn = add_user(email, password=password, plan=plan, staff=options["staff"], now=timezone.now())
        self.stdout.write(f"{user.email} is on {user.subscription.plan.name}{_follows(user.subscription)}.")
        if isinstance(drawn, NewPassword):
            self.stdout.write(f"password: {drawn.text}")
        if options["api_key"]:
            self._make_key(user, options["api_key"].strip())

    def _make_key(self, user: User, name: str) -> None:
        """Print a new key last; what is said beside goes to standard error, where no pipe swallows it."""
        if others := ApiKey.objects.active().filter(user=user, name=name).count():
            word = "another active key" if others == 1 else f"{others} other active keys"
            self.stderr.write(f"{user.email} has {word} of the name {name}; the admin, API keys, revokes keys.")
        self.stdout.write(create_api_key(user, name)[1])


def _follows(subscription: Subscription) -> str:
    """Say what comes after the month of now, where another plan does: a smaller one waits for its end."""
    if not subscription.next_plan or not subscription.next_plan_at:
        return ""
    return f"; {subscription.next_plan.name} follows on {subscription.next_plan_at:%d %B %Y}"


def _plan(slug: str | None) -> Plan | None:
    if slug is None:
        return None
    plan = Plan.objects.filter(slug=slug).first()
    if plan is None:
        slugs = ", ".join(Plan.objects.values_list("slug", flat=True))
        raise CommandError(f"--plan is {slug!r}; there are: {slugs}.")
    return plan
