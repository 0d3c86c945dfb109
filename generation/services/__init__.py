"""The way of one job, in the order of its modules: creating, dispatching, submitting, polling, collecting.

Doors (api, web, admin, commands), hints and the watcher call these; only these change a job's state.
"""

from generation.services.collecting import collect, hand_to_collectors
from generation.services.creating import PriceChanged, Quote, cancel, create, quote
from generation.services.dispatching import close_gate, dispatch, open_gate, the_gate
from generation.services.polling import polled, unreachable
from generation.services.submitting import submit
from generation.services.sweeping import sweep
from generation.services.transitions import IllegalTransition, NotCancelable

__all__ = [
    "IllegalTransition",
    "NotCancelable",
    "PriceChanged",
    "Quote",
    "cancel",
    "close_gate",
    "collect",
    "create",
    "dispatch",
    "hand_to_collectors",
    "open_gate",
    "polled",
    "quote",
    "submit",
    "sweep",
    "the_gate",
    "unreachable",
]
