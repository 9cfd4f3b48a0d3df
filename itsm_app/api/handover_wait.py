"""How long hand-overs wait for a person, as a log line with a CloudWatch metric.

In a stage, a schedule calls the Lambda function every minute: `HandoverSchedule` in
`deploy/monitoring.json`. No request uses this module.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from ..storage.errors import StorageUnavailable
from ..storage.retry import retries
from ..tickets import lists
from . import metrics

_logger = logging.getLogger(__name__)


class NotMeasured(Exception):
    """The wait was not measured. A log line has the reason."""


def log_longest_wait(request_id: str) -> None:
    """Log for how many seconds the oldest waiting hand-over has waited. Log 0 if none waits.

    Args:
        request_id: The id of this call in the log.

    Raises:
        NotMeasured: The tickets could not be read. The exception has no cause and no context,
            because Lambda logs exceptions with their messages.
    """
    # A Lambda keeps the count of the request before.
    retries.set(0)
    try:
        seconds = _longest_wait()
    except Exception as error:
        _log_error(error, request_id)
    else:
        fields = {"request_id": request_id, **metrics.embedded_handover_wait(seconds)}
        _logger.info("handover_wait", extra={"fields": fields})
        return
    raise NotMeasured("The wait of hand-overs was not measured. Read the log line before this one.")


def _longest_wait() -> float:
    since = lists.oldest_handover()
    if since is None:
        return 0
    wait = datetime.now(UTC) - datetime.fromisoformat(since)
    # The clock of another copy of the function can be ahead.
    return max(0, round(wait.total_seconds(), 3))


def _log_error(error: Exception, request_id: str) -> None:
    if isinstance(error, StorageUnavailable):
        fields = {"request_id": request_id, "cause": error.cause, "attempts": error.attempts}
        _logger.error("storage_unavailable", extra={"fields": fields})
    else:
        fields = {"request_id": request_id}
        _logger.error("internal_error", exc_info=error, extra={"fields": fields})
