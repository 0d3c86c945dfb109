"""In what our catalogue and the provider's differ. Pure: it asks nobody and changes nothing."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from billing.money import dollars
from generation.catalog import Kind, Parameter, Value, VideoModel

_NOT_OFFERED = "WaveSpeed does not offer it at the moment."  # a user reads it

# An integer of ours is a good number to a schema that takes any.
_TYPES = {
    Kind.TEXT: {"string"},
    Kind.INTEGER: {"integer", "number"},
    Kind.NUMBER: {"number"},
    Kind.BOOLEAN: {"boolean"},
    Kind.IMAGE: {"string"},
    Kind.VIDEO: {"string"},
}
# WaveSpeed is asked for prices with it, and has no reason to fetch it.
_ANY_ADDRESS = "https://example.com/any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One thing in which we and the provider differ; `ours` and `theirs` are words for people.

    With a `reason`, which users read, new jobs must not meet it: the `value` of the parameter is closed where there is
    one, else the model. A remark costs nobody anything.
    """

    model: str
    parameter: str
    what: str
    ours: str
    theirs: str
    value: Value | None = None
    reason: str = ""
    is_remark: bool = False

    def __str__(self) -> str:
        where = f"{self.model}, {self.parameter}" if self.parameter else self.model
        return f"{where}: {self.what}; ours: {self.ours}; theirs: {self.theirs}"

    @property
    def closes_model(self) -> bool:
        """Whether no new job of the model may begin."""
        return bool(self.reason) and self.value is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """What a video of so many seconds costs, in micro-dollars."""

    seconds: int
    ours: int
    theirs: int


def gone(model: VideoModel) -> Drift:
    """Say that the provider has no such model any more."""
    return Drift(model=model.id, parameter="", what="gone", ours="offered", theirs="none", reason=_NOT_OFFERED)


def schema_drifts(model: VideoModel, schema: Mapping[str, object] | None) -> Iterator[Drift]:
    """Compare what we send with the schema of what the provider takes."""
    rules = schema.get("properties") if schema else None
    if schema is None or not isinstance(rules, dict):
        yield Drift(
            model=model.id, parameter="", what="its schema cannot be read", ours="parameters", theirs=_told(schema)
        )
        return
    for parameter in _sent(model):
        rule = rules.get(parameter.name)
        yield from _rule_drifts(model, parameter, rule) if isinstance(rule, dict) else [_lacks(model, parameter)]
    yield from _demands(model, schema.get("required"))
    yield from _more_parameters(model, rules)


def price_drifts(model: VideoModel, variant: str, priced: list[Priced]) -> Iterator[Drift]:
    """Compare what a variant costs, at several lengths."""
    name = f"price {variant}".strip()
    if dearer := [price for price in priced if price.theirs > price.ours]:
        first = dearer[0]
        # The figures belong to it: an operator who has accepted one price has not accepted the next.
        reason = f"WaveSpeed asks ${dollars(first.theirs)} for {first.seconds} s, more than our ${dollars(first.ours)}."
        yield _price(model, name, "dearer than ours", dearer, reason=reason)
    if cheaper := [price for price in priced if price.theirs < price.ours]:
        yield _price(model, name, "cheaper than ours", cheaper)


def offered_values(model: VideoModel, schema: Mapping[str, object] | None) -> dict[str, tuple[Value, ...]]:
    """Return for each parameter with a choice the values of ours that the provider takes."""
    rules = schema.get("properties") if schema else None
    known = rules if isinstance(rules, dict) else {}
    return {
        parameter.name: tuple(value for value in choices if _takes(rule, value))
        for parameter in _sent(model)
        if (choices := _choices(parameter)) and isinstance(rule := known.get(parameter.name), dict)
    }


def complete_inputs(
    model: VideoModel, values: Mapping[str, tuple[Value, ...]]
) -> Iterator[tuple[dict[str, Value], dict[str, object]]]:
    """Return parameters and complete inputs for each variant and length of `values`: what a price depends on."""
    names = [name for name in (model.variant_parameter, "duration") if name and model.has(name)]
    defaults = {parameter.name: parameter.default for parameter in _sent(model) if parameter.default is not None}
    media = {model.media.name: _ANY_ADDRESS} if model.media else {}
    for chosen in product(*(values.get(name, ()) for name in names)):
        parameters = defaults | dict(zip(names, chosen, strict=True))
        yield parameters, model.inputs("A red fox in snow", parameters) | media


def _rule_drifts(model: VideoModel, parameter: Parameter, rule: Mapping[str, object]) -> Iterator[Drift]:
    if not _types(rule) & _TYPES[parameter.kind]:
        yield _changed(model, parameter, "of another type", ours=parameter.kind, theirs=" or ".join(_types(rule)))
        return
    choices = _choices(parameter)
    if choices:
        yield from _value_drifts(model, parameter, choices, rule)
    elif "enum" in rule:
        yield _changed(model, parameter, "no free choice any more", ours=parameter.allowed, theirs=_listed(rule))
    else:
        yield from _bound_drifts(model, parameter, rule)


