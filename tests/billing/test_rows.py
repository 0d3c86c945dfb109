from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from billing import services as billing
from billing.models import Hold, LedgerEntry, Period, Price
from billing.rows import columns, insert, read
from billing.services import NoPrice
from generation.models import Job, JobEvent
from tests.billing.make import make_hold, make_price
from tests.make import make_job, make_plan, make_user

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def stored(row):
    return type(row).objects.filter(pk=row.pk).values().get()


def made_anew(row, **instead):
    """Return an unsaved copy of a row, with the columns that must differ."""
    fields = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return type(row)(**fields | instead)


def test_insert_writes_what_save_would_have_written():
    job = make_job(status="succeeded", warnings=[{"parameter": "seed", "message": "“ignored”"}])
    held = Hold.objects.get(pk=make_hold(job.user).pk)
    copy = made_anew(job, id=uuid4(), hold_id=held.pk, prediction_id="another")
    insert(copy)
    assert not copy._state.adding
    assert stored(copy) == stored(job) | {"id": copy.id, "hold_id": held.pk, "prediction_id": "another"}


def test_insert_tells_the_row_its_key_and_it_can_be_saved_again():
    job = make_job()
    event = JobEvent(job=job, at=NOW, to_status="queued", actor="test")
    insert(event)
    event.note = "Seen."
    event.save(update_fields=["note"])
    assert JobEvent.objects.get(pk=event.pk).note == "Seen."
    assert job.events.count() == 2


def test_insert_takes_several_rows_and_tells_each_its_key(django_assert_num_queries):
    job = make_job()
    events = [JobEvent(job=job, at=NOW, to_status="queued", actor="50 % of it; nobody's", note=note) for note in "abc"]
    with django_assert_num_queries(1 if connection.vendor == "postgresql" else 3):
        insert(*events)
    found = {event.pk: (event.note, event.actor) for event in JobEvent.objects.filter(note__in="abc")}
    assert found == {event.pk: (event.note, "50 % of it; nobody's") for event in events}


def line_about(held, kind):
    says = {"period_id": held.period_id, "price_id": held.price_id, "reference": held.reference}
    return LedgerEntry(hold=held, kind=kind, spend=1, videos=1, seconds=1, at=NOW, actor="test", **says)


def test_insert_lets_a_row_refer_to_one_before_it(alice, django_assert_num_queries):
    taken = made_anew(make_hold(alice), id=None, reference=uuid4())
    lines = [line_about(taken, "hold"), line_about(taken, "settle")]
    with django_assert_num_queries(1 if connection.vendor == "postgresql" else 3):
        insert(taken, *lines)
    assert [stored(line)["hold_id"] for line in lines] == [line.hold_id for line in lines] == [taken.pk] * 2
    assert taken.pk == Hold.objects.latest("pk").pk


def test_insert_leaves_a_reference_to_what_stands_as_it_is(alice):
    held = make_hold(alice)
    line = line_about(held, "release")
    insert(made_anew(held, id=None, reference=uuid4()), line)
    assert stored(line)["hold_id"] == held.pk


def test_of_several_rows_none_stays_where_one_is_refused():
    job = make_job()
    other = make_job()
    twin = made_anew(job, id=uuid4())  # one hold, two jobs
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(JobEvent(job=other, at=NOW, to_status="queued", actor="test", note="lost"), twin)
    assert not JobEvent.objects.filter(note="lost").exists()


def test_insert_is_refused_by_the_same_constraints():
    job = make_job()
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(made_anew(job, id=uuid4()))  # one hold, two jobs
    line = LedgerEntry.objects.get(hold=job.hold)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(made_anew(line))  # taken twice
    assert Job.objects.count() == LedgerEntry.objects.count() == 1


def test_read_gives_the_row_that_the_orm_gives():
    from_orm = make_job(make_user(plan=make_plan(models_allowed=["lightricks/ltx-2-pro/text-to-video"]))).hold.period
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns(Period, 'p')} FROM billing_period p")
        [found] = read([Period], cursor.fetchone())
    assert {**vars(found), "_state": None} == {**vars(Period.objects.get()), "_state": None}
    assert found == from_orm
    assert found._state.db == "default"


def both_ways(user, price, now):
    found = billing.price_and_period(user, price.model, price.variant, now)
    return found, (billing.price_of(price.model, price.variant, now), billing.current_period(user, now))


def test_price_and_period_are_those_of_price_of_and_current_period(alice, django_assert_num_queries):
    make_hold(alice)
    price = make_price(model="m", variant="480p", starts_at=NOW - timedelta(days=1))
    make_price(model="m", variant="480p", starts_at=NOW + timedelta(days=1))
    make_price(model="m", variant="720p", starts_at=NOW)
    now = timezone.now()
    at_once, apart = both_ways(alice, price, now)
    assert at_once == apart == (price, Period.objects.get())
    with django_assert_num_queries(1):
        _, period = billing.price_and_period(alice, "m", "480p", now)
        assert period.subscription.plan.slug == "pro"
        assert period.subscription.user is alice


def test_price_and_period_open_nothing(alice):
    at_once, apart = both_ways(alice, make_price(), NOW)
    assert at_once[0] == apart[0]
    assert at_once[1].pk is None
    assert (at_once[1].starts_at, at_once[1].spend_limit) == (apart[1].starts_at, apart[1].spend_limit)
    assert not Period.objects.exists()


def test_price_and_period_look_at_the_period_of_their_moment(alice):
    over = make_hold(alice).period
    _, period = billing.price_and_period(alice, Price.objects.first().model, "", over.ends_at)
    assert period.pk is None
    assert period.starts_at == over.ends_at


def test_price_and_period_refuse_what_has_no_price(alice):
    make_hold(alice)
    with pytest.raises(NoPrice):
        billing.price_and_period(alice, "m", "", NOW)
