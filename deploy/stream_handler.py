"""The entry point of the Lambda function that reads the stream of the ticket table.

A stage has this function only if search is on.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from flask.logging import default_handler

from itsm_app.api import logs, metrics
from itsm_app.changes import processing
from itsm_app.storage.models import Ticket

# CloudWatch reads metrics from stdout ("Embedded metric format" in its guide).
default_handler.setStream(sys.stdout)
logs.use_handler("itsm_app")
# Create the client in the INIT phase.
Ticket.connection()

_logger = logging.getLogger("itsm_app")


def stream_handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Process a batch of changes. Return the first change that must be repeated, if there is one.

    Lambda then repeats the batch from that change on ("Configuring partial batch response with
    DynamoDB and Lambda" in the AWS Lambda guide).
    """
    outcome = processing.process(
        event["Records"], lambda: context.get_remaining_time_in_millis() / 1000
    )
    if outcome.parked:
        fields = metrics.embedded_parked_changes(outcome.parked)
        _logger.info("parked_changes", extra={"fields": fields})
    failures = [{"itemIdentifier": number} for number in outcome.unfinished[:1]]
    return {"batchItemFailures": failures}
