"""
Faults on demand: what can go wrong at a provider, made to go wrong.

A prompt asks for a fault with words in brackets, `[fault:NAME]`, `[fault:NAME=SECONDS]`, `[fault:NAME*TIMES]`; it may
ask for several. The start option takes the same words without brackets and applies to prompts that ask for none.
Without `*TIMES` a fault happens as often as the list says; counts before acceptance run by prompt, later ones by
prediction.

Before accepting, nothing is created (always, unless `*TIMES`):
  refused                   HTTP 400
  refused_envelope          HTTP 200, envelope code 400
  refused_quoting           HTTP 400 whose words quote the prompt
  no_credit                 HTTP 402, insufficient credits
  unauthorized              HTTP 401
  rate_limited              HTTP 429 that names the limit
  rate_limited_retry_after  the same with `Retry-After` (=SECONDS, 1)
  plain_429                 HTTP 429 that names nothing: ambiguous
  408_before, 500_before    HTTP 408, 500
  5003_before               HTTP 200 with {"code": 5003, "data": null}
  dropped_before            the connection closes without an answer
After accepting, the prediction exists and runs (always, unless `*TIMES`):
  plain_429_after, 500_after, 5003, dropped   as above
  hang                      answers only after =SECONDS (30)
  unreadable                HTTP 200 whose body is no JSON
  no_id                     HTTP 200 without an id
In its life:
  slow                      takes ten times as long, or =SECONDS
  failed                    fails (=CODE, 1403)
  moderated                 fails with code 1200 and has_nsfw_contents
  timeout, cancelled, deleted   ends in that status
  no_outputs                completes with an empty list
  output_object             completes with {"url": …} instead of an address
While polling:
  503_polling, 5003_polling, unreadable_polling, dropped_polling   the first 3 polls
  429_polling               with `Retry-After` (=SECONDS, 1), the first 3 polls
  404_polling               the provider forgot it (always)
  unknown_status            a status nobody knows (always, or the first *TIMES polls; seen even when it has ended)
In what is rendered:
  wrong_size, wrong_length, no_sound   another picture size, half the length, no sound though asked
While downloading:
  cut                       the whole length is announced, half the bytes come (the first download)
  cut_always                the same, each time
  503_output                HTTP 503 (the first download)
  endless                   bytes without end and without a length
  html, garbage, empty      HTTP 200 with a page, with noise, with nothing
  gone                      HTTP 404
  slow_drip                 the whole file, over =SECONDS (30)
Webhooks:
  webhook_twice             sent two times
  webhook_late              sent =SECONDS (5) after the end
  webhook_forged            a lie signed with another secret comes first, then the true one
  webhook_stale             signed ten minutes ago
  webhook_never             not sent
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Stage(Enum):
    """Where in a prediction's life a fault happens."""

    BEFORE = "before accepting"
    AFTER = "after accepting"
    LIFE = "in its life"
    POLL = "while polling"
    RENDER = "in what is rendered"
    OUTPUT = "while downloading"
    WEBHOOK = "webhooks"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a fault's name stands for: where it happens, its usual value and how often (None: always)."""

    stage: Stage
    value: float | None = None
    times: int | None = None


