"""The operators' pages of people and money. What only code may write is shown, and changed by actions alone.

people         users, their addresses, second steps, groups
keys           API keys and their caps
plans          plans and prices
subscriptions  who has what: limits, extra, plan and payment, each an action with a reason
periods        months, and what belongs to one: own limits, grants, notices, the days of Free
ledger         holds and lines
"""

from billing.admin import keys, ledger, people, periods, plans, subscriptions

__all__ = ["keys", "ledger", "people", "periods", "plans", "subscriptions"]
