"""CloudWatch metrics, embedded in the log line of each request.

CloudWatch creates metrics from lines of this format: "Specification: Embedded metric format" in the
Amazon CloudWatch User Guide. The alarms use the metrics of the whole stage, and the dashboard uses
the metrics of each operation. AWS bills every combination of dimensions. There are therefore no
other dimensions, and all requests that match no operation count under one name.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from .. import config
from ..storage.retry import throttles

NAMESPACE = "ItsmTickets"
DIMENSIONS = (("Stage",), ("Stage", "Operation"))
# The unit of each metric.
UNITS = {
    "Count": "Count",
    "Latency": "Milliseconds",
    "Errors": "Count",
    "Rejected": "Count",
    "Throttles": "Count",
}
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


def embedded_metrics(operation: str | None, status: int, milliseconds: float) -> dict[str, Any]:
    """Return the members that add metrics to the log line of a request. No members without `STAGE`.

    Args:
        operation: The name of the operation, or None if the request matched no operation.
        status: The HTTP status. A status of 500 or above counts as an error, 401 and 403 as
            rejections.
        milliseconds: The duration of the request.
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
