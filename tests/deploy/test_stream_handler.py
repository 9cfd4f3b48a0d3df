"""Tests of the log lines and the metric of the stream handler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from itsm_app import config
from itsm_app.storage import search_index

from ..conftest import ON_MOTO
from ..support.flask_run import ROOT
from .test_monitoring import RESOURCES

pytestmark = ON_MOTO

SECRET = "Wolkenkuckucksheim"
# A change of a ticket without a description.
POISON = {
    "eventName": "INSERT",
    "dynamodb": {
        "Keys": {"ticket_id": {"S": "poison"}},
        "NewImage": {
            "ticket_id": {"S": "poison"},
            "caller_id": {"S": SECRET},
            "created_at": {"S": "2026-11-25T12:20:25.343883Z"},
        },
        "SequenceNumber": "1",
    },
}
# Handles an event three times, and prints the results.
DRIVER = """
import json, sys
from deploy.stream_handler import stream_handler
class Context:
    def get_remaining_time_in_millis(): return 60_000
for _ in range(3):
    print(json.dumps({"message": "result", **stream_handler(json.loads(sys.argv[1]), Context)}))
"""


def run(engine: str, event: dict[str, Any]) -> list[dict[str, Any]]:
    """Send an event to a new function. Return its log lines and the lines of the driver."""
    settings = {
        "AWS_ENDPOINT_URL_DYNAMODB": engine,
        "AWS_LAMBDA_FUNCTION_NAME": "poc-itsm-stream-handler",
        "SEARCH_TABLE": config.SEARCH_TABLE,
        "STAGE": "poc",
        "TABLE_NAME": config.TABLE_NAME,
    }
    output = subprocess.check_output(
        [sys.executable, "-W", "error", "-c", DRIVER, json.dumps(event)],
        cwd=ROOT,
        env={**os.environ, **settings},
        text=True,
        timeout=30,
    )
    assert SECRET not in output
    return [json.loads(line) for line in output.splitlines()]


def test_parked_change_is_counted_in_the_metric_of_its_alarm(
    engine: str, index: Callable[[str], None]
) -> None:
    lines = run(engine, {"Records": [POISON]})
    repeated = {"message": "result", "batchItemFailures": [{"itemIdentifier": "1"}]}
    assert [each for each in lines if each["message"] == "result"] == [
        repeated,
        repeated,
        {"message": "result", "batchItemFailures": []},
    ]
    assert [each.ticket_id for each in search_index.parked()] == ["poison"]
    (line,) = (each for each in lines if each["message"] == "parked_changes")
    alarm = RESOURCES["Parked"]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == alarm["Namespace"]
    assert directive["Dimensions"] == [[each["Name"] for each in alarm["Dimensions"]]]
    assert directive["Metrics"] == [{"Name": alarm["MetricName"], "Unit": "Count"}]
    assert (line["Stage"], line[alarm["MetricName"]]) == ("poc", 1)
