"""What operators change, by forms and actions; and what nobody can change here, whatever is posted."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.core import serializers
from django.utils import timezone

from billing import services as billing
from billing.models import (
    ApiKey,
    FreeDay,
    Grant,
    Hold,
    LedgerEntry,
    Notice,
    Override,
    Period,
    Plan,
    Price,
    Subscription,
    User,
)
from generation import services
from generation.models import Gate, Heartbeat, Job, JobEvent, Status, Switch, Upload
from generation.spec import InvalidSpec
from tests.admin.test_pages import address, make_rows
from tests.make import ACTOR, make_job, make_key, make_spec, make_user

MODEL = "lightricks/ltx-2-pro/text-to-video"


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def act(desk, model, action, rows):
    body = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return desk.post(address(model, "changelist"), body, follow=True)


def form_of(answer):
    """Return what the form of a page would send if nobody typed anything."""
    form = answer.context["adminform"].form
    body = {}
    for bound in form:
        value = bound.value()
        if hasattr(bound.field.widget, "decompress"):
            parts = bound.field.widget.decompress(value)
            body |= {f"{bound.html_name}_{n}": part for n, part in enumerate(parts) if part is not None}
        elif isinstance(value, bool):
            body |= {bound.html_name: "on"} if value else {}
        elif value is not None:
            body[bound.html_name] = value
    for formset in answer.context["inline_admin_formsets"]:
        management = formset.formset.management_form
        body |= {bound.html_name: bound.value() for bound in management}
    return body


def save(desk, page, **changes):
    """Open a page, type the changes and send it."""
    answer = desk.get(page)
    assert answer.status_code == 200
    body = form_of(answer) | changes
    return desk.post(page, {name: value for name, value in body.items() if value is not None}, follow=True)


def errors(answer):
    return answer.context["adminform"].form.errors


# --- What nobody changes ----------------------------------------------------------------------------------------------

WRITTEN_BY_CODE = [
    *(Subscription, Override, Period, Grant, Hold, LedgerEntry, Notice, FreeDay, ApiKey, EmailAddress),
    *(Job, JobEvent, Upload, Switch, Heartbeat, LogEntry),
]


@pytest.mark.parametrize("model", WRITTEN_BY_CODE, ids=lambda model: model._meta.label)
def test_what_code_writes_stays_whatever_is_posted(desk, olga, model):
    make_rows()
    LogEntry.objects.log_actions(olga.pk, [make_job()], 2, change_message="x", single_object=True)
    before = serializers.serialize("json", model.objects.order_by("pk"))
    row = model.objects.all()[0]
    fields = {field.name: "1" for field in model._meta.fields}
    assert desk.post(address(model, "add"), fields).status_code == 403
    assert desk.post(address(model, "change", row.pk), fields).status_code == 403
    assert desk.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    act(desk, model, "delete_selected", [row])
    assert serializers.serialize("json", model.objects.order_by("pk")) == before


@pytest.mark.parametrize("model", [User, Plan, Subscription, Gate], ids=lambda model: model._meta.label)
def test_what_the_ledger_speaks_of_is_not_deleted(desk, model):
    make_rows()
    for row in model.objects.all():
        assert desk.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    before = model.objects.count()
    act(desk, model, "delete_selected", model.objects.all())
    assert model.objects.count() == before


# --- Jobs -------------------------------------------------------------------------------------------------------------


def test_cancel_takes_back_what_was_not_sent_and_names_the_rest(desk, olga):
    jobs = {status: make_job(status=status) for status in (Status.QUEUED, Status.RUNNING, Status.SUCCEEDED)}
    queued = make_job()
    answer = act(desk, Job, "cancel", [*jobs.values(), queued])
    assert said(answer)[0] == "2 canceled; nothing is set aside for them any more."
    assert len(said(answer)) == 3
    assert all(
        any(str(jobs[status].pk) in line for line in said(answer)) for status in (Status.RUNNING, Status.SUCCEEDED)
    )
    assert {job.pk: job.status for job in Job.objects.all()} == {
        jobs[Status.QUEUED].pk: Status.CANCELED,
        jobs[Status.RUNNING].pk: Status.RUNNING,
        jobs[Status.SUCCEEDED].pk: Status.SUCCEEDED,
        queued.pk: Status.CANCELED,
    }
    release = LedgerEntry.objects.get(kind="release", reference=queued.pk)
    assert release.actor == f"operator {olga.pk}"
    assert release.request_id == answer["X-Request-ID"] or len(release.request_id) == 32
    assert LogEntry.objects.filter(change_message="Canceled.").count() == 2


def test_the_page_of_a_job_cancels_it(desk, olga):
    job = make_job()
    page = f"/admin/generation/job/{job.pk}/cancel_this/"
    assert "Cancel this job?" in desk.get(page).content.decode()
    assert Job.objects.get().status == Status.QUEUED
    answer = desk.post(page, {"_form_submitted": "1"}, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == address(Job, "change", job.pk)
    assert Job.objects.get().status == Status.CANCELED
    answer = desk.post(page, {"_form_submitted": "1"}, follow=True)
    assert said(answer)[-1] == "The job has already ended: canceled."


@pytest.mark.parametrize("status", Status)
def test_cancel_is_offered_where_it_works(desk, status):
    job = make_job(status=status)
    page = desk.get(address(Job, "change", job.pk)).content.decode()
    assert ("cancel_this" in page) == (status == Status.QUEUED)


def test_a_job_that_is_not_there_is_not_canceled(desk):
    for job_id in ("7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11", "nonsense"):
        page = f"/admin/generation/job/{job_id}/cancel_this/"
        assert desk.post(page, {"_form_submitted": "1"}).status_code == 404


def test_who_may_only_look_cancels_closes_and_revokes_nothing(onlooker):
    job = make_job()
    key, _ = make_key(job.user)
    services.the_gate()
    act(onlooker, Job, "cancel", [job])
    act(onlooker, ApiKey, "revoke", [key])
    dialog = {"_form_submitted": "1", "reason": "a reason that is long enough"}
    assert onlooker.post(f"/admin/generation/job/{job.pk}/cancel_this/", dialog).status_code == 403
    assert onlooker.post("/admin/generation/gate/1/close/", dialog).status_code == 403
    assert onlooker.post("/admin/generation/gate/1/reopen/", dialog).status_code == 403
    assert Job.objects.get().status == Status.QUEUED
    assert ApiKey.objects.get().revoked_at is None
    assert Gate.objects.get().closed_at is None


@pytest.mark.parametrize("status", Status)
def test_retry_is_offered_where_it_works(desk, status):
    page = desk.get(address(Job, "change", make_job(status=status).pk)).content.decode()
    assert ("retry_this" in page) == (status in {Status.FAILED, Status.CANCELED})


def test_an_operator_makes_a_failed_job_again_for_its_owner(desk, olga):
    job = make_job(status=Status.FAILED)
    page = f"/admin/generation/job/{job.pk}/retry_this/"
    answer = desk.post(page, {"_form_submitted": "1"}, follow=True)
    assert said(answer) == ["Made again, $0.36 set aside."]
    made = Job.objects.get(retry_of=job)
    assert (made.user, made.status, made.prompt) == (job.user, Status.QUEUED, job.prompt)
    assert LedgerEntry.objects.get(kind="hold", reference=made.pk).actor == f"operator {olga.pk}"


def test_what_can_not_be_made_again_says_why(desk):
    job = make_job(status=Status.FAILED)
    services.close(reason="The account is being moved.", by=ACTOR, now=timezone.now())
    answer = desk.post(f"/admin/generation/job/{job.pk}/retry_this/", {"_form_submitted": "1"}, follow=True)
    assert said(answer) == ["LTX-2 Pro is closed just now: The account is being moved."]
    assert Job.objects.count() == 1


# --- Switches ---------------------------------------------------------------------------------------------------------

CLOSE = "/admin/generation/switch/close/"


def close(desk, **says):
    return desk.post(CLOSE, {"_form_submitted": "1", "reason": "WaveSpeed has raised its price", **says}, follow=True)


def test_a_model_is_closed_with_a_reason_and_opened_again(desk, olga):
    answer = close(desk, model=MODEL)
    assert said(answer) == ["Closed for new jobs."]
    switch = Switch.objects.get()
    assert (switch.model, switch.closed_by) == (MODEL, f"operator {olga.pk}")
    with pytest.raises(services.ModelClosed, match="WaveSpeed has raised its price"):
        services.quote(make_user(), make_spec())
    assert said(close(desk, model=MODEL)) == ["That was closed already; its reason stays."]
    desk.post(f"/admin/generation/switch/{switch.pk}/open_again/", {"_form_submitted": "1"})
    switch.refresh_from_db()
    assert switch.opened_by == f"operator {olga.pk}"
    services.quote(make_user(), make_spec())
    assert said(close(desk, model=MODEL))[-1] == "Closed for new jobs."


def test_one_value_of_a_parameter_is_closed(desk):
    close(desk, model=MODEL, value="duration=10")
    services.quote(make_user(), make_spec(duration=8))
    with pytest.raises(InvalidSpec, match=r"duration: 10 is not offered just now: .* Allowed: 6, 8\."):
        services.quote(make_user(), make_spec(duration=10))


@pytest.mark.parametrize(
    "says",
    [
        {"reason": "short"},
        {"model": "nonsense"},
        {"value": "duration=10"},
        {"model": MODEL, "value": "duration=7"},
        {"model": MODEL, "value": "size=832*480"},
        {"model": MODEL, "value": "prompt=x"},
    ],
)
def test_what_does_not_exist_is_not_closed(desk, says):
    close(desk, **says)
    assert not Switch.objects.exists()


def test_who_may_only_look_switches_nothing(onlooker):
    assert onlooker.post(CLOSE, {"_form_submitted": "1", "reason": "a reason that is long"}).status_code == 403
    services.close(model=MODEL, reason="drift", by=ACTOR, now=timezone.now())
    page = f"/admin/generation/switch/{Switch.objects.get().pk}/open_again/"
    assert onlooker.post(page, {"_form_submitted": "1"}).status_code == 403
    assert Switch.objects.get().opened_at is None


# --- Gate -------------------------------------------------------------------------------------------------------------


def test_the_two_numbers_of_the_gate_are_changed_and_nothing_else(desk):
    services.the_gate()
    page = address(Gate, "change", 1)
    save(desk, page, predictions_at_a_time=3, submissions_a_minute=10, closed_reason="x", closed_at_0="2026-01-01")
    gate = Gate.objects.get()
    assert (gate.predictions_at_a_time, gate.submissions_a_minute) == (3, 10)
    assert (gate.closed_at, gate.closed_reason) == (None, "")
    assert "predictions_at_a_time" in errors(save(desk, page, predictions_at_a_time=-1))


def test_saving_the_numbers_does_not_reopen_a_gate_that_was_closed_meanwhile(desk, monkeypatch):
    services.the_gate()
    save_gate = Gate.save

    def closed_meanwhile(self, *args, **kwargs):
        services.close_gate("WaveSpeed refuses the account", now=timezone.now())
        save_gate(self, *args, **kwargs)

    monkeypatch.setattr(Gate, "save", closed_meanwhile)
    save(desk, address(Gate, "change", 1), predictions_at_a_time=3)
    assert Gate.objects.get().closed_at


def test_the_gate_is_closed_with_a_reason_and_reopened(desk):
    page = "/admin/generation/gate/1/close/"
    desk.post(page, {"_form_submitted": "1", "reason": "short"})
    desk.post(page, {"_form_submitted": "1"})
    assert Gate.objects.filter(closed_at__isnull=False).count() == 0
    desk.post(page, {"_form_submitted": "1", "reason": "The account is being moved"})
    gate = Gate.objects.get()
    assert (gate.closed_reason, bool(gate.closed_at)) == ("The account is being moved", True)
    desk.post(page, {"_form_submitted": "1", "reason": "Another reason comes later"})
    assert Gate.objects.get().closed_reason == "The account is being moved"
    desk.post("/admin/generation/gate/1/reopen/", {"_form_submitted": "1"})
    assert Gate.objects.get().closed_at is None
    assert [json.loads(m)[0] if m.startswith("[") else m for m in _told()][-1] == "Reopened."


def test_closing_is_offered_while_it_is_open_and_reopening_while_it_is_closed(desk):
    services.the_gate()
    offered = desk.get(address(Gate, "change", 1)).content.decode()
    assert ("/close/" in offered, "/reopen/" in offered) == (True, False)
    services.close_gate("a reason", now=timezone.now())
    offered = desk.get(address(Gate, "change", 1)).content.decode()
    assert ("/close/" in offered, "/reopen/" in offered) == (False, True)


def _told():
    return LogEntry.objects.order_by("pk").values_list("change_message", flat=True)


# --- Money ------------------------------------------------------------------------------------------------------------


def test_a_plan_is_changed_in_dollars(desk):
    plan = Plan.objects.get(slug="basic")
    answer = desk.get(address(Plan, "change", plan.pk))
    assert form_of(answer)["spend_limit"] == "25.00"
    answer = save(desk, address(Plan, "change", plan.pk), spend_limit="30.50", videos_limit="", slug="other")
    plan.refresh_from_db()
    assert (plan.spend_limit, plan.videos_limit, plan.slug) == (30_500_000, None, "basic")
    assert "0 subscriptions have it" in said(answer)[0]


def test_a_plan_that_is_saved_as_it_is_stays_as_it_is(desk):
    before = serializers.serialize("json", Plan.objects.all())
    for plan in Plan.objects.all():
        save(desk, address(Plan, "change", plan.pk))
    assert serializers.serialize("json", Plan.objects.all()) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("spend_limit", "-1"),
        ("spend_limit", "0.1234567"),
        ("spend_limit", "NaN"),
        ("spend_limit", "1e99"),
        ("videos_limit", "-1"),
        ("seconds_limit", "-1"),
        ("jobs_at_a_time", "0"),
        ("models_allowed", '{"a": 1}'),
        ("models_allowed", "[1]"),
        ("models_allowed", "["),
        ("name", ""),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_the_field_named(desk, field, value):
    plan = Plan.objects.get(slug="basic")
    before = serializers.serialize("json", [plan])
    found = errors(save(desk, address(Plan, "change", plan.pk), **{field: value}))
    assert field in found or "__all__" in found  # constraints speak for the whole row
    assert serializers.serialize("json", [Plan.objects.get(pk=plan.pk)]) == before


def test_a_plan_is_added(desk):
    save(
        desk, address(Plan, "add"), name="Team", slug="team", monthly_price="49", spend_limit="40", models_allowed="[]"
    )
    plan = Plan.objects.get(slug="team")
    assert (plan.monthly_price, plan.spend_limit, plan.videos_limit, plan.models_allowed) == (
        49_000_000,
        40_000_000,
        None,
        [],
    )


def test_open_periods_keep_their_limits_when_a_plan_changes(desk):
    job = make_job()
    plan = Plan.objects.get(slug="pro")
    save(desk, address(Plan, "change", plan.pk), spend_limit="0.10")
    assert Period.objects.get(pk=job.hold.period_id).spend_limit == 100_000_000


def test_a_price_is_a_new_row_from_now_on(desk):
    save(desk, address(Price, "add"), model=MODEL, micros_per_second="0.07")
    price = Price.objects.at(timezone.now()).filter(model=MODEL).first()
    assert price.micros_per_second == 70_000
    assert Price.objects.filter(model=MODEL).count() == 2


def test_a_price_may_begin_later_and_be_changed_until_then(desk):
    save(
        desk,
        address(Price, "add"),
        model=MODEL,
        micros_per_second="0.07",
        starts_at_0="2099-01-01",
        starts_at_1="00:00",
    )
    price = Price.objects.get(micros_per_second=70_000)
    save(desk, address(Price, "change", price.pk), micros_per_second="0.08")
    price.refresh_from_db()
    assert price.micros_per_second == 80_000
    desk.post(address(Price, "delete", price.pk), {"post": "yes"})
    assert not Price.objects.filter(pk=price.pk).exists()


def test_a_price_that_has_begun_stays_for_ever(desk):
    price = Price.objects.get(model=MODEL)
    before = serializers.serialize("json", Price.objects.all())
    body = {
        "model": MODEL,
        "variant": "",
        "micros_per_second": "0.01",
        "starts_at_0": "2099-01-01",
        "starts_at_1": "0:00",
    }
    assert desk.post(address(Price, "change", price.pk), body).status_code == 403
    assert desk.post(address(Price, "delete", price.pk), {"post": "yes"}).status_code == 403
    act(desk, Price, "delete_selected", [price])
    assert serializers.serialize("json", Price.objects.all()) == before


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("micros_per_second", {"micros_per_second": "0"}),
        ("micros_per_second", {"micros_per_second": "-0.06"}),
        ("micros_per_second", {"micros_per_second": "0.0000001"}),
        ("micros_per_second", {"micros_per_second": ""}),
        ("model", {"model": "lightricks/ltx-2-por"}),
        ("model", {"variant": "480p"}),
        ("starts_at", {"starts_at_0": "2020-01-01", "starts_at_1": "00:00"}),
    ],
)
def test_a_price_that_makes_no_sense_is_refused_with_the_field_named(desk, field, changes):
    before = Price.objects.count()
    body = {"model": MODEL, "micros_per_second": "0.07"} | changes
    assert field in errors(save(desk, address(Price, "add"), **body))
    assert Price.objects.count() == before


# --- People -----------------------------------------------------------------------------------------------------------


def test_a_key_is_revoked_once(desk):
    keys = [make_key(make_user())[0] for _ in range(2)]
    answer = act(desk, ApiKey, "revoke", keys)
    assert said(answer) == ["2 revoked. Jobs under way go on."]
    before = list(ApiKey.objects.values_list("revoked_at", flat=True))
    assert all(before)
    assert said(act(desk, ApiKey, "revoke", keys)) == ["0 revoked. Jobs under way go on."]
    assert list(ApiKey.objects.values_list("revoked_at", flat=True)) == before
    assert LogEntry.objects.filter(change_message="Revoked.").count() == 2


def test_a_user_is_added_with_a_verified_address_and_a_subscription(desk):
    page = address(User, "add")
    body = {"email": "New@Example.org", "password1": "correct horse 7", "password2": "correct horse 7"}
    answer = save(desk, page, usable_password="true", **body)
    user = User.objects.get(email="new@example.org")
    assert answer.redirect_chain[-1][0] == address(User, "change", user.pk)
    assert user.check_password("correct horse 7")
    assert not user.is_staff
    assert EmailAddress.objects.get(user=user).verified
    assert user.subscription.plan.slug == "free"
    assert desk.login(email="new@example.org", password="correct horse 7")


def test_an_address_is_added_once(desk):
    make_user("new@example.org")
    body = {"email": "NEW@example.org", "password1": "correct horse 7", "password2": "correct horse 7"}
    assert "email" in errors(save(desk, address(User, "add"), usable_password="true", **body))


def test_a_user_who_is_deactivated_loses_keys_and_sessions(desk, client):
    user = make_user()
    make_key(user)
    job = make_job(user)
    save(desk, address(User, "change", user.pk), is_active=None, email="another@example.org")
    user.refresh_from_db()
    assert (user.is_active, user.email.startswith("another")) == (False, False)
    assert ApiKey.objects.get().revoked_at
    services.sweep()
    assert Job.objects.get(pk=job.pk).status == Status.CANCELED


def test_operators_do_not_lock_themselves_out(desk, olga):
    save(desk, address(User, "change", olga.pk), is_active=None, is_staff=None, is_superuser=None, first_name="Olga")
    olga.refresh_from_db()
    assert (olga.is_active, olga.is_staff, olga.is_superuser, olga.first_name) == (True, True, True, "Olga")


def test_operators_give_nobody_rights_that_they_do_not_have(helper, alice):
    save(helper, address(User, "change", alice.pk), is_staff="on", is_superuser="on", first_name="Alice")
    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser, alice.first_name) == (False, False, "Alice")


def test_operators_do_not_take_over_superusers(helper, olga):
    assert helper.post(address(User, "change", olga.pk), {"first_name": "x"}).status_code == 403
    body = {"usable_password": "true", "password1": "correct horse 7", "password2": "correct horse 7"}
    assert helper.post(f"/admin/billing/user/{olga.pk}/password/", body).status_code == 403
    olga.refresh_from_db()
    assert olga.check_password("correct horse")


def test_a_lost_second_step_is_taken_away_by_superusers_alone(client, olga, helper):
    second_step = Authenticator.objects.create(user=make_user(), type="totp", data={"secret": "x"})
    page = address(Authenticator, "delete", second_step.pk)
    assert helper.post(page, {"post": "yes"}).status_code == 403
    assert Authenticator.objects.exists()
    client.force_login(olga)
    client.post(page, {"post": "yes"})
    assert not Authenticator.objects.exists()


def test_a_price_to_come_begins_while_its_page_is_open(desk):
    price = Price.objects.create(model=MODEL, micros_per_second=70_000, starts_at=timezone.now() + timedelta(hours=1))
    body = form_of(desk.get(address(Price, "change", price.pk))) | {"micros_per_second": "0.01"}
    Price.objects.filter(pk=price.pk).update(starts_at=timezone.now())
    assert desk.post(address(Price, "change", price.pk), body).status_code == 403
    assert Price.objects.get(pk=price.pk).micros_per_second == 70_000


def retry_from_two_windows_at_once(desk, job, monkeypatch):
    """Let the second window be answered right before the first one's retry is made."""
    retry, met = services.retry, []

    def retrying(*args, **kwargs):
        if not met:
            met.append(True)
            desk.post(f"/admin/generation/job/{job.pk}/retry_this/", {"_form_submitted": "1"})
        return retry(*args, **kwargs)

    monkeypatch.setattr(services, "retry", retrying)
    desk.post(f"/admin/generation/job/{job.pk}/retry_this/", {"_form_submitted": "1"})


