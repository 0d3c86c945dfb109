"""The law of the job, row by row, and the tests that prove each; none may be without one, or name one that is gone."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from generation.models import LAW
from tests.generation.test_law import ALLOWED

_TESTS = Path(__file__).resolve().parent.parent
_JUDGED = "generation/providers/test_submit.py::test_submit_means"  # which answer is which of four rows
_WAY = "generation/services/test_way.py"
_LEASES = "generation/services/test_leases.py"
_RECONCILING = "generation/services/test_reconciling.py"
_FITTING = "generation/services/test_fitting.py"
_DELETING = "generation/services/test_deleting.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What happens, which steps of the law it takes (none: the status stays, or the job is new), and the proof."""

    event: str
    steps: tuple[tuple[str, str], ...] = ()
    tests: tuple[str, ...]


ROWS = (
    Row(
        event="create: the hold and the job in one transaction",
        tests=(
            "concurrency/test_holds.py::test_of_fifty_jobs_at_once_the_ten_that_fit_are_made",
            "generation/services/test_creating.py::test_a_create_that_dies_after_any_statement_leaves_nothing_behind",
        ),
    ),
    Row(
        event="dispatch: handed_at, a lease and a hint; when the lease ends, it is handed over again",
        tests=(
            "generation/services/test_dispatching.py::test_a_hint_commits_with_each_handed_job",
            "generation/services/test_dispatching.py::test_a_job_is_handed_over_once_while_its_lease_lasts",
            "generation/services/test_dispatching.py::test_a_job_whose_lease_has_ended_is_handed_over_again",
            "chaos/test_kills.py::test_workers_that_are_away_longer_than_the_lease_find_the_jobs_waiting",
        ),
    ),
    Row(
        event="cancel by the owner or an operator, handed or not; any other status: 409 with the reason",
        steps=(("queued", "canceled"),),
        tests=(
            "api/test_jobs.py::test_a_queued_job_is_canceled_and_its_money_is_back",
            "api/test_jobs.py::test_a_handed_job_can_still_be_canceled",
            "api/test_jobs.py::test_a_job_that_has_left_the_queue_is_not_canceled",
            "admin/test_changes.py::test_cancel_takes_back_what_was_not_sent_and_names_the_rest",
        ),
    ),
    Row(
        event="fence, in its own commit right before the POST; without a row somebody else has it",
        steps=(("queued", "submitting"),),
        tests=(
            f"{_LEASES}::test_two_hints_of_one_job_send_it_once",
            f"{_LEASES}::test_killed_before_the_fence_it_is_handed_over_again_and_sent_once",
            "chaos/test_crash_points.py::test_killed_at_any_point_a_job_ends_once_or_is_unknown_where_the_law_says",
        ),
    ),
    Row(
        event="the POST answers an id, which is no other job's",
        steps=(("submitting", "running"), ("unknown", "running")),
        tests=(
            f"{_WAY}::test_a_prompt_becomes_a_stored_and_paid_video",
            f"{_LEASES}::test_an_answer_that_comes_after_the_lease_still_attaches",
            f"{_LEASES}::test_a_prediction_that_is_another_job_s_is_not_attached_twice",
        ),
    ),
    Row(
        event="refused for this job: failed with a message that the user understands",
        steps=(("submitting", "failed"),),
        tests=(_JUDGED, f"{_WAY}::test_what_fails_is_not_charged"),
    ),
    Row(
        event="refused for the account: the Gate closes itself and tells operators; nobody's job fails",
        steps=(("submitting", "queued"),),
        tests=(_JUDGED, f"{_WAY}::test_a_refusal_of_the_account_closes_the_gate_and_fails_nobody"),
    ),
    Row(
        event="surely not sent, or a rate or concurrency limit: due later, and the Gate narrows for a while",
        steps=(("submitting", "queued"),),
        tests=(
            _JUDGED,
            "generation/providers/test_submit.py::test_submit_that_fails_on_the_way_means",
            f"{_WAY}::test_a_job_that_surely_was_not_sent_waits_and_goes_later",
            f"{_WAY}::test_a_limit_of_the_account_delays_and_fails_nobody",
            f"{_RECONCILING}::test_a_submission_that_met_a_limit_narrows",
            f"{_RECONCILING}::test_a_429_narrows_the_gate_for_a_while",
        ),
    ),
    Row(
        event="anything else, or the fence's lease ends: never a second POST",
        steps=(("submitting", "unknown"),),
        tests=(
            _JUDGED,
            f"{_WAY}::test_an_answer_that_says_nothing_is_never_sent_again",
            f"{_LEASES}::test_killed_around_the_post_it_stands_unknown_and_is_never_sent_again",
        ),
    ),
    Row(
        event="attach: a webhook, the one fitting and free candidate, an operator; the result is fetched first",
        steps=(("unknown", "running"),),
        tests=(
            "generation/services/test_hearing.py::test_an_unknown_job_gets_the_prediction_that_its_webhook_names",
            f"{_RECONCILING}::test_the_one_that_fits_is_attached_and_goes_on",
            f"{_RECONCILING}::test_two_that_look_alike_are_for_an_operator",
            f"{_FITTING}::test_an_unknown_job_takes_nothing_from_one_whose_post_hangs",
            f"{_FITTING}::test_what_a_webhook_has_named_for_a_job_that_is_being_sent_is_its_own",
            f"{_RECONCILING}::test_an_operator_attaches_an_id",
            f"{_RECONCILING}::test_what_does_not_fit_is_not_attached",
        ),
    ),
    Row(
        event="an operator: never created; what turns up later becomes a Difference",
        steps=(("unknown", "failed"),),
        tests=(
            f"{_RECONCILING}::test_an_operator_confirms_that_it_was_never_created",
            f"{_RECONCILING}::test_a_prediction_that_was_said_to_be_never_created_is_noted_and_changes_no_status",
        ),
    ),
    Row(
        event="poll: going on, an unknown status, 404, 5xx, 429; 404 for an hour: the board; 401: the Gate closes",
        tests=(
            f"{_LEASES}::test_a_status_that_is_no_end_keeps_waiting",
            f"{_LEASES}::test_no_answer_says_nothing_about_the_prediction",
            "admin/test_board.py::test_a_prediction_that_is_not_found_for_an_hour_needs_a_person",
        ),
    ),
    Row(
        event="poll: failed, timeout; the provider's words are kept, moderation is told apart",
        steps=(("running", "failed"),),
        tests=(f"{_WAY}::test_what_fails_is_not_charged", f"{_WAY}::test_a_failure_keeps_the_provider_s_own_words"),
    ),
    Row(
        event="poll: cancelled, deleted; a Difference, since the provider may bill",
        steps=(("running", "failed"),),
        tests=(f"{_WAY}::test_what_was_ended_at_the_provider_is_not_charged_and_noted_since_it_may_be_billed",),
    ),
    Row(
        event="poll: completed; without outputs it failed",
        steps=(("running", "collecting"), ("running", "failed")),
        tests=(
            f"{_LEASES}::test_an_end_that_is_told_twice_is_one_end",
            f"{_WAY}::test_what_fails_is_not_charged",
        ),
    ),
    Row(
        event="collecting is cut, 5xx, time-out: due later, for up to seven days",
        tests=(
            f"{_WAY}::test_an_output_that_never_comes_whole_is_fetched_again_and_keeps_its_money",
            f"{_LEASES}::test_killed_while_collecting_it_is_fetched_again_and_charged_once",
            f"{_LEASES}::test_a_video_that_can_not_be_fetched_for_seven_days_is_given_up",
        ),
    ),
    Row(
        event="collected: charged; what is not as wished is kept and flagged",
        steps=(("collecting", "succeeded"),),
        tests=(
            f"{_WAY}::test_a_prompt_becomes_a_stored_and_paid_video",
            f"{_WAY}::test_what_is_not_as_wished_is_kept_and_flagged",
            f"{_LEASES}::test_two_hints_of_one_video_collect_and_charge_it_once",
        ),
    ),
    Row(
        event="the output is gone, or three times no video; a Difference, since we paid for nothing",
        steps=(("collecting", "failed"),),
        tests=(
            f"{_WAY}::test_what_fails_is_not_charged",
            f"{_WAY}::test_an_endless_output_fails_after_three_times_and_is_not_charged",
            f"{_RECONCILING}::test_what_was_made_and_could_not_be_kept_is_noted",
        ),
    ),
    Row(
        event="an operator: fail and release, with a reason; a late completion becomes a Difference",
        steps=(("running", "failed"), ("collecting", "failed"), ("unknown", "failed")),
        tests=(
            f"{_RECONCILING}::test_an_operator_gives_up_what_is_at_the_provider_and_nothing_else",
            f"{_RECONCILING}::test_a_completion_after_we_gave_up_is_noted_and_changes_no_status",
            "admin/test_board.py::test_a_decision_needs_a_reason_and_gives_the_money_back",
        ),
    ),
    Row(
        event="seven days without a verdict; a Difference",
        steps=(("running", "failed"),),
        tests=(
            f"{_LEASES}::test_only_after_seven_days_without_a_verdict_time_ends_a_job",
            f"{_RECONCILING}::test_seven_days_without_a_verdict_are_noted",
        ),
    ),
    Row(
        event="refund, once; where the period is over, a grant in the current one",
        tests=(
            "admin/test_refunds.py::test_what_was_charged_is_refunded_with_a_reason",
            "admin/test_refunds.py::test_where_its_period_is_over_the_money_becomes_a_grant_in_the_current_one",
            "admin/test_refunds.py::test_what_was_not_charged_is_not_refunded",
            "concurrency/test_limits.py::test_one_hold_refunded_by_eight_at_once_is_refunded_once",
        ),
    ),
    Row(
        event="retry by the owner or an operator: a new job with a new quote and hold; the old row does not change",
        tests=(
            "api/test_retry_and_delete.py::test_a_retry_is_a_new_job_of_the_same_wish",
            "api/test_retry_and_delete.py::test_a_retry_costs_what_it_costs_now",
            "generation/services/test_sources.py::test_only_what_ended_without_a_video_is_retried",
            "admin/test_changes.py::test_an_operator_makes_a_failed_job_again_for_its_owner",
        ),
    ),
    Row(
        event="delete by the owner: the files go, row and ledger stay; 409 otherwise, and while a retake needs it",
        tests=(
            f"{_DELETING}::test_an_ended_job_is_deleted_and_its_row_stays",
            f"{_DELETING}::test_what_is_under_way_is_not_deleted",
            f"{_DELETING}::test_the_files_go",
            f"{_DELETING}::test_a_source_stays_while_a_retake_waits_to_be_sent",
        ),
    ),
    Row(
        event="the user is deactivated: what waits is canceled, the others go on, keys are revoked",
        steps=(("queued", "canceled"),),
        tests=(
            f"{_LEASES}::test_the_queued_jobs_of_a_deactivated_user_are_canceled_and_the_others_go_on",
            "admin/test_changes.py::test_a_user_who_is_deactivated_loses_keys_and_sessions",
        ),
    ),
    Row(
        event="the time limit: late, and one notice",
        tests=(
            f"{_LEASES}::test_past_the_time_limit_a_job_is_late_once_and_looked_at_rarely",
            "generation/test_job_mails.py::test_a_late_job_is_told_once_and_that_it_still_ends_by_itself",
        ),
    ),
    Row(
        event="plan, price, period, switches, past due: what is held keeps its terms and its place",
        tests=(
            "generation/services/test_terms.py::test_a_job_goes_on_under_the_terms_of_its_hold",
            "generation/services/test_terms.py::test_nothing_takes_the_place_of_what_waits",
        ),
    ),
)
"""Typed from the law of the job; the order is its own."""


@cache
def defined_in(path: Path) -> frozenset[str]:
    """Return the names of the tests that a file defines."""
    found = ast.parse(path.read_text()).body if path.exists() else []
    return frozenset(node.name for node in found if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.event)
def test_a_row_has_tests_and_each_of_them_exists(row):
    assert row.tests
    for test in row.tests:
        file, _, name = test.partition("::")
        assert name.startswith("test_"), test
        assert name in defined_in(_TESTS / file), test


def test_every_step_of_the_law_is_a_row_s_and_no_row_takes_another():
    steps = {step for row in ROWS for step in row.steps}
    assert steps == ALLOWED == {(str(before), str(after)) for before, afters in LAW.items() for after in afters}


def test_there_are_as_many_rows_as_in_the_law():
    assert len(ROWS) == len({row.event for row in ROWS}) == 26
