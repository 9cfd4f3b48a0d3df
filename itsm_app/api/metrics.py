"""CloudWatch metrics, embedded in log lines: of each request, and of the wait of hand-overs.

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


def _directives(dimensions: tuple[tuple[str, ...], ...], units: dict[str, str]) -> msgspec.Raw:
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    directive = {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}
    return msgspec.Raw(msgspec.json.encode([directive]))


_DIRECTIVES = _directives(DIMENSIONS, UNITS)


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
        "_aws": _metadata(_DIRECTIVES),
        "Stage": config.STAGE,
        "Operation": operation or NO_SUCH_OPERATION,
        "Count": 1,
        "Latency": milliseconds,
        "Errors": int(status >= 500),
        "Rejected": int(status in (401, 403)),
        "Throttles": throttles.get(),
    }


def embedded_handover_wait(seconds: float) -> dict[str, Any]:
    """Return the members for the log line of the longest wait. No metadata without `STAGE`."""
    return _embedded_metric("HandoverWait", seconds, "Seconds")


def embedded_parked_changes(count: int) -> dict[str, Any]:
    """Return the members for the log line of parked changes. No metadata without `STAGE`."""
    return _embedded_metric("ParkedChanges", count, "Count")


def _embedded_metric(name: str, value: float, unit: str) -> dict[str, Any]:
    if not config.STAGE:
        return {name: value}
    directives = _directives((("Stage",),), {name: unit})
    return {"_aws": _metadata(directives), "Stage": config.STAGE, name: value}


def _metadata(directives: msgspec.Raw) -> dict[str, Any]:
    return {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": directives}
