"""What lets its reader in does not reach a log, by whatever way a line comes."""

import json
import logging
import os
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from subprocess import CompletedProcess, run
from typing import Any
from urllib.parse import quote, quote_plus

import psycopg
import pytest
import structlog
from django.db import IntegrityError

from config.logs import Masked, lines
from config.masks import masked, traced
from generation.providers.errors import Unavailable

pytestmark = pytest.mark.any_database

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "https://clapboard.example.org/hooks/wavespeed/0b5a2a76-0000-4000-8000-000000000000/s3cret-To_ken"


def written(write: Callable[[Any], None]) -> str:
    """Return the line as it is in production."""
    handler = logging.StreamHandler(StringIO())
    handler.setFormatter(lines(json=True))
    log = logging.getLogger("written")
    log.addHandler(handler)
    try:
        write(structlog.get_logger("written"))
    finally:
        log.removeHandler(handler)
    return handler.stream.getvalue()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (f"POST {ADDRESS} HTTP/1.1", "POST … HTTP/1.1"),
        (f'"{ADDRESS}"', '"…"'),
        (f"Not Found: {ADDRESS}?x=1", "Not Found: …?x=1"),
        (f"/api/v3/m?webhook={quote_plus(ADDRESS)} (Caused by", "/api/v3/m?webhook=… (Caused by"),
        (f"{ADDRESS}, {ADDRESS}", "…, …"),
    ],
)
def test_the_token_in_a_webhook_s_address_is_masked(line, wanted):
    seen = masked(line)

    assert "s3cret" not in seen
    for address in (ADDRESS, quote_plus(ADDRESS)):
        seen = seen.replace(address.replace("s3cret-To_ken", "…"), "…")
    assert seen == wanted


@pytest.mark.parametrize(
    "spelled",
    [
        ADDRESS.replace("/", "\\/"),
        quote(quote(ADDRESS, safe=""), safe=""),
        ADDRESS.replace("hooks/", "hooks//"),
        ADDRESS.replace("wavespeed", "wave%73peed"),
        ADDRESS.replace("wavespeed", "WAVE%53peed").replace("hooks", "%68ooks"),
        ADDRESS.replace("0b5a", "%30b5a"),
        ADDRESS + "/",
    ],
)
def test_the_token_is_masked_however_its_address_is_spelled(spelled):
    for line in (f"POST {spelled} HTTP/1.1", json.dumps({"webhook": spelled}), f"<{spelled}>"):
        assert "s3cret" not in masked(line)
        assert "To_ken" not in masked(line)


@pytest.mark.parametrize(
    "path", ["/accounts/password/reset/key/1-cq9x-s3cret/", "/accounts/confirm-email/MQ:1tX:s3cret_-x/"]
)
def test_keys_of_passwords_and_addresses_are_masked(path):
    for line in (f"GET {path} HTTP/1.1", f"Forbidden (CSRF cookie not set.): {path}", f'"{quote_plus(path)}"'):
        assert "s3cret" not in masked(line)
        assert masked(line).startswith(line[:9])


ROW = "Failing row contains (7, A heron) in fog,\nand (all\nDETAIL of) it, null)."


@pytest.mark.parametrize(
    "added",
    [
        f"DETAIL:  {ROW}",
        f"DÉTAIL :  {ROW}",
        "DETAIL:  Fehlgeschlagene Zeile enthält (7, A heron\nin fog).\nTIP:  x",
        "LINE 1: INSERT INTO x VALUES ('A heron\nin fog')\n        ^",
    ],
)
def test_a_row_or_statement_that_a_database_repeats_is_masked(added):
    error = f'new row violates check constraint "x"\n{added}'
    seen = masked(f"{error}\n\nThe above exception was the direct cause of the following exception:\n\n{error}")

    assert "heron" not in seen
    assert "fog" not in seen
    assert seen.count("new row violates") == 2
    assert "The above exception" in seen


