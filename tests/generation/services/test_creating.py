from uuid import uuid4

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
TAKES = "UPDATE billing_period"
# PostgreSQL is sent the hold, its line, the job and its first event at once.
BESIDE = ["INSERT billing_ledgerentry", "INSERT generation_job", "INSERT generation_jobevent"]
WRITES = ["INSERT billing_hold", *([] if connection.vendor == "postgresql" else BESIDE), "COMMIT"]


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
    assert statements_of(user) == [*LOOKS, TAKES, *WRITES]
    assert statements_of(user, max_cost=360_000) == [*LOOKS, TAKES, *WRITES]
    assert JobEvent.objects.count() == 3


def test_create_by_a_key_takes_one_more():
    user = make_user(plan=make_plan())
    services.create(user, make_spec(), by=ACTOR)
    key, _ = make_key(user)
    assert statements_of(user, api_key=key) == [*LOOKS, TAKES, "UPDATE billing_apikey", *WRITES]


def test_psycopg_remembers_every_statement_of_a_create():
    user = make_user(plan=make_plan(spend_limit=10**9))
    key, _ = make_key(user)
    services.create(user, make_spec(), by=ACTOR)
    asked = []

    def note(execute, sql, params, many, context):
        asked.append((len(sql), len(params or ())))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        services.create(user, make_spec(), by=ACTOR, terms=services.Terms(api_key=key, token=uuid4()))

    assert max(length for length, _ in asked) <= 4096  # psycopg's MAX_CACHED_STATEMENT_LENGTH
    assert max(values for _, values in asked) <= 50  # and MAX_CACHED_STATEMENT_PARAMS


def test_a_create_that_dies_after_any_statement_leaves_nothing_behind():
    user = make_user(plan=make_plan(spend_limit=10**9))
    services.create(user, make_spec(), by=ACTOR)
    before, number = everything(), 0
    while died_after(number, lambda: services.create(user, make_spec(), by=ACTOR)):
        assert (everything(), Job.objects.count(), JobEvent.objects.count()) == (before, 1, 1)
        number += 1
    assert number > len(WRITES)
