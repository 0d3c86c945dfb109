import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from generation import services
from generation.models import Job, JobEvent
from tests.billing.cutting import died_after
from tests.billing.make import everything
from tests.make import ACTOR, make_key, make_plan, make_spec, make_user

pytestmark = pytest.mark.django_db(transaction=True)  # so that its own BEGIN and COMMIT are seen

# One look at what is closed and at the clock, one at price, period and plan; then what is written.
LOOKS = ["SELECT", "BEGIN", "SELECT"]
WRITES = ["UPDATE billing_period", "INSERT billing_hold", "INSERT billing_ledgerentry"]
# PostgreSQL is sent the job and its first event at once.
EVENT = [] if connection.vendor == "postgresql" else ["INSERT generation_jobevent"]
JOB = ["INSERT generation_job", *EVENT, "COMMIT"]


def told(query):
    """Return what a statement does, and to which table where it writes."""
    words = query["sql"].replace('"', " ").split()
    what = words[0].rstrip(";")
    return " ".join([what, words[{"INSERT": 2, "UPDATE": 1}[what]]]) if what in {"INSERT", "UPDATE"} else what


def statements_of(user, **terms):
    with CaptureQueriesContext(connection) as captured:
        services.create(user, make_spec(), by=ACTOR, terms=services.Terms(**terms))
    return [told(query) for query in captured]


def test_create_takes_nine_statements_at_most():
    user = make_user(plan=make_plan(spend_limit=10**9))
    services.create(user, make_spec(), by=ACTOR)  # opens the period
    assert statements_of(user) == LOOKS + WRITES + JOB
    assert statements_of(user, max_cost=360_000) == LOOKS + WRITES + JOB
    assert JobEvent.objects.count() == 3


def test_create_by_a_key_takes_one_more():
    user = make_user(plan=make_plan())
    services.create(user, make_spec(), by=ACTOR)
    key, _ = make_key(user)
    assert statements_of(user, api_key=key) == [*LOOKS, WRITES[0], "UPDATE billing_apikey", *WRITES[1:], *JOB]


def test_a_create_that_dies_after_any_statement_leaves_nothing_behind():
    user = make_user(plan=make_plan(spend_limit=10**9))
    services.create(user, make_spec(), by=ACTOR)
    before, number = everything(), 0
    while died_after(number, lambda: services.create(user, make_spec(), by=ACTOR)):
        assert (everything(), Job.objects.count(), JobEvent.objects.count()) == (before, 1, 1)
        number += 1
    assert number > len(WRITES + JOB)
