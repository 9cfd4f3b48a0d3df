"""CloudWatch metrics, embedded in the log line of each request.

Out of a line of this shape CloudWatch makes metrics: "Specification: Embedded metric format" in
the Amazon CloudWatch User Guide. The alarms watch those of the stage, and so name no operation; the
dashboard shows each operation's. Every one is billed, so there is no other dimension, and what
matches no operation is counted under one name, never under its path.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from .. import config
from ..storage.retry import throttles

NAMESPACE = "ItsmTickets"
DIMENSIONS = (("Stage",), ("Stage", "Operation"))
UNITS = {
    "Count": "Count",
    "Latency": "Milliseconds",
    "Errors": "Count",
    "Rejected": "Count",
    "Throttles": "Count",
}
"""The metrics, each with its unit."""

NO_SUCH_OPERATION = "no_such_operation"

_DIRECTIVES = msgspec.Raw(
    msgspec.json.encode(
        [
            {
                "Namespace": NAMESPACE,
                "Dimensions": DIMENSIONS,
                "Metrics": [{"Name": name, "Unit": unit} for name, unit in UNITS.items()],
            }
        ]
    )
)


def embedded(operation: str | None, status: int, milliseconds: float) -> dict[str, Any]:
    """Return what makes a request's log line a line of metrics; outside of a stage, nothing.

    An error is a status of 500 and above. A rejection is a status of 401 or 403. A throttle is an
    attempt that DynamoDB throttled.
    """
    if not config.STAGE:
        return {}
    return {
        "_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": _DIRECTIVES},
        "Stage": config.STAGE,
        "Operation": operation or NO_SUCH_OPERATION,
        "Count": 1,
        "Latency": milliseconds,
        "Errors": int(status >= 500),
        "Rejected": int(status in (401, 403)),
        "Throttles": throttles.get(),
    }