KINDS = {
    "refused": Kind(Stage.BEFORE),
    "refused_envelope": Kind(Stage.BEFORE),
    "refused_quoting": Kind(Stage.BEFORE),
    "no_credit": Kind(Stage.BEFORE),
    "unauthorized": Kind(Stage.BEFORE),
    "rate_limited": Kind(Stage.BEFORE),
    "rate_limited_retry_after": Kind(Stage.BEFORE, value=1),
    "plain_429": Kind(Stage.BEFORE),
    "408_before": Kind(Stage.BEFORE),
    "500_before": Kind(Stage.BEFORE),
    "5003_before": Kind(Stage.BEFORE),
    "dropped_before": Kind(Stage.BEFORE),
    "plain_429_after": Kind(Stage.AFTER),
    "500_after": Kind(Stage.AFTER),
    "5003": Kind(Stage.AFTER),
    "dropped": Kind(Stage.AFTER),
    "hang": Kind(Stage.AFTER, value=30),
    "unreadable": Kind(Stage.AFTER),
    "no_id": Kind(Stage.AFTER),
    "slow": Kind(Stage.LIFE),
    "failed": Kind(Stage.LIFE, value=1403),
    "moderated": Kind(Stage.LIFE),
    "timeout": Kind(Stage.LIFE),
    "cancelled": Kind(Stage.LIFE),
    "deleted": Kind(Stage.LIFE),
    "no_outputs": Kind(Stage.LIFE),
    "output_object": Kind(Stage.LIFE),
    "503_polling": Kind(Stage.POLL, times=3),
    "429_polling": Kind(Stage.POLL, value=1, times=3),
    "5003_polling": Kind(Stage.POLL, times=3),
    "unreadable_polling": Kind(Stage.POLL, times=3),
    "dropped_polling": Kind(Stage.POLL, times=3),
    "404_polling": Kind(Stage.POLL),
    "unknown_status": Kind(Stage.POLL),
    "wrong_size": Kind(Stage.RENDER),
    "wrong_length": Kind(Stage.RENDER),
    "no_sound": Kind(Stage.RENDER),
    "cut": Kind(Stage.OUTPUT, times=1),
    "cut_always": Kind(Stage.OUTPUT),
    "503_output": Kind(Stage.OUTPUT, times=1),
    "endless": Kind(Stage.OUTPUT),
    "html": Kind(Stage.OUTPUT),
    "garbage": Kind(Stage.OUTPUT),
    "empty": Kind(Stage.OUTPUT),
    "gone": Kind(Stage.OUTPUT),
    "slow_drip": Kind(Stage.OUTPUT, value=30),
    "webhook_twice": Kind(Stage.WEBHOOK),
    "webhook_late": Kind(Stage.WEBHOOK, value=5),
    "webhook_forged": Kind(Stage.WEBHOOK),
    "webhook_stale": Kind(Stage.WEBHOOK),
    "webhook_never": Kind(Stage.WEBHOOK),
}

_SLOW = 10
_IN_BRACKETS = re.compile(r"\[fault:([^\]\s]*)\]")
_WORDS = re.compile(r"(?P<name>\w+)(?:=(?P<value>\d+(?:\.\d+)?))?(?:\*(?P<times>\d+))?")


class UnknownFaultError(ValueError):
    """There is no such fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One wished fault: its name, its value (seconds or a code) and how often it happens (None: always)."""

    name: str
    stage: Stage
    value: float | None
    times: int | None


def wished(prompt: str) -> tuple[Fault, ...]:
    """Return the faults that a prompt asks for, in its order."""
    return tuple(parse(words) for words in _IN_BRACKETS.findall(prompt))


def parse(words: str) -> Fault:
    """Read `NAME`, `NAME=VALUE`, `NAME*TIMES` or `NAME=VALUE*TIMES`; a name that nobody knows is an error."""
    match = _WORDS.fullmatch(words)
    kind = KINDS.get(match["name"]) if match else None
    if match is None or kind is None:
        raise UnknownFaultError(f"the sandbox knows no fault {words!r}")
    return Fault(
        name=match["name"],
        stage=kind.stage,
        value=float(match["value"]) if match["value"] else kind.value,
        times=int(match["times"]) if match["times"] else kind.times,
    )


def lasting(faults: Iterable[Fault], seconds: float) -> float:
    """Return how long a prediction with these faults takes that would else take so many seconds."""
    slow = find(faults, "slow")
    if slow is None:
        return seconds
    return seconds * _SLOW if slow.value is None else slow.value


def find(faults: Iterable[Fault], name: str) -> Fault | None:
    """Return the fault of that name, if it was wished."""
    return next((fault for fault in faults if fault.name == name), None)


class Tally:
    """How often each fault has happened, so that it can stop."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def next(self, faults: Iterable[Fault], stage: Stage, scope: str) -> Fault | None:
        """Return the fault that happens now at this stage and count it; the scope is a prompt or a prediction id."""
        for fault in faults:
            key = (scope, fault.name)
            if fault.stage is stage and (fault.times is None or self._counts[key] < fault.times):
                self._counts[key] += 1
                return fault
        return None

    def clear(self) -> None:
        """Forget what has happened."""
        self._counts.clear()
