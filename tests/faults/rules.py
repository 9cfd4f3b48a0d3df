"""What can befall a request to DynamoDB, and when."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import count

from .proxy import Exchange, Fault, Rule

LATE_SECONDS = 0.05


def _error(status: str, code: str) -> bytes:
    body = f'{{"__type": "com.amazonaws.dynamodb.v20120810#{code}"}}'
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


THROTTLED = _error("400 Bad Request", "ProvisionedThroughputExceededException")
FAILED = _error("500 Internal Server Error", "InternalServerError")


def lose_answer(exchange: Exchange) -> None:
    exchange.apply()
    exchange.reset()


def lose_request(exchange: Exchange) -> None:
    exchange.reset()


def throttle(exchange: Exchange) -> None:
    exchange.answer(THROTTLED)


def fail(exchange: Exchange) -> None:
    exchange.answer(FAILED)


def fail_after_applying(exchange: Exchange) -> None:
    exchange.apply()
    exchange.answer(FAILED)


def cut_short(exchange: Exchange) -> None:
    answer = exchange.apply()
    exchange.answer(answer[:-1])
    exchange.hang_up()


def answer_late(exchange: Exchange) -> None:
    answer = exchange.apply()
    time.sleep(LATE_SECONDS)
    exchange.answer(answer)


def arrive_late(exchange: Exchange) -> None:
    """Reach the engine after the request that follows, when the app has long tried again."""
    exchange.proxy.put_off.append(exchange.request)
    exchange.reset()


def hang(exchange: Exchange) -> None:
    exchange.outwait()
    exchange.hang_up()


def hang_after_applying(exchange: Exchange) -> None:
    exchange.apply()
    exchange.outwait()
    exchange.hang_up()


QUICK: list[Fault] = [lose_answer, lose_request, throttle, fail, fail_after_applying, cut_short]
QUICK += [answer_late, arrive_late]
# Each of these costs the app's read time-out.
SLOW: list[Fault] = [hang, hang_after_applying]


def every(nth: int, fault: Fault) -> Rule:
    """Every nth write meets the fault."""
    writes = count(1)
    return lambda exchange: fault if exchange.writes and next(writes) % nth == 0 else None


def once(share: float, fault: Fault) -> Rule:
    """A share of the operations meets the fault, at its first write and never again."""
    met: set[str] = set()

    def rule(exchange: Exchange) -> Fault | None:
        if not exchange.writes or exchange.operation in met:
            return None
        met.add(exchange.operation)
        return fault if random.random() < share else None

    return rule


def at_random(shares: dict[Fault, float]) -> Rule:
    """Each request meets one of the faults, or none, by their shares."""
    faults = [*shares, None]
    weights = [*shares.values(), 1 - sum(shares.values())]
    return lambda exchange: random.choices(faults, weights)[0]


def in_turn(faults: list[Fault | None]) -> Rule:
    """Each operation's requests meet these, where None lets one pass; all those after them pass."""
    left: defaultdict[str, Iterator[Fault | None]] = defaultdict(lambda: iter(faults))
    return lambda exchange: next(left[exchange.operation], None)
