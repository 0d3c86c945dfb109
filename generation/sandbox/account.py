"""The one account that the sandbox plays: its predictions, money, limits and files."""

import asyncio
import logging
import random
import time
import uuid
from collections import Counter, deque
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

from .drift import offered
from .envelope import RefusalError
from .faults import Fault, Tally, lasting, parse, wished
from .memory import Memory, State, predictions_of, rows_of
from .options import SandboxOptions
from .predictions import RUNNING, Prediction, Status
from .prices import Prices, to_micros
from .render import Renderer
from .schemas import Model
from .uploads import Uploads
from .webhooks import Courier

logger = logging.getLogger("sandbox")

_MINUTE = 60.0


class Account:
    """Everything the sandbox knows; what of it outlives a restart is in memory.py, and the balance is not."""

    def __init__(self, options: SandboxOptions) -> None:
        self._first_options = options
        self.renderer = Renderer(options.files / "outputs")
        self.uploads = Uploads(options.files / "uploads", options.webhook_secret)
        self.courier = Courier()
        self.tally = Tally()
        self.predictions: dict[str, Prediction] = {}
        # Those that take a place now, and what they will cost; kept up to date, since thousands may run.
        self.running: dict[str, Prediction] = {}
        self._promised = 0
        self.requests: Counter[str] = Counter()
        # Requests to outputs and uploads that brought the API key along: a client must never send it there.
        self.leaked_keys = 0
        self.most_running = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._recent: deque[float] = deque()
        self._begin(options)
        self.memory = Memory(None if options.tiny else options.files / "memory.json", self._state)
        self._recall()

    def _state(self) -> State:
        return {"predictions": rows_of(self.predictions.values()), "uploads": self.uploads.rows()}

    def _recall(self) -> None:
        state = self.memory.read()
        if state is None:
            return
        try:
            predictions = predictions_of(state["predictions"])
            self.uploads.recall(state["uploads"])
        except (KeyError, TypeError, ValueError) as error:
            self.memory.complain(error)
            return
        self.predictions = {each.id: each for each in predictions}
        self.running = {each.id: each for each in predictions if each.status in RUNNING}
        self._promised = sum(each.price for each in self.running.values())
        self.most_running = len(self.running)

    def _begin(self, options: SandboxOptions) -> None:
        self.options = options
        self.models = offered(options)
        self.prices = Prices(options.prices)
        self.balance = to_micros(options.balance)
        self._default_faults = [parse(words) for words in options.faults]
        self._dice = random.Random(options.fault_seed)  # noqa: S311 - the same faults at each start

    def faults_of(self, prompt: str) -> tuple[Fault, ...]:
        """Return the faults of a submission: those its prompt asks for, else perhaps a default one."""
        asked = wished(prompt)
        if asked or not self._default_faults or self._dice.random() >= self.options.fault_probability:
            return asked
        return (self._dice.choice(self._default_faults),)

    def check_limits(self, price: int) -> None:
        """Refuse what the account does not allow; a refusal names its limit, and nothing is created."""
        if self.options.concurrent is not None and len(self.running) >= self.options.concurrent:
            raise RefusalError(429, "You have reached your concurrency limit")
        if self.options.per_minute is not None:
            self._check_minute(self.options.per_minute)
        if price + self._promised > self.balance:
            raise RefusalError(402, "Insufficient credits. Please top up your account.")

    def _check_minute(self, limit: int) -> None:
        now = time.monotonic()
        while self._recent and now - self._recent[0] >= _MINUTE:
            self._recent.popleft()
        if len(self._recent) >= limit:
            # A limit of 0 refuses the very first.
            oldest = self._recent[0] if self._recent else now
            wait = str(max(1, round(_MINUTE - (now - oldest))))
            message = f"You have reached your rate limit of {limit} submissions per minute"
            raise RefusalError(429, message, headers={"Retry-After": wait})

    def add(
        self,
        model: Model,
        inputs: dict[str, Any],
        *,
        origin: str,
        price: int,
        faults: tuple[Fault, ...],
        webhook: str | None,
    ) -> Prediction:
        """Create a prediction; from here on it exists, whatever becomes of the answer."""
        prediction = Prediction(
            id=uuid.uuid4().hex,
            model=model,
            inputs=inputs,
            origin=origin,
            faults=faults,
            webhook=webhook,
            price=price,
            cost=price,
            seconds=lasting(faults, self.options.seconds),
        )
        self.predictions[prediction.id] = self.running[prediction.id] = prediction
        self._promised += price
        self._recent.append(time.monotonic())
        self.most_running = max(self.most_running, len(self.running))
        self.memory.changed()
        return prediction

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something go on beside the requests; what goes wrong there is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a prediction broke", exc_info=task.exception())

    def end(self, prediction: Prediction, status: Status) -> None:
        """Give a prediction its final status; what completes is charged."""
        prediction.status = status
        prediction.ended = time.time_ns()
        self.running.pop(prediction.id)
        self._promised -= prediction.price
        if status is Status.COMPLETED:
            prediction.charged = prediction.cost
            self.balance -= prediction.cost
        self.memory.changed()

    def change(self, changes: Mapping[str, Any]) -> None:
        """Change options while running; a new balance replaces what is left."""
        options = replace(self.options, **changes)
        models = offered(options)
        self._default_faults = [parse(words) for words in options.faults]
        if {"faults", "fault_seed"} & set(changes):
            self._dice = random.Random(options.fault_seed)  # noqa: S311 - the same faults at each start
        if "balance" in changes:
            self.balance = to_micros(options.balance)
        self.models = models
        self.prices = Prices(options.prices)
        self.options = options

    async def reset(self) -> None:
        """Forget everything since the start but the rendered files."""
        await self._stop_tasks()
        self.predictions.clear()
        self.running.clear()
        self._promised = 0
        self.requests.clear()
        self.tally.clear()
        self.courier.counts.clear()
        self.uploads.clear()
        self._recent.clear()
        self.leaked_keys = self.most_running = 0
        self._begin(self._first_options)
        self.memory.changed()

    async def close(self) -> None:
        """End what runs."""
        await self._stop_tasks()
        self.memory.close()
        await self.courier.close()
        self.renderer.close()

    async def _stop_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
