"""Who may spend how much: people and keys, plans and periods, holds and the ledger.

Amounts of money are integers of micro-dollars (1 USD = 1,000,000). Counters change in billing.services only.
"""

from billing.models.answers import Answer
from billing.models.ledger import FreeDay, Hold, LedgerEntry, LimitsEntry, Notice
from billing.models.people import ApiKey, LowerCaseEmailField, User, UserManager, new_username
from billing.models.periods import Grant, Period
from billing.models.plans import Override, Plan, Price, Subscription

__all__ = [
    "Answer",
    "ApiKey",
    "FreeDay",
    "Grant",
    "Hold",
    "LedgerEntry",
    "LimitsEntry",
    "LowerCaseEmailField",
    "Notice",
    "Override",
    "Period",
    "Plan",
    "Price",
    "Subscription",
    "User",
    "UserManager",
    "new_username",
]
