"""How often a prediction is asked about: few questions, and its end is noticed soon."""

import random
import statistics

import pytest

from generation import pacing
from generation.pacing import Budget

DENSEST = 0.5


def followed(seconds: float, expected: float, *, pace=pacing.wait) -> tuple[int, float]:
    """Return how many questions a prediction of this length takes, and how late its end is noticed."""
    age, questions = 0.0, 0
    while age < seconds:
        age += pacing.jittered(pace(age, expected, densest=DENSEST))
        questions += 1
    return questions, age - seconds


def test_a_minute_that_was_expected_takes_few_questions_and_is_noticed_within_a_second():
    found = [followed(60, 60) for _ in range(500)]

    assert max(questions for questions, _ in found) + 2 <= 12  # with the submission and the collector's look
    assert statistics.median(late for _, late in found) <= 1


@pytest.mark.parametrize("share", [0.9, 1.1, 1.25])
def test_a_wrong_expectation_costs_more_questions_and_is_noticed_within_a_tenth(share):
    found = [followed(60, 60 / share) for _ in range(500)]

    assert max(questions for questions, _ in found) <= 24
    assert statistics.median(late for _, late in found) <= 6


def test_without_any_expectation_each_wait_is_a_share_of_the_age():
    found = [followed(60, 0) for _ in range(100)]

    assert max(questions for questions, _ in found) <= 30
    assert max(late for _, late in found) <= 12


@pytest.mark.parametrize("seconds", [0.2, 8])
def test_what_is_short_is_noticed_at_once(seconds):
    assert max(late for _, late in (followed(seconds, seconds) for _ in range(100))) <= 2 * DENSEST


def test_while_webhooks_arrive_there_is_no_question_before_the_usual_end_and_few_after():
    assert followed(60, 60, pace=pacing.wait_for_hook)[0] == 1
    assert followed(600, 60, pace=pacing.wait_for_hook)[0] < followed(600, 60)[0]


def test_after_a_webhook_each_wait_is_twice_the_one_before_up_to_the_usual_one():
    since, waits = 0.0, []
    for _ in range(8):
        waits.append(pacing.wait_after_hook(since, 20))
        since += waits[-1]

    assert waits == [0.5, 1, 2, 4, 8, 16, 20, 20]


def test_waits_are_never_shorter_than_the_densest_nor_longer_than_ten_minutes():
    for pace in (pacing.wait, pacing.wait_for_hook):
        for age in (0, 0.1, 10, 59.99, 60, 60.01, 3600, 1e6):
            for expected in (0, 0.2, 60, 1e5):
                assert DENSEST <= pace(age, expected, densest=DENSEST) <= 600


def test_a_late_one_is_asked_about_ever_more_rarely():
    waits = [pacing.wait_for_late(age, pacing.wait(age, 60, densest=DENSEST)) for age in (601, 3600, 86400)]

    assert waits == sorted(waits)
    assert waits[0] >= 30


def test_no_answer_doubles_the_wait_up_to_a_minute():
    waits = [pacing.wait_unanswered(1, unanswered) for unanswered in (1, 2, 3, 1000)]

    assert waits == [2, 4, 8, 60]
    assert pacing.wait_unanswered(300, 3) == 300


def test_jitter_takes_nothing_from_what_the_provider_asked_for():
    assert min(pacing.jittered(1, at_least=7) for _ in range(100)) >= 7
    assert max(pacing.jittered(1, at_least=1e6) for _ in range(100)) <= 660


def test_a_budget_allows_so_many_a_second_and_saves_one_second_s_worth():
    budget = Budget(rate=10)
    assert budget.left(100.0) == 10
    budget.take(10)
    assert budget.left(100.0) == 0
    assert budget.left(100.35) == 3
    assert budget.left(200.0) == 10


def test_a_budget_keeps_its_rate_whatever_is_asked_when():
    random.seed(1)
    budget, now, taken = Budget(rate=50), 0.0, 0
    while now < 60:
        allowed = budget.left(now)
        assert allowed >= 0
        asked = random.randint(0, allowed)
        budget.take(asked)
        taken += asked
        now += random.uniform(0.001, 0.05)
    assert taken <= 50 * 61


def test_refusals_without_a_wish_pause_longer_each_time_until_something_is_answered():
    budget, now, pauses = Budget(rate=10), 0.0, []
    for _ in range(8):
        budget.refused(now, None)
        budget.refused(now + 0.1, None)  # asked before the pause: no other refusal
        begun = now
        while not budget.left(now):
            now += 0.5
        pauses.append(now - begun)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]

    budget.answered(now - 1)  # asked before the last pause was over
    budget.refused(now, None)
    assert budget.left(now + 59) == 0
    budget.answered(now + 60)
    budget.refused(now + 60, None)
    assert budget.left(now + 61) == 10


def test_a_refusal_that_names_a_time_pauses_for_it_also_within_a_pause():
    budget = Budget(rate=10)
    budget.refused(0.0, None)
    budget.refused(0.5, 5)
    assert budget.left(5.4) == 0
    assert budget.left(5.6) == 10


def test_a_refusal_that_names_minutes_pauses_for_minutes():
    budget = Budget(rate=10)
    budget.refused(0.0, 300)
    assert budget.left(299) == 0
    assert budget.left(301) == 10


def test_a_paused_budget_allows_nothing_until_it_is_over_and_no_pause_is_longer_than_ten_minutes():
    budget = Budget(rate=10)
    budget.pause(0.0, 5)
    budget.pause(0.0, 1)
    assert budget.left(4.9) == 0
    assert budget.left(5.1) == 10
    budget.pause(10.0, 1e9)
    assert budget.left(609.0) == 0
    assert budget.left(611.0) == 10
