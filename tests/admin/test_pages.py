"""The operators' pages: open for Olga, closed for others, and as many queries for many rows as for few."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.core import checks
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Success
from django_q.tasks import async_task

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
from billing.money import Amount
from generation import services
from generation.models import Alert, Chore, Gate, Heartbeat, Job, JobEvent, JobNotice, Status, Stuck
from tests.make import ACTOR, make_job, make_key, make_upload, make_user

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
OURS = [
    *(User, ApiKey, Plan, Price, Subscription, Override, Period, Grant, Hold, LedgerEntry, Notice, FreeDay),
    *(Job, JobEvent, Gate, Heartbeat, Chore, Alert, JobNotice),
]
ADDABLE = {"billing.User", "billing.Plan", "billing.Price", "auth.Group"}

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def make_rows():
    """Make some rows of everything, of a user of their own."""
    user = make_user()
    for status in Status:
        make_job(user, status=status)
    make_key(user)
    make_money(user)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    Authenticator.objects.create(user=user, type="totp", data={"secret": "TOTP-SECRET"})
    Heartbeat.objects.create(name=f"beat-{user.pk}", beat_at=timezone.now())
    Price.objects.create(model=f"model-{user.pk}", micros_per_second=60_000, starts_at=timezone.now())
    async_task("generation.tasks.submit", "x", cluster="clapboard")
    for number, success in enumerate((True, False)):
        kind = Success if success else Failure
        kind.objects.create(
            id=f"{user.pk}-{number}",
            name=f"hint {number}",
            func="generation.tasks.submit",
            args=("x",),
            kwargs={},
            started=timezone.now(),
            stopped=timezone.now(),
            success=success,
            result="done",
        )
    services.the_gate()
    make_upload(user)
    now = timezone.now()
    JobNotice.objects.create(job=Job.objects.filter(user=user)[0], kind=JobNotice.Kind.LATE, created_at=now)
    Alert.objects.create(kind=Alert.Kind.GATE, subject="closed", text="why", page="/admin/", created_at=now)
    Chore.objects.create(name=f"chore-{user.pk}", due_at=now, result=Chore.Result.FOUND, report="1 difference")
    services.close(model=f"model-{user.pk}", reason="drift", by=ACTOR, now=timezone.now())


def make_money(user):
    """Make what operators and thresholds add to a user's money."""
    now = timezone.now()
    billing.set_override(user, "videos", 50, reason="a good customer", now=now, by=ACTOR)
    billing.set_override(user, "models", ["lightricks/ltx-2-pro/text-to-video"], reason="asked for", now=now, by=ACTOR)
    grant = billing.grant(user, Amount(spend=5_000_000, videos=2, seconds=0), reason="a bad week", now=now, by=ACTOR)
    billing.adjust(user, Amount(spend=10, videos=0, seconds=0), reason="a correction", now=now, by=ACTOR)
    Notice.objects.create(period=grant.period, kind=Notice.Kind.LIMIT_80, limit="spend", created_at=now)
    FreeDay.objects.get_or_create(day=now.date() - timedelta(days=user.pk))


def test_every_model_of_ours_is_there():
    assert set(OURS) <= set(MODELS)


def test_the_pages_are_checked_before_there_is_a_database():
    """Or a fresh machine could not migrate: unfold looks for rights that are named like "billing.change_plan"."""
    assert checks.run_checks(tags=["admin"]) == []


@every_model
def test_an_operator_opens_the_list_and_searches_it(desk, model):
    make_rows()
    assert desk.get(address(model, "changelist")).status_code == 200
    if admin.site._registry[model].search_fields:
        for wanted in ("a", "7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11", "100%", "\\", "' OR 1=1"):
            assert desk.get(address(model, "changelist"), {"q": wanted}).status_code == 200


@every_model
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(desk, model):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            desk.get(address(model, "changelist"))
        return len(captured)

    make_rows()
    queries()  # fills the caches of content types
    few = queries()
    make_rows()
    make_rows()
    assert queries() == few <= 12


