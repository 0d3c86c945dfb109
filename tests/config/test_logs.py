"""What lets its reader in does not reach a log, by whatever way a line comes."""

import logging
from io import StringIO
from urllib.parse import quote_plus

import pytest
import structlog

from config.logs import Masked, masked

pytestmark = pytest.mark.any_database

ADDRESS = "https://clapboard.example.org/hooks/wavespeed/0b5a2a76-0000-4000-8000-000000000000/s3cret-To_ken"


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


@pytest.mark.parametrize("end", ["", ".", ".\n", ".\\nTraceback", '."}'])
def test_a_row_that_a_database_repeats_is_masked(end):
    line = f"DETAIL:  Failing row contains (7, A heron (in fog), null){end}"

    assert masked(line) == line.replace("7, A heron (in fog), null", "…")


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
