"""manage.py check_models, as an operator uses it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from billing.services import Actor
from generation.models import Switch
from generation.services.switching import reopen
from tests.sandbox import RunningSandbox

pytestmark = pytest.mark.django_db

PRO = "lightricks/ltx-2-pro/text-to-video"
HUNYUAN = "wavespeed-ai/hunyuan-video-1.5/text-to-video"
OURS = "$0.36 for 6 s, $0.48 for 8 s, $0.60 for 10 s"
THEIRS = "$0.42 for 6 s, $0.56 for 8 s, $0.70 for 10 s"
NO_TEN = {"type": "integer", "enum": [5, 8], "default": 5}


def run(*arguments: str) -> tuple[list[str], int]:
    """Return the lines and the exit code."""
    out = StringIO()
    try:
        call_command("check_models", *arguments, stdout=out)
    except CommandError as error:
        return out.getvalue().splitlines(), error.returncode
    return out.getvalue().splitlines(), 0


def test_one_friendly_line_when_nothing_differs(sandbox: RunningSandbox) -> None:
    assert run() == (["WaveSpeed offers all 7 models as we do, and none above our prices."], 0)


def test_each_difference_is_a_line_and_what_is_done_about_it(sandbox: RunningSandbox) -> None:
    sandbox.set(prices={PRO: 0.07}, schemas={f"{HUNYUAN}.duration": NO_TEN})
    assert run() == (
        [
            f"{PRO}, price: dearer than ours; ours: {OURS}; theirs: {THEIRS}",
            f"{HUNYUAN}, duration: 10 is gone; ours: 5, 8, 10; theirs: 5, 8",
            f"Closed for new jobs: {PRO}. WaveSpeed asks $0.42 for 6 s, more than our $0.36.",
            f"Closed for new jobs: {HUNYUAN} duration 10. WaveSpeed does not offer it at the moment.",
        ],
        1,
    )
    assert Switch.objects.count() == 2

    sandbox.reset()
    lines, code = run()

    assert code == 0
    assert lines[0] == f"Opened again: {HUNYUAN} duration 10."
    assert lines[1].startswith("Closed by an earlier check and fine again;")
    assert lines[1].endswith(f"{PRO}.")
    assert lines[2].startswith("WaveSpeed offers all 7 models")


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(sandbox: RunningSandbox) -> None:
    sandbox.set(without=[PRO])
    lines, code = run("--dry-run")
    assert code == 1
    assert lines == [
        f"{PRO}: gone; ours: offered; theirs: none",
        f"Would close for new jobs: {PRO}. WaveSpeed does not offer it at the moment.",
    ]
    assert not Switch.objects.exists()


def test_it_says_what_an_operator_wants_open(sandbox: RunningSandbox) -> None:
    sandbox.set(without=[PRO])
    run()
    reopen(Switch.objects.get(), by=Actor(name="olga"), now=timezone.now())
    lines, code = run()
    assert (lines[1], code) == (f"Left open, as olga wishes: {PRO}.", 1)


def test_a_remark_is_no_difference(sandbox: RunningSandbox) -> None:
    sandbox.set(prices={PRO: 0.05})
    lines, code = run()
    assert code == 0
    assert lines[0].startswith(f"Only a remark: {PRO}, price: cheaper than ours; ours: $0.36 for 6 s,")


def test_a_provider_that_is_away_is_an_error_of_its_own(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generation.providers.wavespeed.sleep", lambda _: None)
    settings.WAVESPEED_URL = "http://127.0.0.1:1"
    with pytest.raises(CommandError, match="WaveSpeed could not be asked, so that nothing was checked") as caught:
        call_command("check_models")
    assert caught.value.returncode == 2
    assert not Switch.objects.exists()
