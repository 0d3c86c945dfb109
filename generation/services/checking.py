"""Whether the provider still offers what we sell, at our prices; and what is closed where it does not.

The provider is asked first, all of it, and only then is anything written: an answer that is missing closes nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from billing.services import Actor, NoPrice, price_of
from generation.catalog import MODELS, Value, VideoModel
from generation.models import Switch
from generation.providers.errors import NotFound, ProviderError, Unavailable
from generation.providers.wavespeed import Offer, WaveSpeed
from generation.services.comparing import (
    Drift,
    Priced,
    complete_inputs,
    gone,
    offered_values,
    price_drifts,
    schema_drifts,
)
from generation.services.provider import wavespeed
from generation.services.switching import close, reopen

CHECKER = Actor(name="check_models")

Key = tuple[str, str, str]
"""What a switch is about: model, parameter, value as JSON."""


class NotChecked(Exception):
    """The provider could not be asked, so nothing is known and nothing was closed."""

    code = "not_checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A model, or one value of a parameter, to be closed for new jobs."""

    model: str
    value: Mapping[str, Value] | None
    reason: str

    def __str__(self) -> str:
        parameter, value = next(iter((self.value or {}).items()), ("", ""))
        return f"{self.model} {parameter} {json.dumps(value)}" if parameter else self.model

    @property
    def key(self) -> Key:
        """What the switch will be about."""
        parameter, value = next(iter((self.value or {}).items()), ("", ""))
        return self.model, parameter, json.dumps(value) if parameter else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check has found and changed; a preview: what it would change.

    `left_open`: switches of an earlier check for the same reason, which an operator has opened since. `left_closed`:
    models that an earlier check closed for something that is over, and that wait for an operator.
    """

    drifts: tuple[Drift, ...]
    remarks: tuple[Drift, ...]
    closings: tuple[Closing, ...]
    openings: tuple[Switch, ...]
    left_open: tuple[Switch, ...]
    left_closed: tuple[Switch, ...]


def check_models(now: datetime) -> Report:
    """Compare catalogue and prices with the provider's, close what drifted and open the values that are back.

    A model stays closed until an operator opens it. Raises NotChecked, and nothing has changed then. Not inside a
    transaction: it asks the provider some fifty times.
    """
    report = preview_models(now)
    for closing in report.closings:
        close(model=closing.model, value=closing.value, reason=closing.reason, by=CHECKER, now=now)
    for switch in report.openings:
        reopen(switch, by=CHECKER, now=now)
    return report


def preview_models(now: datetime) -> Report:
    """Compare and say what `check_models` would do; change nothing. Raises NotChecked."""
    try:
        found, offered = _compare(wavespeed(), now)
    except ProviderError as error:
        raise NotChecked(f"WaveSpeed could not be asked, so that nothing was checked or closed. {error}") from None
    drifts = tuple(drift for drift in found if not drift.is_remark)
    closings, left_open = _to_close(drifts)
    openings, left_closed = _to_open(drifts, offered)
    return Report(
        drifts=drifts,
        remarks=tuple(drift for drift in found if drift.is_remark),
        closings=tuple(closings),
        openings=tuple(openings),
        left_open=tuple(left_open),
        left_closed=tuple(left_closed),
    )


# --- What differs -----------------------------------------------------------------------------------------------------


def _compare(provider: WaveSpeed, now: datetime) -> tuple[list[Drift], set[Key]]:
    """Return all drifts and remarks, and the values of ours that the provider takes."""
    offers = {offer.model: offer for offer in provider.models()}
    if not offers:
        # That all models of all makers have gone overnight is less likely than a broken list.
        raise Unavailable("It listed no model at all.")
    found: list[Drift] = []
    offered: set[Key] = set()
    for model in MODELS:
        offer = offers.get(model.id)
        found += _model_drifts(provider, model, offer, now) if offer else [gone(model)]
        for name, values in offered_values(model, offer.schema if offer else None).items():
            offered |= {(model.id, name, json.dumps(value)) for value in values}
    return found, offered


def _model_drifts(provider: WaveSpeed, model: VideoModel, offer: Offer, now: datetime) -> list[Drift]:
    found = list(schema_drifts(model, offer.schema))
    if not offer.schema or any(drift.closes_model for drift in found):
        return found  # inputs that it does not take have no price
    return found + list(_price_drifts(provider, model, offer, now))


def _price_drifts(provider: WaveSpeed, model: VideoModel, offer: Offer, now: datetime) -> Iterator[Drift]:
    """Compare the prices of all variants and lengths."""
    by_variant: dict[str, list[tuple[int, dict[str, object]]]] = {}
    for parameters, inputs in complete_inputs(model, offered_values(model, offer.schema)):
        seconds = parameters.get("duration", 1)
        by_variant.setdefault(model.variant(parameters), []).append((int(seconds), inputs))
    for variant, wishes in by_variant.items():
        try:
            a_second = price_of(model.id, variant, now).micros_per_second
        except NoPrice:
            yield _no_price(model, variant, ours="none", theirs="offered")
            continue
        ask = _floor(offer) if not model.has("duration") else _asked(provider, model)
        priced = []
        for seconds, inputs in wishes:
            if (theirs := ask(inputs)) is None:
                yield _no_price(model, variant, ours=f"{seconds} s", theirs="none")
            else:
                priced.append(Priced(seconds=seconds, ours=a_second * seconds, theirs=theirs))
        yield from price_drifts(model, variant, priced)


def _asked(provider: WaveSpeed, model: VideoModel) -> Callable[[Mapping[str, object]], int | None]:
    """Ask for the price of complete inputs."""

    def ask(inputs: Mapping[str, object]) -> int | None:
        try:
            return provider.price(model.id, inputs)
        except (NotFound, Unavailable) as error:
            if _is_definite(error):
                return None
            raise

    return ask


def _floor(offer: Offer) -> Callable[[Mapping[str, object]], int | None]:
    """Take the floor for the price of one second, where the price depends on a source that we do not upload for this.

    The floor is the price of the cheapest job there is. Ours is one second: where the floor is above its price, that
    job costs more than we take for it. Where it is not, nothing speaks against our price.
    """
    return lambda _: offer.base_price


def _is_definite(error: ProviderError) -> bool:
    """Say whether the provider has answered that it names no price for this."""
    sign = error.status if error.status is None or error.status >= 300 else error.code
    refused = sign is not None and (400 <= sign < 500 or 1400 <= sign < 1500)
    return isinstance(error, NotFound) or (refused and sign not in {408, 429})


def _no_price(model: VideoModel, variant: str, *, ours: str, theirs: str) -> Drift:
    return Drift(model=model.id, parameter=f"price {variant}".strip(), what="no price", ours=ours, theirs=theirs)


# --- What is done about it --------------------------------------------------------------------------------------------


def _to_close(drifts: tuple[Drift, ...]) -> tuple[list[Closing], list[Switch]]:
    """Return what is to be closed, and what an operator wants open although nothing has changed since."""
    closed = {_key(switch) for switch in Switch.objects.filter(opened_at__isnull=True)}
    overruled = {(_key(switch), switch.reason): switch for switch in _ours().filter(opened_at__isnull=False)}
    closings: list[Closing] = []
    left_open: list[Switch] = []
    for drift in drifts:
        if not drift.reason:
            continue
        value = None if drift.value is None else {drift.parameter: drift.value}
        closing = Closing(model=drift.model, value=value, reason=drift.reason)
        if closing.key in closed:
            continue
        if switch := overruled.get((closing.key, closing.reason)):
            left_open.append(switch)
            continue
        closings.append(closing)
        closed.add(closing.key)
    return closings, left_open


def _to_open(drifts: tuple[Drift, ...], offered: set[Key]) -> tuple[list[Switch], list[Switch]]:
    """Return the values that are back, and the closed models against which nothing speaks any more."""
    ours = list(_ours().filter(opened_at__isnull=True))
    bad = {drift.model for drift in drifts if drift.value is None}
    back = [switch for switch in ours if switch.parameter and _key(switch) in offered]
    over = [switch for switch in ours if not switch.parameter and switch.model not in bad]
    return back, over


def _ours() -> QuerySet[Switch]:
    """Return the switches that a check closed, but for those that a check opened."""
    return Switch.objects.filter(closed_by=CHECKER.name).exclude(opened_by=CHECKER.name)


def _key(switch: Switch) -> Key:
    return switch.model, switch.parameter, switch.value
