import io

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from billing import people
from billing import services as billing
from billing.models import ApiKey, Subscription, User
from tests.make import make_plan, make_user

pytestmark = pytest.mark.django_db


def add_user(*arguments: str) -> list[str]:
    """Run the command and return the lines that it prints."""
    out = io.StringIO()
    call_command("add_user", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_a_new_user_is_on_free_with_a_password_that_was_drawn():
    lines = add_user("alice@example.org")
    user = User.objects.get(email="alice@example.org")
    assert lines[0] == "alice@example.org is on Free."
    password = lines[1].removeprefix("password: ")
    assert len(password) >= 16
    assert user.check_password(password)
    assert not user.is_staff
    assert not user.is_superuser
    assert user.subscription.plan.slug == "free"
    assert not ApiKey.objects.exists()


def test_two_drawn_passwords_differ():
    assert add_user("alice@example.org")[1] != add_user("bob@example.org")[1]


def test_a_given_password_is_set_and_not_printed():
    lines = add_user("alice@example.org", "--password", "correct horse")
    assert lines == ["alice@example.org is on Free."]
    assert User.objects.get().check_password("correct horse")


def test_a_dash_reads_the_password_from_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse \nnot this\n"))
    add_user("alice@example.org", "--password", "-")
    assert User.objects.get().check_password("correct horse ")


def test_all_options_together():
    lines = add_user("a@example.org", "--password", "p", "--plan", "enterprise", "--staff", "--api-key", " robot ")
    user, key = User.objects.get(), ApiKey.objects.get()
    assert lines[0] == "a@example.org is on Enterprise."
    assert user.is_staff
    assert user.is_superuser
    assert (key.user, key.name, key.digest) == (user, "robot", ApiKey.digest_of(lines[-1]))
    assert user.subscription.plan.slug == "enterprise"


def test_a_plan_of_ones_own_can_be_given():
    plan = make_plan(name="Friends")
    assert add_user("alice@example.org", "--plan", plan.slug)[0] == "alice@example.org is on Friends."


def test_the_address_counts_as_verified():
    add_user("alice@example.org")
    address = EmailAddress.objects.get()
    assert (address.email, address.verified, address.primary) == ("alice@example.org", True, True)


def test_a_smaller_plan_waits_for_the_end_of_the_month_and_says_so():
    add_user("alice@example.org", "--password", "one", "--plan", "pro")
    ends = billing.current_period(User.objects.get(), timezone.now()).ends_at
    assert add_user("alice@example.org", "--plan", "free") == [
        f"alice@example.org is on Pro; Free follows on {ends:%d %B %Y}."
    ]


def test_an_address_is_taken_without_regard_to_case():
    assert add_user("Alice@Example.ORG", "--password", "one")[0] == "alice@example.org is on Free."
    add_user("aLICE@example.org", "--password", "two")
    assert User.objects.get().check_password("two")
    assert EmailAddress.objects.get().email == "alice@example.org"


def test_what_is_not_said_stays():
    add_user("alice@example.org", "--password", "correct horse", "--plan", "pro", "--staff")
    anchor = Subscription.objects.get().anchor
    assert add_user("alice@example.org") == ["alice@example.org is on Pro."]
    user = User.objects.get()
    assert user.check_password("correct horse")
    assert user.is_staff
    assert user.subscription.anchor == anchor


def test_each_api_key_is_a_new_one():
    first = add_user("alice@example.org", "--api-key", "robot")[-1]
    second = add_user("alice@example.org", "--api-key", "robot")[-1]
    digests = {ApiKey.digest_of(first), ApiKey.digest_of(second)}
    assert set(ApiKey.objects.active().values_list("digest", flat=True)) == digests


def test_a_second_key_of_a_name_is_told_where_no_pipe_swallows_it(capsys):
    add_user("alice@example.org", "--api-key", "robot")
    add_user("alice@example.org", "--api-key", "laptop")
    assert not capsys.readouterr().err

    add_user("alice@example.org", "--api-key", "robot")
    assert "alice@example.org has another active key of the name robot" in capsys.readouterr().err

    ApiKey.objects.filter(name="robot").update(revoked_at=timezone.now())
    add_user("alice@example.org", "--api-key", "robot")
    assert not capsys.readouterr().err


def test_an_account_that_was_closed_is_opened():
    alice = make_user("alice@example.org", is_active=False)
    add_user("alice@example.org")
    alice.refresh_from_db()
    assert alice.is_active


@pytest.mark.parametrize(
    "email", ["", "alice", "alice@", "@example.org", "a b@example.org", "a@b", "x" * 250 + "@x.org"]
)
def test_what_is_no_address_is_refused(email):
    with pytest.raises(CommandError, match="must be an e-mail address"):
        add_user(email)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plan", "gold"], "'gold'; there are: free, basic, pro, enterprise."),
        (["--plan", ""], "--plan is ''"),
        (["--password", ""], "--password is empty"),
        (["--api-key", ""], "a name of 1 to 100 characters"),
        (["--api-key", "  "], "a name of 1 to 100 characters"),
        (["--api-key", "x" * 101], "a name of 1 to 100 characters"),
        (["--plan"], "expected one argument"),
        (["--colour", "red"], "unrecognized arguments"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(arguments, message):
    with pytest.raises(CommandError, match=message):
        add_user("alice@example.org", *arguments)
    assert not User.objects.exists()


def test_an_empty_line_for_a_password_is_refused(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with pytest.raises(CommandError, match="--password is empty"):
        add_user("alice@example.org", "--password", "-")
    assert not User.objects.exists()


def test_a_user_without_a_usable_password_gets_one_drawn(django_user_model):
    django_user_model.objects.create_user("alice@example.org")
    assert add_user("alice@example.org")[1].startswith("password: ")


def test_a_failure_leaves_nothing_behind():
    with pytest.raises(IntegrityError), transaction.atomic():
        # Without a moment no subscription can be opened, which is the last step.
        people.add_user("alice@example.org", password="p", plan=None, staff=False, now=None)  # type: ignore[arg-type]
    assert not User.objects.exists()