def _value_drifts(
    model: VideoModel, parameter: Parameter, choices: tuple[Value, ...], rule: Mapping[str, object]
) -> Iterator[Drift]:
    missing = [value for value in choices if not _takes(rule, value)]
    ours, theirs = _words(choices), _listed(rule)
    if len(missing) == len(choices):
        yield _changed(model, parameter, "none of our values is left", ours=ours, theirs=theirs)
        return
    for value in missing:
        yield Drift(
            model=model.id,
            parameter=parameter.name,
            what=f"{json.dumps(value)} is gone",
            ours=ours,
            theirs=theirs,
            value=value,
            reason=_NOT_OFFERED,
        )
    enum = rule.get("enum")
    listed = [value for value in enum if value is not None] if isinstance(enum, list) else []
    if more := tuple(value for value in listed if not any(_same(value, choice) for choice in choices)):
        what = f"{_words(more)} could be offered"
        yield Drift(model=model.id, parameter=parameter.name, what=what, ours=ours, theirs=theirs, is_remark=True)


def _bound_drifts(model: VideoModel, parameter: Parameter, rule: Mapping[str, object]) -> Iterator[Drift]:
    """Name narrower bounds. While the usual value fits they close nothing: a refusal costs nobody anything."""
    bounds = (("minimum", parameter.minimum), ("maximum", parameter.maximum), ("maxLength", parameter.max_length))
    for name, ours in bounds:
        theirs = rule.get(name)
        if ours is None or not isinstance(theirs, int | float):
            continue
        if theirs > ours if name == "minimum" else theirs < ours:
            what = f"{name} is narrower"
            reason = (
                f"WaveSpeed no longer takes what {parameter.name} usually is." if _shuts_out(rule, parameter) else ""
            )
            yield Drift(
                model=model.id, parameter=parameter.name, what=what, ours=str(ours), theirs=str(theirs), reason=reason
            )


def _shuts_out(rule: Mapping[str, object], parameter: Parameter) -> bool:
    """Say whether what is sent where nobody says anything lies outside: then nearly every job would be refused."""
    usual, least, most = parameter.default, rule.get("minimum"), rule.get("maximum")
    if isinstance(usual, bool) or not isinstance(usual, int | float):
        return False
    too_small = isinstance(least, int | float) and usual < least
    return too_small or (isinstance(most, int | float) and usual > most)


def _demands(model: VideoModel, required: object) -> Iterator[Drift]:
    """Name what the provider requires and we do not always send."""
    always = {parameter.name for parameter in _sent(model) if parameter.required or parameter.default not in {None, ""}}
    for name in required if isinstance(required, list) else []:
        if name not in always:
            reason = f"WaveSpeed has changed what it takes: {str(name)[:100]} is required."
            ours = "sent sometimes" if model.has(name) else "never sent"
            yield Drift(
                model=model.id, parameter=str(name), what="required", ours=ours, theirs="required", reason=reason
            )


def _more_parameters(model: VideoModel, rules: Mapping[str, object]) -> Iterator[Drift]:
    for name, rule in rules.items():
        if not model.has(name):
            what = "could be offered"
            yield Drift(model=model.id, parameter=name, what=what, ours="unknown", theirs=_told(rule), is_remark=True)


def _lacks(model: VideoModel, parameter: Parameter) -> Drift:
    return _changed(model, parameter, "not taken any more", ours=parameter.allowed, theirs="none")


def _changed(model: VideoModel, parameter: Parameter, what: str, *, ours: str, theirs: str) -> Drift:
    reason = f"WaveSpeed has changed what it takes: {parameter.name} is {what}."
    return Drift(model=model.id, parameter=parameter.name, what=what, ours=ours, theirs=theirs, reason=reason)


def _price(model: VideoModel, name: str, what: str, priced: list[Priced], reason: str = "") -> Drift:
    return Drift(
        model=model.id,
        parameter=name,
        what=what,
        ours=", ".join(f"${dollars(price.ours)} for {price.seconds} s" for price in priced),
        theirs=", ".join(f"${dollars(price.theirs)} for {price.seconds} s" for price in priced),
        reason=reason,
        is_remark=not reason,
    )


def _sent(model: VideoModel) -> list[Parameter]:
    return [parameter for parameter in model.parameters if not parameter.stands_in_prompt]


def _choices(parameter: Parameter) -> tuple[Value, ...]:
    return (True, False) if parameter.kind is Kind.BOOLEAN else parameter.choices


def _takes(rule: Mapping[str, object], value: Value) -> bool:
    enum, lowest, highest = rule.get("enum"), rule.get("minimum"), rule.get("maximum")
    if isinstance(enum, list):
        return any(_same(value, choice) for choice in enum)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    too_low = isinstance(lowest, int | float) and value < lowest
    return not too_low and not (isinstance(highest, int | float) and value > highest)


def _same(one: object, other: object) -> bool:
    """Compare as JSON does: true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _types(rule: Mapping[str, object]) -> set[str]:
    """Return the types that a rule takes; one that names none takes all."""
    told = rule.get("type")
    if isinstance(told, list):
        return {str(name) for name in told}
    return {str(told)} if told else set().union(*_TYPES.values())


def _listed(rule: Mapping[str, object]) -> str:
    enum = rule.get("enum")
    if isinstance(enum, list):
        return _words(tuple(enum)) or "none"
    bounds = [f"{name} {rule[name]}" for name in ("minimum", "maximum") if name in rule]
    return ", ".join(bounds) or "any"


def _words(values: tuple[object, ...]) -> str:
    return ", ".join(value if isinstance(value, str) else json.dumps(value) for value in values)


def _told(rule: object) -> str:
    return json.dumps(rule)[:200]
