"""The faults of requests to DynamoDB, and the rules that choose a fault for each request."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import count

from .proxy import Exchange, Fault, Rule

DELAY_SECONDS = 0.05


def _error(status: str, code: str) -> bytes:
    body = f'{{"__type": "com.amazonaws.dynamodb.v20120810#{code}"}}'
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


THROTTLED = _error("400 Bad Request", "ProvisionedThroughputExceededException")
FAILED = _error("500 Internal Server Error", "InternalServerError")


def lose_response(exchange: Exchange) -> None:
    exchange.apply()
    exchange.reset()


def lose_request(exchange: Exchange) -> None:
    exchange.reset()


def throttle(exchange: Exchange) -> None:
    exchange.respond(THROTTLED)


def fail(exchange: Exchange) -> None:
    exchange.respond(FAILED)


def fail_after_applying(exchange: Exchange) -> None:
    exchange.apply()
    exchange.respond(FAILED)


def truncate_response(exchange: Exchange) -> None:
    response = exchange.apply()
    exchange.respond(response[:-1])
    exchange.close()


def delay_response(exchange: Exchange) -> None:
    response = exchange.apply()
    time.sleep(DELAY_SECONDS)
    exchange.respond(response)


def delay_request(exchange: Exchange) -> None:
    """Reach the engine after the next request, when the app has already retried."""
    exchange.proxy.delayed.append(exchange.request)
    exchange.reset()


def hang(exchange: Exchange) -> None:
    exchange.wait_until_client_closes()
    exchange.close()


def hang_after_applying(exchange: Exchange) -> None:
    exchange.apply()
    exchange.wait_until_client_closes()
    exchange.close()


FAST_FAULTS: list[Fault] = [
    lose_response,
    lose_request,
    throttle,
    fail,
    fail_after_applying,
    truncate_response,
]
FAST_FAULTS += [delay_response, delay_request]
# Each of these faults costs the read timeout of the app.
SLOW_FAULTS: list[Fault] = [hang, hang_after_applying]


def every_nth_write(nth: int, fault: Fault) -> Rule:
    """Return a rule that applies the fault to every nth write."""
    writes = count(1)
    return lambda exchange: fault if exchange.writes and next(writes) % nth == 0 else None


def once_per_operation(share: float, fault: Fault) -> Rule:
    """Return a rule that applies the fault to the first write of a share of the operations."""
    seen: set[str] = set()

    def rule(exchange: Exchange) -> Fault | None:
        if not exchange.writes or exchange.operation in seen:
            return None
        seen.add(exchange.operation)
        return fault if random.random() < share else None

    return rule


def random_faults(shares: dict[Fault, float]) -> Rule:
    """Return a rule that applies each fault to its share of the requests, at random."""
    faults = [*shares, None]
    weights = [*shares.values(), 1 - sum(shares.values())]
    return lambda exchange: random.choices(faults, weights)[0]


def in_sequence(faults: list[Fault | None]) -> Rule:
    """Return a rule that applies the faults in this order to the requests of each operation.

    None forwards a request. All requests after the last fault are forwarded.
    """
    remaining: defaultdict[str, Iterator[Fault | None]] = defaultdict(lambda: iter(faults))
    return lambda exchange: next(remaining[exchange.operation], None)