@every_model
def test_an_operator_opens_a_row(desk, model):
    make_rows()
    for row in admin.site._registry[model].model._default_manager.all()[:10]:
        answer = desk.get(address(model, "change", row.pk))
        # Hints done and hints failed share a table, and so do jobs and those to decide.
        assert answer.status_code == 200 or (model in {Success, Failure, Stuck} and answer.status_code == 302)


@every_model
def test_only_what_operators_write_can_be_added(desk, model):
    expected = 200 if model._meta.label in ADDABLE else 403
    assert desk.get(address(model, "add")).status_code == expected


@every_model
@pytest.mark.parametrize("page", ["changelist", "add"])
def test_others_are_refused(client, alice, model, page):
    client.force_login(alice)
    answer = client.get(address(model, page), follow=True)
    assert answer.status_code == 403
    assert "other rights" in answer.content.decode()


@pytest.mark.django_db
def test_an_operator_without_rights_sees_no_page_and_no_link(client):
    client.force_login(make_user(is_staff=True))
    assert "Ledger" not in client.get("/admin/").content.decode()
    for model in OURS:
        assert client.get(address(model, "changelist")).status_code == 403


def test_whoever_is_signed_out_goes_through_the_sign_in_of_everybody(client, db):
    answer = client.get("/admin/generation/job/", follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/login/?next=%2Fadmin%2Fgeneration%2Fjob%2F"
    answer = client.post("/admin/login/", {"username": "olga@example.org", "password": "correct horse"})
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/login/")


def test_the_sign_in_leads_nowhere_else(client, olga):
    answer = client.get("/admin/login/", {"next": "https://evil.example/"})
    answer = client.post(answer["Location"], {"login": olga.email, "password": "correct horse"}, follow=True)
    assert [address for address, _ in answer.redirect_chain][-1] == "/admin/"
    assert not any(address.startswith("http") for address, _ in answer.redirect_chain)


def test_the_second_step_is_asked_of_operators(client, olga):
    Authenticator.objects.create(user=olga, type="totp", data={"secret": "x"})
    answer = client.post("/accounts/login/?next=/admin/", {"login": olga.email, "password": "correct horse"})
    assert answer["Location"].startswith("/accounts/2fa/authenticate/")
    assert client.get("/admin/").status_code == 302


def test_the_sidebar_has_what_exists_and_says_sandbox(desk):
    page = desk.get("/admin/").content.decode()
    for word in ("Today", "Money", "Provider", "People", "System", "Ledger", "Gate", "Sandbox"):
        assert word in page
    assert "Live" not in page


def test_the_page_says_live_where_videos_cost_money(desk, settings):
    settings.SANDBOX = False
    assert "Live" in desk.get("/admin/").content.decode()


def test_no_page_tells_a_secret(desk):
    make_rows()
    key, secret = make_key(make_user())
    pages = [address(ApiKey, "changelist"), address(ApiKey, "change", key.pk)]
    second_step = Authenticator.objects.get()
    pages += [address(Authenticator, "changelist"), address(Authenticator, "change", second_step.pk)]
    text = "".join(desk.get(page).content.decode() for page in pages)
    assert key.prefix in text
    assert secret not in text
    assert key.digest not in text
    assert "TOTP-SECRET" not in text


def test_a_job_is_found_by_what_people_paste(desk):
    user = make_user("carol@example.org")
    job = make_job(user, status=Status.RUNNING)
    make_job(make_user())
    for wanted in (str(job.pk), f" {job.pk} ", job.pk.hex, job.prediction_id, "carol@"):
        page = desk.get(address(Job, "changelist"), {"q": wanted})
        assert [row.pk for row in page.context["cl"].result_list] == [job.pk], wanted


def test_the_page_of_a_job_shows_way_money_ids_and_video(desk):
    job = make_job(status=Status.SUCCEEDED)
    page = desk.get(address(Job, "change", job.pk)).content.decode()
    for text in ("Created by test", "$0.36", "settle", "hold", str(job.pk), job.prediction_id, "request-of-a-test"):
        assert text in page
    assert f"/admin/generation/job/{job.pk}/video/" in page


@pytest.mark.parametrize("part", ["video", "poster"])
def test_a_look_at_a_video_is_recorded(desk, olga, part):
    default_storage.save("videos/x.mp4", ContentFile(b"video"))
    default_storage.save("posters/x.jpg", ContentFile(b"poster"))
    job = make_job(status=Status.SUCCEEDED)
    answer = desk.get(address(Job, part, job.pk), headers={"Range": "bytes=0-"})
    assert (answer.status_code, answer.getvalue()) == (206, part.encode())
    desk.get(address(Job, part, job.pk), headers={"Range": "bytes=2-"}).getvalue()
    (entry,) = admin.models.LogEntry.objects.all()
    assert (entry.user, entry.object_id) == (olga, str(job.pk))
    assert entry.get_change_message() == f"Looked at the {part}."


def test_nobody_else_looks(client, alice, bob):
    job = make_job(alice, status=Status.SUCCEEDED)
    for user in (bob, make_user(is_staff=True)):
        client.force_login(user)
        assert client.get(address(Job, "video", job.pk), follow=True).status_code == 403


def test_money_reads_as_dollars(desk):
    make_job()
    assert "$100.00" in desk.get(address(Plan, "changelist")).content.decode()
    assert "$0.06" in desk.get(address(Price, "changelist")).content.decode()
    assert "$0.36" in desk.get(address(LedgerEntry, "changelist")).content.decode()
    assert "$0.00 + $0.36 of $100.00" in desk.get(address(Period, "changelist")).content.decode()


def test_the_policy_of_the_admin_names_no_other_host(desk):
    policy = desk.get("/admin/")["Content-Security-Policy"]
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert "http" not in policy


def test_hints_are_readable(desk):
    make_rows()
    (hint,) = OrmQ.objects.all()
    page = desk.get(address(OrmQ, "change", hint.pk)).content.decode()
    assert "generation.tasks.submit" in page


@pytest.mark.parametrize("model", [model for model in OURS if model is not Gate], ids=lambda model: model._meta.label)
@pytest.mark.parametrize("key", ["nonsense", "9" * 30, "7b2cb3d9-5b4a-4a08-9f0c-2f1f2e0a9c11"])
def test_a_row_that_is_not_there_is_no_error(desk, model, key):
    assert desk.get(address(model, "change", key)).status_code in {302, 404}


def marked(page):
    """Return which pages the sidebar marks as the one that is shown."""
    navigation = page.context["sidebar_navigation"]
    return [str(item["title"]) for group in navigation for item in group["items"] if item["active"]]


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/admin/generation/job/", "Jobs"),
        ("/admin/generation/job/margins/", "Margins"),
        ("/admin/generation/jobevent/", "What happened"),
        ("/admin/generation/jobnotice/", "Told of jobs"),
        ("/admin/billing/plan/add/", "Plans"),
    ],
)
def test_the_sidebar_marks_the_page_that_is_shown_and_no_other(desk, path, title):
    assert marked(desk.get(path)) == [title]


def test_the_sidebar_marks_the_list_that_a_row_is_of(desk):
    assert marked(desk.get(address(Job, "change", make_job(make_user()).pk))) == ["Jobs"]


def test_index_and_sidebar_call_each_page_the_same(desk):
    page = desk.get("/admin/")
    listed = {model["admin_url"]: model["name"] for app in page.context["app_list"] for model in app["models"]}
    items = [item for group in page.context["sidebar_navigation"] for item in group["items"]]
    named = {str(item["link"]): item["title"] for item in items if str(item["link"]) in listed}
    assert len(named) > 20
    assert {link: listed[link] for link in named} == named


@pytest.mark.parametrize(("query", "words"), [("", "Nothing here"), ("?q=heron", "Nothing matches")])
def test_a_list_without_rows_says_so_and_no_more(client, olga, query, words):
    client.force_login(olga)
    page = client.get(reverse("admin:generation_stuck_changelist") + query).content.decode()

    assert words in page
    assert "No results found" not in page
