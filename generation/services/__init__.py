"""The way of one job, in the order of its modules: creating, dispatching, submitting, polling, collecting.

Doors (api, web, admin, commands), hints and the watcher call these; only these change a job's state.
"""

from generation.services.checking import NotChecked, Report, check_models, preview_models
from generation.services.collecting import collect, hand_to_collectors
from generation.services.creating import (
    NotRetryable,
    PriceChanged,
    Quote,
    ReviewNeeded,
    Terms,
    cancel,
    create,
    quote,
    retry,
)
from generation.services.deleting import InUse, NotDeletable, delete, delete_upload, remove_what_is_left
from generation.services.dispatching import close_gate, dispatch, open_gate, the_gate
from generation.services.polling import polled, unreachable
from generation.services.submitting import submit
from generation.services.sweeping import sweep
from generation.services.switching import Closed, ModelClosed, close, reopen
from generation.services.transitions import IllegalTransition, NotCancelable
from generation.services.uploading import NotMedia, TooLarge, TooManyUploads, upload
from generation.services.wishing import media_of_job, media_of_upload, spec_of, wish_of

__all__ = [
    "Closed",
    "IllegalTransition",
    "InUse",
    "ModelClosed",
    "NotCancelable",
    "NotChecked",
    "NotDeletable",
    "NotMedia",
    "NotRetryable",
    "PriceChanged",
    "Quote",
    "Report",
    "ReviewNeeded",
    "Terms",
    "TooLarge",
    "TooManyUploads",
    "cancel",
    "check_models",
    "close",
    "close_gate",
    "collect",
    "create",
    "delete",
    "delete_upload",
    "dispatch",
    "hand_to_collectors",
    "media_of_job",
    "media_of_upload",
    "open_gate",
    "polled",
    "preview_models",
    "quote",
    "remove_what_is_left",
    "reopen",
    "retry",
    "spec_of",
    "submit",
    "sweep",
    "the_gate",
    "unreachable",
    "upload",
    "wish_of",
]
