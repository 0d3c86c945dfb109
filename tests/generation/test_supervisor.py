"""The parent of the watcher: it ends a group that no longer goes round."""

import os
import subprocess
import sys
import time
from errno import EAGAIN

from generation import supervisor
from generation.supervisor import Group, Signs
from tests.processes import wait_until

GIVES = """
import os, sys, time
from generation.supervisor import Signs
open(sys.argv[1], "a").write("started ")
signs = Signs("a", "b")
while True:
    for name in sys.argv[2:]:
        signs.went_round(name)
    time.sleep(0.02)
"""


def test_a_group_of_which_one_part_does_not_go_round_is_started_anew(tmp_path):
    starts = tmp_path / "starts"
    group = Group([sys.executable, "-c", GIVES, str(starts), "a"], silent_after=10)

    def twice() -> bool:
        group.look()
        return starts.exists() and len(starts.read_text().split()) >= 2

    try:
        wait_until(twice, "a second start")
    finally:
        group.kill()


def test_a_group_all_of_which_goes_round_is_heard(tmp_path):
    group = Group([sys.executable, "-c", GIVES, str(tmp_path / "starts"), "a", "b"], silent_after=100)
    heard: list[float] = []

    def often() -> bool:
        group.look()
        if group._heard_at not in heard:
            heard.append(group._heard_at)
        return len(heard) >= 4

    try:
        wait_until(often, "signs")
    finally:
        group.kill()


def test_a_group_that_cannot_be_started_is_tried_again_after_a_pause(tmp_path, monkeypatch):
    real, refusals = subprocess.Popen, []

    def refuse(*args, **kwargs):
        refusals.append(time.monotonic())
        if len(refusals) <= 2:
            raise BlockingIOError(EAGAIN, "Resource temporarily unavailable")
        return real(*args, **kwargs)

    monkeypatch.setattr(subprocess, "Popen", refuse)
    starts = tmp_path / "starts"
    group = Group([sys.executable, "-c", GIVES, str(starts), "a"])

    def started() -> bool:
        group.look()
        return starts.exists()

    try:
        wait_until(started, "a start")
    finally:
        group.kill()
    assert refusals[1] - refusals[0] >= supervisor._FIRST_PAUSE * 2
    assert refusals[2] - refusals[1] >= supervisor._FIRST_PAUSE * 4


def test_signs_without_a_parent_tell_nobody():
    assert "CLAPBOARD_SIGNS" not in os.environ
    Signs("a").went_round("a")