def test_a_retry_from_two_windows_at_the_same_moment_is_one_and_the_next_is_another(desk, monkeypatch):
    job = make_job(status=Status.FAILED)
    with monkeypatch.context() as patched:
        retry_from_two_windows_at_once(desk, job, patched)
    assert Job.objects.filter(retry_of=job).count() == 1
    desk.post(f"/admin/generation/job/{job.pk}/retry_this/", {"_form_submitted": "1"})
    assert Job.objects.filter(retry_of=job).count() == 2


def test_control_without_a_common_token_both_retries_are_made(desk, monkeypatch):
    # This test exists to show that the one above could fail.
    job = make_job(status=Status.FAILED)
    monkeypatch.setattr("generation.admin.jobs.uuid5", lambda *_: uuid4())
    retry_from_two_windows_at_once(desk, job, monkeypatch)
    assert Job.objects.filter(retry_of=job).count() == 2


@pytest.mark.parametrize("closed", ["review", "past due", "quota"])
def test_a_retry_for_somebody_who_may_make_none_says_why(desk, settings, closed):
    job = make_job(status=Status.FAILED)
    if closed == "review":
        settings.MODERATED_BEFORE_REVIEW = 1
        Job.objects.update(error_code="moderated")
    if closed == "past due":
        billing.set_past_due(job.user, now=timezone.now())
    if closed == "quota":
        Period.objects.update(spend_limit=350_000, spend_target=350_000)
    answer = desk.post(f"/admin/generation/job/{job.pk}/retry_this/", {"_form_submitted": "1"}, follow=True)
    assert answer.status_code == 200
    words = {"review": "An operator looks", "past due": "Payment is due", "quota": "too little left of spend for $0.36"}
    assert words[closed] in said(answer)[-1]
    assert Job.objects.count() == 1
