"""The statement: every line that moved the caller's money, with who and why, and no operator's name."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from billing import services as billing
from billing.models import Hold, LedgerEntry, Period
from billing.money import LIMITS, dollars
from billing.services import Actor
from generation.models import Status
from tests.api.test_errors import assert_problem
from tests.api.test_permissions import stored
from tests.billing.make import make_amount, make_hold
from tests.conftest import api_of
from tests.make import make_job, make_plan, make_user

LEDGER = "/api/v1/ledger"
MEMBERS = {
    *("id", "at", "kind", "amount", "left_change", "job", "period", "price_id", "reason", "actor", "request_id"),
}
WISH = {"model": "ltx-2-pro", "prompt": "A red fox in snow"}
OLGA = Actor(name="operator 4711", request_id="request-of-olga")


def lines(client, **narrowed):
    return client.get(LEDGER, narrowed).json()["results"]


def shown(moment):
    return moment.isoformat().replace("+00:00", "Z")


def make_every_kind(user):
    """Write lines of all six kinds, and return the job that was refunded."""
    now = timezone.now()
    job = make_job(user, status=Status.SUCCEEDED)
    make_job(user, status=Status.FAILED)
    billing.grant(user, make_amount(spend=2_000_000, videos=3, seconds=0), reason="Sorry.", now=now, by=OLGA)
    billing.adjust(user, make_amount(spend=50_000, videos=1, seconds=0), reason="By post.", now=now, by=OLGA)
    billing.adjust(user, make_amount(spend=-10_000, videos=0, seconds=0), reason="Rounded.", now=now, by=OLGA)
    billing.refund(job.hold, reason="Not as wished.", now=now, by=OLGA)
    return job


def test_a_line_in_json(api, alice):
    job = api.post("/api/v1/jobs", WISH, HTTP_X_REQUEST_ID="request-of-a-job").json()
    line, period = LedgerEntry.objects.get(), Period.objects.get()
    assert api.get(LEDGER).json() == {
        "results": [
            {
                "id": line.pk,
                "at": shown(line.at),
                "kind": "hold",
                "amount": {"spend": "0.36", "videos": 1, "seconds": 6, "currency": "USD"},
                "left_change": {"spend": "-0.36", "videos": -1, "seconds": -6, "currency": "USD"},
                "job": job["id"],
                "period": {"starts_at": shown(period.starts_at), "ends_at": shown(period.ends_at)},
                "price_id": Hold.objects.get().price_id,
                "reason": None,
                "actor": "you",
                "request_id": "request-of-a-job",
            }
        ],
        "next": None,
        "previous": None,
    }


def test_each_kind_says_what_it_changes_and_why(api, alice):
    make_every_kind(alice)
    found = lines(api)
    assert all(set(line) == MEMBERS for line in found)
    assert [(line["kind"], line["left_change"]["spend"], line["reason"]) for line in found] == [
        ("refund", "0.36", "Not as wished."),
        ("adjust", "0.01", "Rounded."),
        ("adjust", "-0.05", "By post."),
        ("grant", "2.00", "Sorry."),
        ("release", "0.36", None),
        ("hold", "-0.36", None),
        ("settle", "0.00", None),
        ("hold", "-0.36", None),
    ]
    assert [line["amount"]["spend"] for line in found] == ["0.36", "-0.01", "0.05", "2.00"] + ["0.36"] * 4
    for line in found:
        without_job = line["kind"] in {"grant", "adjust"}
        assert (line["job"] is None) == (line["price_id"] is None) == without_job


def test_the_sum_of_what_lines_change_is_what_the_counters_say(api, alice):
    make_every_kind(alice)
    make_job(alice)
    period, found = Period.objects.get(), lines(api)
    for limit in LIMITS:
        spent, held, granted = (getattr(period, f"{limit}_{sum_}") for sum_ in ("spent", "held", "granted"))
        changes = [line["left_change"][limit] for line in found]
        micros = [round(float(change) * 1_000_000) if limit == "spend" else change for change in changes]
        assert sum(micros) == granted - spent - held
    assert dollars(period.left("spend")) == api.get("/api/v1/usage").json()["limits"]["spend"]["left"]


# --- Who --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "told"),
    [
        ("user {me}", "you"),
        ("user {me} by Python", "you"),
        ("user {me}1", "operator"),  # somebody else, whoever that is
        ("worker", "system"),
        ("watcher", "system"),
        ("operator {me}", "operator"),
        ("Olga Operator <olga@example.org>", "operator"),  # check_ledger --repair --by
    ],
)
def test_who_did_it_is_told_without_a_name(api, alice, actor, told):
    job = make_job(alice)
    billing.release(job.hold, now=timezone.now(), by=Actor(name=actor.format(me=alice.pk)))
    assert lines(api, kind="release")[0]["actor"] == told


def test_no_name_of_an_operator_leaves_the_house(api, alice):
    make_every_kind(alice)
    answer = api.get(LEDGER).content.decode()
    assert "request-of-olga" in answer  # its lines are there
    assert "4711" not in answer
    assert "granted_by" not in answer


def test_the_lines_of_others_are_not_there(api, alice, bob, olga):
    make_job(alice)
    theirs = make_every_kind(bob)
    assert len(lines(api)) == 1
    assert len(lines(api_of(bob))) == 8
    assert lines(api_of(olga)) == []
    starts = Period.objects.get(subscription__user=bob).starts_at
    assert str(theirs.pk) not in str(lines(api, period=starts.date().isoformat()))


def test_the_cursor_of_another_shows_only_the_own(api, alice, bob):
    make_every_kind(alice)
    make_job(bob)
    following = api.get(LEDGER, {"limit": 1}).json()["next"]
    assert all(line["id"] in own(bob) for line in api_of(bob).get(following).json()["results"])


def own(user):
    return set(LedgerEntry.objects.filter(period__subscription__user=user).values_list("pk", flat=True))


@pytest.mark.django_db
def test_somebody_new_has_no_lines_and_nothing_is_opened():
    assert api_of(make_user()).get(LEDGER).json() == {"results": [], "next": None, "previous": None}
    assert not Period.objects.exists()


def test_the_lines_of_a_deleted_job_stay(api, alice):
    job = stored(make_job(alice, status=Status.SUCCEEDED))
    assert api.delete(f"/api/v1/jobs/{job.pk}").status_code == 204
    assert [(line["kind"], line["job"]) for line in lines(api)] == [("settle", str(job.pk)), ("hold", str(job.pk))]


def test_the_lines_are_found_by_their_periods_alone(api, alice):
    make_job(alice)
    with CaptureQueriesContext(connection) as captured:
        assert len(lines(api)) == 1
    # With the owner joined in, PostgreSQL walks all lines of everybody: 113 ms of 300,000, against 0.06 ms.
    (asked,) = [query["sql"] for query in captured if "billing_ledgerentry" in query["sql"]]
    assert "billing_subscription" not in asked


def test_no_method_writes_lines(api, alice):
    make_job(alice)
    before = lines(api)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert api.generic(method, LEDGER).status_code == 405
    assert lines(api) == before


# --- Pages ------------------------------------------------------------------------------------------------------------


def walk(client, **narrowed):
    """Return the ids of all pages in their order."""
    page = client.get(LEDGER, narrowed).json()
    seen = [line["id"] for line in page["results"]]
    while page["next"]:
        page = client.get(page["next"]).json()
        seen += [line["id"] for line in page["results"]]
    return seen


def test_the_newest_come_first_over_all_periods(api, alice):
    now = timezone.now()
    for months in range(3):
        make_hold(alice, make_amount(spend=1000), now=now + timedelta(days=32 * months))
    assert Period.objects.count() == 3
    assert walk(api, limit=2) == list(LedgerEntry.objects.order_by("-pk").values_list("pk", flat=True))


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_lines_of_the_same_moment_are_each_listed_once(api, alice, limit):
    now = timezone.now()
    made = [make_hold(alice, make_amount(spend=1000), now=now).entries.get().pk for _ in range(7)]
    assert LedgerEntry.objects.values("at").distinct().count() == 1
    assert walk(api, limit=limit) == made[::-1]


def test_a_line_whose_moment_is_older_than_the_one_before_is_listed_once(api, alice):
    now = timezone.now()  # taken before the lock is waited for, so that it may come later and be written earlier
    moments = [now, now - timedelta(milliseconds=5), now + timedelta(milliseconds=5), now - timedelta(milliseconds=9)]
    made = [make_hold(alice, make_amount(spend=1000), now=moment).entries.get().pk for moment in moments]
    assert walk(api, limit=1) == made[::-1]


def test_pages_lead_back_and_what_is_written_meanwhile_shifts_nothing(api, alice):
    made = [make_hold(alice, make_amount(spend=1000)).entries.get().pk for _ in range(6)][::-1]
    first = api.get(LEDGER, {"limit": 2}).json()
    make_hold(alice, make_amount(spend=1000))
    second = api.get(first["next"]).json()
    assert [line["id"] for line in second["results"]] == made[2:4]
    back = api.get(second["previous"]).json()
    assert [line["id"] for line in back["results"]] == made[:2]


def test_many_lines_take_as_many_queries_as_few(api, alice):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert api.get(LEDGER).status_code == 200
        return len(captured)

    api.get(LEDGER)  # writes the last use of the key
    make_job(alice)
    few = queries()
    make_every_kind(alice)
    make_hold(alice, now=timezone.now() + timedelta(days=40))
    assert queries() == few <= 4


# --- Filters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LedgerEntry.Kind.values)
def test_lines_are_narrowed_by_kind(api, alice, kind):
    make_every_kind(alice)
    assert {line["kind"] for line in lines(api, kind=kind)} == {kind}


def test_lines_are_narrowed_by_period(api, alice):
    now = timezone.now()
    for days in (0, 40):
        make_hold(alice, make_amount(spend=1000), now=now + timedelta(days=days))
    newer, older = Period.objects.all()
    for period in (newer, older):
        (line,) = lines(api, period=shown(period.starts_at)[:10])
        assert line["period"]["starts_at"] == shown(period.starts_at)
    assert lines(api, period="1999-12-31") == []


def test_lines_are_narrowed_by_moments_the_first_within_and_the_last_not(api, alice):
    start = timezone.now().replace(microsecond=0)
    made = [
        make_hold(alice, make_amount(spend=1000), now=start + timedelta(hours=hours)).entries.get().pk
        for hours in range(4)
    ]
    between = {"since": shown(start + timedelta(hours=1)), "until": shown(start + timedelta(hours=3))}
    assert [line["id"] for line in lines(api, **between)] == made[1:3][::-1]
    assert [line["id"] for line in lines(api, since=between["until"])] == [made[3]]
    assert [line["id"] for line in lines(api, until=between["since"], kind="hold")] == [made[0]]


@pytest.mark.parametrize("written", ["2031-08-23T12:00:00+02:00", "2031-08-23t10:00:00.000z", "2031-08-23T10:00:00Z"])
def test_a_moment_may_be_written_in_any_zone(api, alice, written):
    make_hold(alice, now=datetime(2031, 8, 23, 10, tzinfo=UTC))
    assert (len(lines(api, since=written)), lines(api, until=written)) == (1, [])


def test_filters_stay_while_paging(api, alice):
    for _ in range(3):
        make_job(alice, status=Status.FAILED)
    assert len(walk(api, limit=1, kind="release")) == 3


WRONG = [
    *[("kind", value) for value in ("", "spent", "HOLD", "hold,settle", "a\0b")],
    *[
        ("period", value)
        for value in ("", "now", "2026-13-01", "2026-02-30", "20260823", "2026-W01-1", "0000-01-01", "%d", "100%")
    ],
    *[("period", value) for value in ("2026-08-23T00:00:00Z", "٢٠٢٦-٠٨-٢٣", "2026-08-23\n", "a\0b")],
    *[(name, "") for name in ("since", "until")],
    *[("since", value) for value in ("yesterday", "2026-08-23", "2026-08-23T10:00:00", "2026-08-23T10:00:00 02:00")],
    *[("since", value) for value in ("2026-08-23T25:00:00Z", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-10:00")],
    *[("until", value) for value in ("1", "2026-08-23T10:00Z", "2026-08-23T10:00:00+0200", "a\0b", "x" * 5000)],
    *[("limit", value) for value in ("0", "201", "many", "-1", "", "٢")],
    *[("cursor", value) for value in ("x", "ä", "x" * 5000)],
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda value: ascii(value)[:26])
def test_what_is_wrong_is_named_with_its_value_and_what_is_allowed(api, name, value):
    body = assert_problem(api.get(LEDGER, {name: value}), 400, "invalid_input", name)
    (error,) = body["errors"]
    assert (error["pointer"], error["parameter"]) == ("#", name)
    assert "allowed: " in error["detail"] or name == "cursor"
    assert value[:10].isprintable() is False or value[:10] in error["detail"]


@pytest.mark.parametrize(
    "position", ["x", "-1", "1e3", "9" * 19, "2026-08-23 10:00:00", "1; DROP TABLE", "a\0b", "٢"], ids=ascii
)
def test_a_cursor_with_another_place_than_an_id_is_none(api, position):
    cursor = b64encode(urlencode({"p": position}).encode()).decode()
    assert_problem(api.get(LEDGER, {"cursor": cursor}), 400, "invalid_input", "cursor")


def test_several_wrong_filters_are_all_named(api):
    body = assert_problem(api.get(LEDGER, {"since": "x", "kind": "y"}), 400, "invalid_input", "kind")
    assert {error["parameter"] for error in body["errors"]} == {"since", "kind"}


@pytest.mark.django_db
def test_nobody_sees_nothing():
    make_job(make_user(plan=make_plan()))
    assert_problem(APIClient().get(LEDGER), 401, "not_authenticated")
