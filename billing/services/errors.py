"""Why money is not moved, and who moves it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does it, for the ledger and a job's history: "user 7", "watcher"; and in which request."""

    name: str
    request_id: str = ""


class NoPrice(Exception):
    """There is no price for this model, so no job can be made of it."""

    code = "no_price"

    def __init__(self, model: str, variant: str) -> None:
        super().__init__(f"There is no price for {f'{model} {variant}'.strip()}.")


class ModelNotInPlan(Exception):
    """The subscription does not include this model."""

    code = "model_not_in_plan"

    def __init__(self, model: str, plan: str) -> None:
        super().__init__(f"{model} is not part of the plan {plan}.")


class PastDue(Exception):
    """The subscription is not paid for; what is held goes on, and nothing new begins, whatever the plan is by now."""

    code = "past_due"

    def __init__(self, since: datetime) -> None:
        super().__init__(
            f"Payment is due since {since:%d %B %Y}. New videos can be made once it has arrived, also on another plan "
            "or on Free."
        )


class AddressNotVerified(Exception):
    """Free is for people whose address is known to be theirs."""

    code = "address_not_verified"

    def __init__(self, email: str) -> None:
        super().__init__(f"Please confirm {email} first: a link was sent there. Then your free videos are yours.")


class InsufficientQuota(Exception):
    """A limit would be exceeded; nothing was written.

    `violated` is "spend", "videos" or "seconds" of the period, "key" (the cap of the API key) or "free_today" (what
    Free may cost in all today). Units of required and available: videos or seconds, else micro-dollars. `resets_at` is
    None for what never comes back by itself: the cap of a key, and a limit of which the next period has nothing.
    """

    code = "insufficient_quota"

    def __init__(self, *, violated: str, required: int, available: int, resets_at: datetime | None) -> None:
        super().__init__(f"{violated}: {required} needed, {available} left")
        self.violated = violated
        self.required = required
        self.available = available
        self.resets_at = resets_at


class NotRefundable(Exception):
    """Only what was charged can be refunded, once."""

    code = "not_refundable"


class CantAdjust(ValueError):
    """The adjustment would leave less than nothing spent, or more than there is."""

    code = "cant_adjust"


class CantRepair(ValueError):
    """The ledger's lines add up to what no counter can say; a person must look at them."""

    code = "cant_repair"


class InvalidValue(ValueError):
    """A value that no service takes: names the field, the value and what is allowed. Nothing was written."""

    code = "invalid_value"

    def __init__(self, field: str, value: object, allowed: str) -> None:
        shown = repr(value) if isinstance(value, str) else str(value)
        super().__init__(f"{field} can't be {shown[:100]}; allowed: {allowed}.")
        self.field = field
        self.value = value
        self.allowed = allowed
