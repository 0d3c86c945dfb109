"""A small storm, so that every run of the tests has one; `make chaos` lets large ones rage."""

import random

import pytest
from django.db import connection

from tests.chaos.__main__ import storm

pytestmark = [pytest.mark.django_db, pytest.mark.processes]


def test_a_small_storm_loses_no_job_and_pays_none_twice():
    seed = random.SystemRandom().randrange(10_000)  # told with whatever is amiss
    database = "postgres" if connection.vendor == "postgresql" else "sqlite"

    figures = storm(database, seed, jobs=20, kills=6, patience=300)

    assert not figures["complaints"], f"seed {seed}"
    assert figures["succeeded"] > 0
    assert sum(figures["kills"].values()) >= 3
