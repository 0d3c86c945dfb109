"""What the provider lists of a time comes whole, however much it is; a list without an end is no list."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from generation.models import Status
from generation.providers.errors import Unavailable
from generation.providers.predictions import Prediction
from generation.providers.wavespeed import WaveSpeed
from generation.services import candidates
from generation.services.fitting import moment
from generation.services.listing import listed, slices
from generation.services.provider import wavespeed
from tests.make import make_job

_BEGIN = datetime(2026, 11, 22, 12, tzinfo=UTC)
_MODEL = "lightricks/ltx-2-pro/text-to-video"


def predictions(number: int, *, since: datetime, seconds: float, prompt: str = "A wolf") -> list[Prediction]:
    """Make so many predictions, evenly spread over so many seconds, the newest first."""
    moments = (since + timedelta(seconds=seconds * place / number) for place in range(number))
    made = [
        Prediction(
            id=f"p{place}",
            model=_MODEL,
            status="completed",
            outputs=("https://x/y",),
            error="",
            code=None,
            has_nsfw=False,
            created_at=at.isoformat(),
            inputs={"prompt": prompt},
            execution_ms=1,
        )
        for place, at in enumerate(moments)
    ]
    return made[::-1]


@pytest.fixture
def account(monkeypatch) -> "Account":
    """Stand in for an account with more predictions than the sandbox could render."""
    account = Account()
    monkeypatch.setattr(WaveSpeed, "predictions", account.predictions)
    return account


class Account:
    """Lists as WaveSpeed does: by whole seconds, a hundred a page."""

    def __init__(self) -> None:
        self.all: Sequence[Prediction] = ()
        self.asked = 0

    def predictions(self, *, page, page_size, model, created_after, created_before) -> tuple[Prediction, ...]:
        """Return a page of what was created in this time."""
        self.asked += 1
        since = created_after.replace(microsecond=0)
        until = (created_before + timedelta(microseconds=999_999)).replace(microsecond=0)
        here = [each for each in self.all if since <= (moment(each.created_at) or since) <= until]
        return tuple(here[(page - 1) * page_size : page * page_size])


@pytest.mark.parametrize("number", [0, 99, 100, 1_999, 2_000, 9_000])
def test_all_of_a_time_are_listed_each_once(account, number):
    account.all = predictions(number, since=_BEGIN, seconds=330)
    found = listed(wavespeed(), since=_BEGIN, until=_BEGIN + timedelta(seconds=330), model=_MODEL)
    assert sorted(each.id for each in found) == sorted(each.id for each in account.all)


def test_no_part_is_larger_than_a_list_may_be(account):
    account.all = predictions(9_000, since=_BEGIN, seconds=600_000)
    parts = list(slices(wavespeed(), since=_BEGIN, until=_BEGIN + timedelta(days=7)))
    assert {each.id for part in parts for each in part} == {each.id for each in account.all}
    assert max(map(len, parts)) < 2_000


def test_a_list_without_an_end_is_none(account):
    account.all = predictions(3_000, since=_BEGIN, seconds=0.5)
    with pytest.raises(Unavailable, match="more than 2000"):
        listed(wavespeed(), since=_BEGIN, until=_BEGIN + timedelta(minutes=5), model=_MODEL)
    assert account.asked < 250


@pytest.mark.django_db
def test_the_second_candidate_is_found_however_far_behind_it_stands(account, alice):
    job = make_job(alice, status=Status.UNKNOWN)
    account.all = predictions(6_000, since=timezone.now() - timedelta(seconds=20), seconds=200)
    mine = predictions(6_000, since=timezone.now() - timedelta(seconds=20), seconds=200, prompt=job.prompt)
    account.all[10], account.all[5_900] = mine[10], mine[5_900]
    assert {each.prediction.id for each in candidates(job)} == {mine[10].id, mine[5_900].id}
