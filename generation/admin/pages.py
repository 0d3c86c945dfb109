"""What the operators' pages of generation have in common, beside what billing.desk has for all of them."""

from uuid import UUID

from django.http import Http404

from billing.desk import ReasonForm, back, operator, to_the_second

__all__ = ["ReasonForm", "back", "id_of", "operator", "to_the_second"]


def number_of(object_id: str) -> int:
    """Return the number in an address, or 404."""
    if not object_id.isascii() or not object_id.isdigit() or len(object_id) > 18:
        raise Http404
    return int(object_id)


def id_of(object_id: str) -> UUID:
    """Return the id in an address, or 404."""
    try:
        return UUID(object_id)
    except ValueError:
        raise Http404 from None
