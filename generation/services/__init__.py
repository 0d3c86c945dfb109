"""The way of one job, in the order of its modules: creating, dispatching, submitting, polling, collecting.

Doors (api, web, admin, commands), hints and the watcher call these; only these change a job's state.
"""

from generation.services.admitting import ReviewNeeded
from generation.services.attaching import NotAttachable, attach, attach_shown, candidates, look_for_unknown
from generation.services.checking import NotChecked, Report, check_models, preview_models
from generation.services.collecting import COLLECT_CLUSTER, collect, hand_to_collectors
from generation.services.creating import (
    NotRetryable,
    PriceChanged,
    Quote,
    Terms,
    cancel,
    create,
    quote,
    retry,
    with_standing,
)
from generation.services.deciding import give_up, never_created
from generation.services.deleting import InUse, NotDeletable, delete, delete_upload, remove_what_is_left
from generation.services.differing import resolve_difference
from generation.services.dispatching import SUBMIT_CLUSTER, dispatch
from generation.services.finding import job_of
from generation.services.fitting import Candidate
from generation.services.gating import close_gate, heed_balance, open_gate, the_gate
from generation.services.hearing import hear, hooks_arrive, learn_webhook_secret
from generation.services.polling import Answered, heed, keep_waiting, made, polled, unreachable
from generation.services.reconciling import reconcile
from generation.services.submitting import submit
from generation.services.sweeping import Sweep, sweep
from generation.services.switching import Closed, ModelClosed, close, reopen
from generation.services.transitions import IllegalTransition, NotCancelable
from generation.services.uploading import NotMedia, TooLarge, TooManyUploads, upload
from generation.services.wishing import media_of_job, media_of_upload, spec_of, wish_of

__all__ = [
    "COLLECT_CLUSTER",
    "SUBMIT_CLUSTER",
    "Answered",
    "Candidate",
    "Closed",
    "IllegalTransition",
    "InUse",
    "ModelClosed",
    "NotAttachable",
    "NotCancelable",
    "NotChecked",
    "NotDeletable",
    "NotMedia",
    "NotRetryable",
    "PriceChanged",
    "Quote",
    "Report",
    "ReviewNeeded",
    "Sweep",
    "Terms",
    "TooLarge",
    "TooManyUploads",
    "attach",
    "attach_shown",
    "cancel",
    "candidates",
    "check_models",
    "close",
    "close_gate",
    "collect",
    "create",
    "delete",
    "delete_upload",
    "dispatch",
    "give_up",
    "hand_to_collectors",
    "hear",
    "heed",
    "heed_balance",
    "hooks_arrive",
    "job_of",
    "keep_waiting",
    "learn_webhook_secret",
    "look_for_unknown",
    "made",
    "media_of_job",
    "media_of_upload",
    "never_created",
    "open_gate",
    "polled",
    "preview_models",
    "quote",
    "reconcile",
    "remove_what_is_left",
    "reopen",
    "resolve_difference",
    "retry",
    "spec_of",
    "submit",
    "sweep",
    "the_gate",
    "unreachable",
    "upload",
    "wish_of",
    "with_standing",
]
