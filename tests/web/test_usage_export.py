"""The statement as a file: all lines, numbers that add up, nothing that a spreadsheet would run, flat memory."""

import csv
import tracemalloc
from io import StringIO

import pytest
from django.utils import timezone

from billing import services as billing
from billing.models import LedgerEntry, Period
from billing.money import micros
from billing.services import Actor
from generation import services
from generation.models import Status
from generation.web.usage.export import BATCH, COLUMNS, inert, rows
from tests.billing.make import make_amount
from tests.make import ACTOR, make_job, make_key
from tests.web.reading import source
from tests.web.test_usage import make_earlier

OLGA = Actor(name="operator 4711")
FILE = "/usage/lines.csv"


def table(answer):
    """Return the rows of the file, by the names of their columns."""
    return list(csv.DictReader(StringIO(answer.getvalue().decode("utf-8-sig"), newline="")))


def make_lines(period, number):
    """Write so many lines, of nothing."""
    line = {"period": period, "kind": "adjust", "spend": 0, "videos": 0, "seconds": 0, "actor": "test", "reason": "x"}
    LedgerEntry.objects.bulk_create([LedgerEntry(at=timezone.now(), **line) for _ in range(number)], batch_size=1000)


def test_a_line_says_everything_about_its_job(alice, browser_of_alice):
    key, _ = make_key(alice, "ci")
    job = make_job(alice, status=Status.SUCCEEDED, api_key=key, prompt="A red fox,\nthen snow")
    held, settled = table(browser_of_alice.get(FILE))
    line = LedgerEntry.objects.order_by("pk").first()
    assert held == {
        "time (ISO 8601)": timezone.localtime(line.at).isoformat(timespec="seconds"),
        "what": "Set aside",
        "charged (USD)": "0.00",
        "set aside (USD)": "0.36",
        "granted (USD)": "0.00",
        "videos of the line": "1",
        "seconds of the line": "6",
        "model": "lightricks/ltx-2-pro/text-to-video",
        "made with": f"ci ({key.prefix}…)",
        "prompt (first words)": "A red fox,",
        "job id": str(job.pk),
        "reason": "",
        "line id": str(line.pk),
    }
    assert (settled["what"], settled["charged (USD)"], settled["set aside (USD)"]) == ("Charged", "0.36", "-0.36")


def test_the_columns_of_dollars_add_up_to_the_counters(alice, browser_of_alice):
    now = timezone.now()
    job = make_job(alice, status=Status.SUCCEEDED)
    for status in (Status.SUCCEEDED, Status.FAILED, Status.RUNNING):
        make_job(alice, status=status)
    billing.grant(alice, make_amount(), reason="Sorry.", now=now, by=OLGA)
    billing.adjust(alice, make_amount(spend=-20_000, videos=0, seconds=0), reason="Rounded.", now=now, by=OLGA)
    billing.refund(job.hold, reason="Not as wished.", now=now, by=OLGA)
    lines, period = table(browser_of_alice.get(FILE)), Period.objects.get()
    sums = {name: sum(micros(line[f"{name} (USD)"]) for line in lines) for name in ("charged", "set aside", "granted")}
    assert sums == {"charged": period.spend_spent, "set aside": period.spend_held, "granted": period.spend_granted}
    assert len(lines) == LedgerEntry.objects.count() == 10


def test_formulas_are_inert_and_numbers_stay_numbers(alice, browser_of_alice):
    key, _ = make_key(alice, "@SUM(A1)")
    for prompt in ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@x", "\t=1+1", "A = B"):
        make_job(alice, status=Status.SUCCEEDED, prompt=prompt, api_key=key)
    now = timezone.now()
    billing.adjust(alice, make_amount(spend=-10_000, videos=-1, seconds=0), reason="-2+3", now=now, by=OLGA)
    lines = table(browser_of_alice.get(FILE))
    prompts = [line["prompt (first words)"] for line in lines if line["what"] == "Charged"]
    assert prompts == ["'=cmd|' /C calc'!A0", "'+1+1", "'-1+1", "'@x", "'=1+1", "A = B"]
    assert lines[0]["made with"].startswith("'@SUM(A1)")
    assert (lines[-1]["reason"], lines[-1]["charged (USD)"], lines[-1]["videos of the line"]) == (
        "'-2+3",
        "-0.01",
        "-1",
    )


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_what_begins_like_a_formula_gets_an_apostrophe(text):
    assert inert(text) == f"'{text}"


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;=1", "a;'=1"),
        ("a;+1;-1;@x", "a;'+1;'-1;'@x"),
        ('a;"=1"', 'a;\'"=1"'),
        ("a\t=1", "a\t'=1"),
        ("a\n=1", "a\n'=1"),
        ("=1;=2", "'=1;'=2"),
        ("＝1", "'＝1"),
    ],
)
def test_nor_does_a_formula_begin_where_somebody_cuts_at_semicolons_or_lines(text, expected):
    assert inert(text) == expected