def test_a_traceback_does_not_repeat_what_errors_quote():
    """Also where no pattern finds it: in another language, in a group of errors, with a prompt like a traceback."""
    row = "A heron\n\nDuring handling of (the\n\nabove) fog"
    away = Unavailable("no answer: 500 'A heron in fog'", status=500)
    try:
        try:
            raise IntegrityError(f"new row\n描述  {row}") from psycopg.errors.CheckViolation(f"new row\n描述  {row}")
        except IntegrityError as error:
            raise ExceptionGroup("tasks", [error, away]) from away
    except ExceptionGroup as error:
        seen = traced(error)

    assert "heron" not in seen
    assert "fog" not in seen
    assert "new row" in seen
    assert "'http_status': 500" in seen
    assert "test_logs.py" in seen


def test_other_errors_are_told_whole():
    assert traced(ValueError("first\nsecond")) == "ValueError: first\nsecond"


def test_a_masked_line_is_json_still():
    quoted = json.dumps({"error": f"see {ADDRESS}"})
    line = written(lambda log: log.error("odd", body=quoted, more=[{"path": ADDRESS}, 7, None], by=Path(ADDRESS)))

    read = json.loads(line)
    assert "s3cret" not in line
    assert json.loads(read["body"])["error"].startswith("see https://")
    assert read["more"][1:] == [7, None]


def died(death: str) -> "CompletedProcess[str]":
    code = f"import sys, threading, warnings\nimport config.settings\nfrom django.db import IntegrityError\n{death}"
    environment = {"JSON_LOGS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    return run(command, check=False, env=os.environ | environment, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    "death",
    [
        "raise IntegrityError('bad\\nDETAIL:  Failing row contains (A heron).')",
        "raise ExceptionGroup('x', [IntegrityError('bad\\nDETAIL:  Failing row contains (A heron).')])",
        "t = threading.Thread(target=int, args=['bad']); t.start(); t.join(); sys.exit(1)",
        "warnings.warn('bad'); sys.exit(1)",
    ],
)
def test_what_ends_a_process_is_a_line_as_all_others(death):
    ended = died(death)

    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert ended.returncode == 1
    assert len(lines) == 1
    assert "bad" in str(lines)
    assert "heron" not in ended.stderr


def test_a_thread_that_means_to_end_is_no_error():
    assert died("t = threading.Thread(target=sys.exit, args=[1]); t.start(); t.join()").stderr == ""


@pytest.mark.parametrize("text", ["|", "|\n", "a ", "\n", "DETAIL:  \n", "hooks/wavespeed/", "hooks\\", "%25", "/ : "])
def test_no_text_keeps_a_mask_busy(text):
    """What takes the square of its length, or more, never ends here."""
    masked("\n" + text * 100_000)


def test_other_lines_stay_as_they_are():
    for line in ("GET /hooks/", "/hooks/wavespeed/", "GET /api/v1/jobs/0b5a2a76/video HTTP/1.1", ""):
        assert masked(line) == line


def test_our_own_lines_and_those_of_libraries_are_masked():
    (ours,) = (h for h in logging.getLogger().handlers if isinstance(h.formatter, structlog.stdlib.ProcessorFormatter))
    written = StringIO()
    usual = ours.setStream(written)
    try:
        structlog.get_logger("generation").error("odd", path=ADDRESS)
        logging.getLogger("somebody.elses").error("odd %s", ADDRESS)
    finally:
        ours.setStream(usual)

    assert written.getvalue().count("hooks/wavespeed") == 2
    assert "s3cret" not in written.getvalue()


@pytest.mark.parametrize("name", ["gunicorn.access", "gunicorn.error"])
def test_gunicorn_s_lines_are_masked(name):
    logger = logging.getLogger(name)
    record = logger.makeRecord(
        name, logging.INFO, "", 0, '"%(r)s" %(s)s', ({"r": f"POST {ADDRESS}", "s": "204"},), None
    )

    assert logger.filter(record)
    assert record.getMessage() == f'"POST {ADDRESS.replace("s3cret-To_ken", "…")}" 204'
    assert len([found for found in logger.filters if isinstance(found, Masked)]) == 1
