"""Tests of the event that makes the Lambda measure the wait of hand-overs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from itsm_app.config import TABLE_NAME

from ..conftest import ON_MOTO
from ..support.api_gateway import API_KEYS, event
from ..support.faulty_dynamodb import FaultyDynamoDB, refuse
from ..support.flask_run import ROOT
from .test_monitoring import RESOURCES

pytestmark = ON_MOTO

(TARGET,) = RESOURCES["HandoverSchedule"]["Targets"]
SCHEDULED: dict[str, str] = json.loads(TARGET["Input"])
# Handles each event in turn. Prints the modules of the INIT phase, and each result or error.
DRIVER = """
import json, sys
from deploy.lambda_handler import lambda_handler
class Context: aws_request_id = "call-1"
def print_json(**result): print(json.dumps(result), flush=True)
print_json(loaded="itsm_app.api.handover_wait" in sys.modules)
for event in json.loads(sys.argv[1]):
    try:
        print_json(result=lambda_handler(event, Context))
    except Exception as error:
        print_json(error=[type(error).__name__, str(error), repr(error.__context__)])
"""


def run(engine: str, *events: Any) -> list[dict[str, Any]]:
    """Send the events to a new function. Return its log lines and the lines of the driver."""
    settings = {
        "API_KEYS": API_KEYS,
        "AWS_ENDPOINT_URL_DYNAMODB": engine,
        "AWS_LAMBDA_FUNCTION_NAME": "poc-itsm-api-handler",
        "STAGE": "poc",
        "TABLE_NAME": TABLE_NAME,
    }
    output = subprocess.check_output(
        [sys.executable, "-W", "error", "-c", DRIVER, json.dumps(events)],
        cwd=ROOT,
        env={**os.environ, **settings},
        text=True,
        timeout=30,
    )
    return [json.loads(line) for line in output.splitlines()]


def test_scheduled_event_measures_and_no_request_can_imitate_it(engine: str) -> None:
    text = TARGET["Input"]
    pairs = [*SCHEDULED.items()]
    imitations = [
        event("GET", "/tickets/x", query=pairs, headers=pairs),
        event("POST", "/tickets/x/comments", body=text),
        event("POST", "/tickets", body=text.encode()),
        event("GET", "/" + "/".join(pairs[0])),
        {**event("GET", "/tickets/x"), **SCHEDULED},
        {**SCHEDULED, "source": "aws.events"},
        {"task": "other"},
        [SCHEDULED],
        text,
    ]
    loaded, *lines = run(engine, *imitations, SCHEDULED)
    assert loaded == {"loaded": False}
    *others, line, result = lines
    assert result == {"result": None}
    assert (line["message"], line["request_id"]) == ("handover_wait", "call-1")
    assert (line["HandoverWait"], line["Stage"]) == (0, "poc")
    assert "handover_wait" not in [other.get("message") for other in others]
    statuses = [other["result"]["statusCode"] for other in others if "result" in other]
    assert statuses == [404, 400, 400, 404, 404, 400, 400, 400, 400]


def test_error_of_dynamodb_fails_the_call_and_the_next_call_works(
    engine: str, faults: FaultyDynamoDB
) -> None:
    code = "AccessDeniedException"
    faults.faults.append(refuse(code))
    _, refused, failed, measured, result = run(engine, SCHEDULED, SCHEDULED)
    assert (refused["message"], refused["cause"]) == ("storage_unavailable", code)
    name, message, context = failed["error"]
    assert (name, context) == ("NotMeasured", "None")
    assert not [word for word in (code, TABLE_NAME, "arn:") if word in message]
    assert (measured["message"], result) == ("handover_wait", {"result": None})
