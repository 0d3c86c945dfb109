"""Everything that moves money. Doors, people and generation call these; only these write counters and the ledger.

looking      prices, subscriptions, periods and what is left; writes nothing
opening      the period of now, opened by whoever needs it first
holding      hold, settle, release
planning     plans, overrides, past due: when which limits hold
answering    what operators answer is taken once
granting     extra for one period
stopping     where a limit stops: at its target, or at what is spent and held
noticing     who comes near a limit is told, once
correcting   refunds, adjustments, repairs
checking     what a service takes at all
forgetting   what nobody needs any more
standing     what would refuse a hold beside the limits; writes nothing
"""

from billing.services.answering import last_answer, take_answer
from billing.services.correcting import adjust, refund, repair_free_day, repair_key, repair_period
from billing.services.errors import (
    Actor,
    AddressNotVerified,
    CantAdjust,
    CantRepair,
    InsufficientQuota,
    InvalidValue,
    ModelNotInPlan,
    NoPrice,
    NotRefundable,
    PastDue,
)
from billing.services.forgetting import forget_notices
from billing.services.granting import expire_grants, grant, with_grants_over
from billing.services.holding import hold, hold_in, release, settle, take
from billing.services.keys import active_key, create_api_key
from billing.services.looking import (
    FREE,
    check_included,
    current_period,
    limits_of,
    limits_to_come,
    plan_at,
    price_and_period,
    price_of,
    subscription_of,
    violated_limit,
)
from billing.services.noticing import PERCENT, confirm
from billing.services.opening import as_it_stands
from billing.services.planning import (
    cancel_subscription,
    change_plan,
    keep_subscription,
    reactivate,
    remove_override,
    set_expiry,
    set_override,
    set_past_due,
)
from billing.services.standing import fits_today, refusal_of

__all__ = [
    "FREE",
    "PERCENT",
    "Actor",
    "AddressNotVerified",
    "CantAdjust",
    "CantRepair",
    "InsufficientQuota",
    "InvalidValue",
    "ModelNotInPlan",
    "NoPrice",
    "NotRefundable",
    "PastDue",
    "active_key",
    "adjust",
    "as_it_stands",
    "cancel_subscription",
    "change_plan",
    "check_included",
    "confirm",
    "create_api_key",
    "current_period",
    "expire_grants",
    "fits_today",
    "forget_notices",
    "grant",
    "hold",
    "hold_in",
    "keep_subscription",
    "last_answer",
    "limits_of",
    "limits_to_come",
    "plan_at",
    "price_and_period",
    "price_of",
    "reactivate",
    "refund",
    "refusal_of",
    "release",
    "remove_override",
    "repair_free_day",
    "repair_key",
    "repair_period",
    "set_expiry",
    "set_override",
    "set_past_due",
    "settle",
    "subscription_of",
    "take",
    "take_answer",
    "violated_limit",
    "with_grants_over",
]
