"""What the migration makes of periods that were open before limits had targets."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import Grant, LedgerEntry, LimitsEntry, Period
from billing.triggers import drop_triggers, make_triggers
from tests.billing.make import make_amount, make_hold
from tests.make import ACTOR, make_plan, make_user

BEFORE, AFTER = ("billing", "0006_plans_have_a_priority"), ("billing", "0011_lines_of_limits_say_the_models")
BEFORE_MODELS = ("billing", "0010_grants_that_end_are_looked_for")


def migrate(to):
    """Go there, and return the models of then."""
    executor = MigrationExecutor(connection)
    return executor.migrate([to]).apps


@pytest.fixture
def latest():
    """Bring the database back to where all other tests want it."""
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    make_triggers()


def stuck(*, override: int | None) -> Period:
    """Make a period of 100 with 50 granted and 130 used, in which an override may have stopped."""
    user = make_user(plan=make_plan(spend_limit=100, videos_limit=None, seconds_limit=60))
    billing.grant(user, make_amount(spend=50, videos=0, seconds=0), reason="x", now=timezone.now(), by=ACTOR)
    period = make_hold(user, make_amount(spend=130, seconds=1)).period
    if override is not None:
        billing.set_override(user, "spend", override, reason="x", now=timezone.now(), by=ACTOR)
    return period


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("latest")
def test_what_holds_is_what_is_meant_but_where_an_override_stopped():
    plain, lowered = stuck(override=None), stuck(override=20)
    released = stuck(override=20)
    over = stuck(override=20)
    drop_triggers()
    old = migrate(BEFORE)
    periods = old.get_model("billing", "Period").objects
    # As it was: released since, and yet the limit stays where it had stopped.
    periods.filter(pk=released.pk).update(spend_held=0, spend_limit=130)
    a_month = timedelta(days=40)
    periods.filter(pk=over.pk).update(starts_at=over.starts_at - a_month, ends_at=over.ends_at - a_month)
    migrate(AFTER)
    found = {row.pk: (row.spend_limit, row.spend_target) for row in Period.objects.all()}
    assert found == {plain.pk: (150, 150), lowered.pk: (130, 70), released.pk: (70, 70), over.pk: (130, 130)}
    assert set(Period.objects.values_list("videos_limit", "videos_target", "seconds_target")) == {(None, None, 60)}
    said = {difference.row.pk for difference in differences()}
    assert said == {released.pk}, "only whose held sum was changed by hand"
    assert Grant.objects.count() == LedgerEntry.objects.filter(kind="grant").count() == 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("latest")
def test_a_line_is_written_for_each_period_that_allows_only_some_models():
    for allowed in (["a/b"], [], None):
        user = make_user(plan=make_plan(models_allowed=allowed))
        billing.grant(user, make_amount(), reason="opens it", now=timezone.now(), by=ACTOR)
    drop_triggers()
    migrate(BEFORE_MODELS)
    migrate(AFTER)
    lines = LimitsEntry.objects.order_by("pk")
    assert [line.models_allowed for line in lines] == [None, None, None, ["a/b"], []]
    assert not list(differences())
