"""WaveSpeed's catalogue, as its JSON tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generation.providers.amounts import micros_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model in WaveSpeed's catalogue. `base_price` is a floor in micro-dollars, not the price of a job.

    `schema` is the JSON schema of what its submit takes; None where none was told.
    """

    model: str
    name: str
    type: str
    base_price: int | None
    schema: Mapping[str, object] | None = None


def read_offer(item: Mapping[str, object]) -> Offer | None:
    """Read one item of the list; None for what names no model."""
    if not item.get("model_id"):
        return None
    return Offer(
        model=str(item["model_id"]),
        name=str(item.get("name") or ""),
        type=str(item.get("type") or ""),
        base_price=micros_up(item.get("base_price")),
        schema=_request_schema(item.get("api_schema")),
    )


def _request_schema(api_schema: object) -> Mapping[str, object] | None:
    """Find the schema of the submit among those of all calls."""
    calls = api_schema.get("api_schemas") if isinstance(api_schema, dict) else None
    for call in calls if isinstance(calls, list) else []:
        if isinstance(call, dict) and call.get("type") == "model_run":
            schema = call.get("request_schema")
            return schema if isinstance(schema, dict) else None
    return None
