"""Differences, as they are written down."""

import pytest
from django.utils import timezone

from generation.models import Difference
from generation.services.differing import differ
from tests.make import make_job

pytestmark = pytest.mark.django_db


def test_the_log_does_not_repeat_what_the_provider_says(alice, caplog):
    job = make_job(alice, prediction_id="prediction-1")
    words = "completed; Cut: 500 'A heron in fog, https://cdn.example.org/o.mp4?sig=secret'"

    noted = differ(Difference.Kind.PAID_FOR_NOTHING, ours="failed", theirs=words, now=timezone.now(), job=job)

    assert noted.theirs == words
    assert "difference noted" in caplog.text
    assert str(job.pk) in caplog.text
    assert "prediction-1" in caplog.text
    assert "heron" not in caplog.text
    assert "sig=" not in caplog.text