def test_a_file_opened_with_semicolons_has_no_cell_that_is_a_formula(alice, browser_of_alice):
    key, _ = make_key(alice, 'ci;=A1;"=B1"')
    make_job(alice, status=Status.SUCCEEDED, prompt='A fox;=cmd|" /C calc"!A0', api_key=key)
    text = browser_of_alice.get(FILE).getvalue().decode("utf-8-sig")
    cells = [cell for row in csv.reader(StringIO(text, newline=""), delimiter=";") for cell in row]
    assert any("=cmd" in cell for cell in cells)
    assert not [cell for cell in cells if cell.lstrip("\"' ").startswith(("=", "+", "-", "@")) and cell[0] != "'"]


@pytest.mark.parametrize("text", ["", "x=1", "'=1", " =1", "−1", "a; b", "a; - b"])
def test_other_text_stays_as_it_is(text):
    assert inert(text) == text


def test_a_deleted_video_keeps_its_lines_without_its_words(alice, browser_of_alice):
    job = make_job(alice, status=Status.SUCCEEDED)
    services.delete(job.pk, by=ACTOR)
    for line in table(browser_of_alice.get(FILE)):
        assert line["prompt (first words)"].startswith("A video, deleted ")
        assert line["job id"] == str(job.pk)


def test_the_name_says_whose_days_they_are(alice, browser_of_alice):
    make_job(alice)
    period = Period.objects.get()
    answer = browser_of_alice.get(FILE)
    name = f"clapboard-{period.starts_at:%Y-%m-%d}-to-{period.ends_at:%Y-%m-%d}.csv"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert {"private", "no-store"} <= set(answer["Cache-Control"].split(", "))
    assert answer.getvalue().startswith(b"\xef\xbb\xbftime (ISO 8601),"), "Excel takes it for UTF-8"


def test_the_page_leads_to_it(alice, browser_of_alice):
    make_job(alice)
    starts = Period.objects.get().starts_at
    assert f'href="/usage/lines.csv?period={starts:%Y-%m-%d}"' in source(browser_of_alice.get("/usage/"))


def test_an_earlier_period_is_a_file_of_its_own(alice, browser_of_alice):
    make_job(alice, prompt="Long ago")
    starts = make_earlier(alice)
    make_job(alice, prompt="Today")
    assert [line["prompt (first words)"] for line in table(browser_of_alice.get(FILE))] == ["Today"]
    earlier = table(browser_of_alice.get(f"{FILE}?period={starts}"))
    assert [line["prompt (first words)"] for line in earlier] == ["Long ago"]


def test_nothing_is_a_file_with_its_columns(browser_of_alice):
    assert browser_of_alice.get(FILE).getvalue().decode("utf-8-sig") == ",".join(COLUMNS) + "\r\n"


def test_bob_gets_nothing_of_alice(alice, browser_of_bob):
    make_job(alice, prompt="Alice's secret")
    starts = Period.objects.get().starts_at
    assert b"secret" not in browser_of_bob.get(f"{FILE}?period={starts:%Y-%m-%d}").getvalue()


def test_batches_leave_no_gap_and_no_double(alice):
    make_job(alice)
    period = Period.objects.get()
    make_lines(period, 2 * BATCH)
    ids = [int(line["line id"]) for line in csv.DictReader(StringIO("".join(rows(period)).lstrip("\ufeff")))]
    assert ids == sorted(LedgerEntry.objects.values_list("pk", flat=True))


def test_memory_does_not_grow_with_the_lines(alice):
    def peak():
        tracemalloc.start()
        size = sum(len(piece) for piece in rows(period))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size, most

    make_job(alice)
    period = Period.objects.get()
    make_lines(period, 3 * BATCH)
    small, before = peak()
    make_lines(period, 12 * BATCH)
    large, after = peak()
    assert large > 4 * small
    assert after < 1.5 * before
