"""Measures on the database of DATABASE_URL how fast jobs are created; prints JSON. See tests.bench.create."""

import json
import multiprocessing
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from typing import Any
from uuid import uuid4

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import F  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from billing import services as billing  # noqa: E402
from billing.ledger import differences  # noqa: E402
from billing.models import LedgerEntry, Period, User  # noqa: E402
from billing.money import LIMITS, Amount  # noqa: E402
from generation import services  # noqa: E402
from tests.bench.create.floor import floor_of  # noqa: E402
from tests.bench.old import add_old_jobs, add_subscribers, version  # noqa: E402
from tests.make import ACTOR, make_plan, make_spec, make_user  # noqa: E402

ROUNDS = 3
SECONDS = 1.2
CLIENTS = (1, 8)
PLENTY = 10**15
SUBSCRIBERS = 1000
OLD = (10, 1_000_000)
LINES = 1_000_000
AMOUNT = Amount(spend=360_000, videos=1, seconds=6)

Work = Callable[[], object]


def main() -> None:
    """Measure and print."""
    call_command("migrate", verbosity=0)
    limits = {f"{limit}_limit": PLENTY for limit in LIMITS}
    plan = make_plan(**limits)
    user = make_user(plan=plan)
    with CaptureQueriesContext(connection) as first:
        services.create(user, make_spec(), by=ACTOR)
    with CaptureQueriesContext(connection) as queries:
        services.create(user, make_spec(), by=ACTOR)
    assert len(queries) <= len(first)
    period = Period.objects.get()
    people = add_subscribers(plan, SUBSCRIBERS)
    rates, updates = _rates(user, period, people)
    # What the bare updates added has no lines in the ledger.
    sums = {f"{limit}_held": F(f"{limit}_held") - updates * getattr(AMOUNT, limit) for limit in LIMITS}
    Period.objects.filter(pk=period.pk).update(**sums)
    number = sum(1 for _ in differences())
    few, many = (make_user(plan=plan) for _ in OLD)
    add_old_jobs(few, OLD[0])
    add_old_jobs(many, (LINES - LedgerEntry.objects.count()) // 2)
    checked = _checked()
    add_old_jobs(many, OLD[1] - many.jobs.count())
    json.dump(
        {
            "database": connection.display_name,
            "version": version(),
            "rounds": ROUNDS,
            "seconds": SECONDS,
            "queries": len(queries),
            "differences": number + checked["differences"],
            "rates": rates,
            "checked": checked,
            "old": dict(zip(OLD, _by_turns(_create(few), _create(many)), strict=True)),
        },
        sys.stdout,
    )


def _rates(user: User, period: Period, people: list[User]) -> tuple[dict[int, dict[str, float]], int]:
    """Return what is done a second by kind and number of clients, and how many bare updates there were."""
    works: dict[str, Work] = {"update": _update(period), "hold": _hold([user])}
    works["floor"] = floor_of(services.create(user, make_spec(), by=ACTOR), _update(period))
    works |= {"wide": _hold(people), "create": _create(user)}
    updates, rates = 0, {}
    for clients in CLIENTS:
        done: dict[str, list[int]] = {name: [] for name in works}
        for _ in range(ROUNDS):
            for name, work in works.items():
                done[name].append(_at_once(work, clients))
        updates += sum(done["update"])
        rates[clients] = {name: statistics.median(numbers) / SECONDS for name, numbers in done.items()}
    return rates, updates


def _update(period: Period) -> Work:
    """Return the conditional UPDATE of a hold, bare: no ORM, nothing around it."""
    sums = ", ".join(f"{limit}_held = {limit}_held + %s" for limit in LIMITS)
    fits = " AND ".join(
        f"({limit}_limit IS NULL OR {limit}_limit >= {limit}_spent + {limit}_held + %s)" for limit in LIMITS
    )
    amounts = [getattr(AMOUNT, limit) for limit in LIMITS]
    statement = f"UPDATE billing_period SET {sums} WHERE id = %s AND {fits}"

    def work() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, [*amounts, period.pk, *amounts])
            assert cursor.rowcount == 1

    return work


def _hold(users: list[User]) -> Work:
    """Return a hold of one of the users, whoever it is."""
    price = billing.price_of(make_spec().model.id, "", timezone.now())
    says: dict[str, Any] = {"price": price, "amount": AMOUNT, "by": ACTOR}
    return lambda: billing.hold(user=random.choice(users), reference=uuid4(), now=timezone.now(), **says)


def _create(user: User) -> Work:
    spec = make_spec()
    return lambda: services.create(user, spec, by=ACTOR)


def _by_turns(*works: Work) -> list[float]:
    """Return how often each is done a second by one client, one after the other in each round."""
    done: list[list[int]] = [[] for _ in works]
    for _ in range(2 * ROUNDS):
        for numbers, work in zip(done, works, strict=True):
            numbers.append(_at_once(work, 1))
    return [statistics.median(numbers) / SECONDS for numbers in done]


def _checked() -> dict[str, Any]:
    """Return how long check_ledger takes on this database and how much memory, in a process of its own."""
    connection.close()
    command = [sys.executable, "-m", "tests.bench.create.ledger"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def _at_once(work: Work, clients: int) -> int:
    """Return how often the work was done by so many processes together."""
    connection.close()  # none is shared with a process
    context = multiprocessing.get_context("fork")
    ready, counts = context.Barrier(clients, timeout=60), context.SimpleQueue()
    processes = [context.Process(target=_client, args=(work, ready, counts)) for _ in range(clients)]
    for process in processes:
        process.start()
    done = [counts.get() for _ in processes]
    for process in processes:
        process.join()
    return sum(done)


def _client(work: Work, ready: Barrier, counts: "SimpleQueue[Any]") -> None:
    connection.ensure_connection()
    ready.wait()
    number, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        work()
        number += 1
    counts.put(number)
    connection.close()


if __name__ == "__main__":
    main()
