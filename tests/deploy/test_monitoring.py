"""deploy/monitoring.json: it watches what there is, and CloudFormation takes it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import cfnlint
import pytest
from flask.testing import FlaskClient

from deploy.policies import names
from itsm_app import config
from itsm_app.storage.models import CallerIdIndex, StatusIndex
from tests.support.ports import free_port

from ..conftest import ON_MOTO, Log
from ..support.flask_run import ROOT

TEMPLATE = ROOT / "deploy" / "monitoring.json"
STACK: dict[str, Any] = json.loads(TEMPLATE.read_text())
RESOURCES = {name: resource["Properties"] for name, resource in STACK["Resources"].items()}
ALARMS = {name: alarm for name, alarm in RESOURCES.items() if "AlarmName" in alarm}
SUMS = {name: alarm["Metrics"] for name, alarm in ALARMS.items() if "Metrics" in alarm}
SIMPLE = {name: alarm for name, alarm in ALARMS.items() if name not in SUMS}
WIDGETS = RESOURCES["Dashboard"]["DashboardBody"]["Fn::ToJsonString"]["widgets"]
DRAWN = [metric for widget in WIDGETS for metric in widget["properties"].get("metrics", [])]
SEARCH = re.compile(r"SEARCH\('\{(\w+),(\w+),(\w+)\} MetricName=\"(\w+)\" Stage=\"\$\{Stage\}\"'")
NAMES = names("${Stage}", {"aws_region": "us-east-1"})
FUNCTION, TABLE = NAMES["function"], NAMES["table"]
# The dimensions that each AWS service gives the metrics that we use: "Types of metrics for Lambda
# functions", "Amazon API Gateway dimensions and metrics", "DynamoDB metrics and dimensions".
DIMENSIONS = {
    "AWS/Lambda": [{"FunctionName": FUNCTION}],
    "AWS/ApiGateway": [{"ApiName": FUNCTION, "Stage": "${Stage}"}],
    "AWS/DynamoDB": [
        {"TableName": TABLE},
        {"TableName": TABLE, "GlobalSecondaryIndexName": CallerIdIndex.Meta.index_name},
        {"TableName": TABLE, "GlobalSecondaryIndexName": StatusIndex.Meta.index_name},
    ],
}
TOPIC = "arn:aws:sns:us-east-1:000000000000:on-call"
SECONDS = 20


def words(value: Any) -> Any:
    """Return a value of the template as a text, with `${Stage}` where the stage goes."""
    if isinstance(value, dict):
        return value["Fn::Sub"] if "Fn::Sub" in value else f"${{{value['Ref']}}}"
    return value


def in_alarms() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Give the namespace, name and dimensions of each metric that an alarm watches."""
    added = [query["MetricStat"]["Metric"] for _, *parts in SUMS.values() for query in parts]
    for metric in [*SIMPLE.values(), *added]:
        dimensions = {each["Name"]: words(each["Value"]) for each in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], dimensions


def on_dashboard() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Give the same for each metric on the dashboard that is not searched for."""
    for *metric, options in DRAWN:
        if "expression" not in options:
            namespace, name, *rest = map(words, metric)
            yield namespace, name, dict(zip(rest[::2], rest[1::2], strict=True))


def searched() -> set[tuple[str, ...]]:
    """Return the namespace, both dimensions and the name of each metric that is searched for."""
    searches = [words(each["expression"]) for *_, each in DRAWN if "expression" in each]
    found = [match.groups() for match in map(SEARCH.match, searches) if match]
    assert len(found) == len(searches)
    return set(found)


def test_cfn_lint_finds_nothing_wrong() -> None:
    assert cfnlint.lint_file(TEMPLATE) == []


@ON_MOTO
def test_what_the_app_writes_is_watched_and_what_is_watched_is_written(
    client: FlaskClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "STAGE", "poc")
    client.get("/")
    (line,) = log.lines("request")
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    of_stage, of_operation = directive["Dimensions"]
    namespace = directive["Namespace"]
    assert searched() == {
        (namespace, *of_operation, metric["Name"]) for metric in directive["Metrics"]
    }

    ours = [(name, where) for space, name, where in in_alarms() if space == namespace]
    assert of_stage == ["Stage"]
    assert ours == [(name, {"Stage": "${Stage}"}) for name in ("Errors", "Throttles")]
    assert {name for name, _ in ours} <= {metric["Name"] for metric in directive["Metrics"]}
    assert (line["Stage"], line["Errors"], line["Throttles"]) == ("poc", 0, 0)


def test_every_metric_of_aws_has_the_dimensions_of_our_resources() -> None:
    of_aws = [each for each in [*in_alarms(), *on_dashboard()] if each[0].startswith("AWS/")]
    assert {namespace for namespace, _, _ in of_aws} == set(DIMENSIONS)
    for namespace, name, dimensions in of_aws:
        assert dimensions in DIMENSIONS[namespace], name


def test_throttling_is_watched_on_the_table_and_on_its_indexes() -> None:
    """The metric of the table does not hold those of its indexes."""
    watched = [each for each in in_alarms() if each[0] == "AWS/DynamoDB"]
    assert len(watched) == 6
    for name in ("ReadThrottleEvents", "WriteThrottleEvents"):
        for dimensions in DIMENSIONS["AWS/DynamoDB"]:
            assert ("AWS/DynamoDB", name, dimensions) in watched


@pytest.mark.parametrize("name", SUMS)
def test_a_sum_is_of_all_that_the_alarm_names(name: str) -> None:
    total, *parts = SUMS[name]
    assert total["Expression"] == " + ".join(part["Id"] for part in parts)
    assert [query["ReturnData"] for query in SUMS[name]] == [True] + [False] * len(parts)
    # "Limits that apply to alarms based on metric math expressions" in the CloudWatch User Guide.
    assert len(parts) <= 10


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_to_do_and_is_quiet_without_calls(name: str) -> None:
    alarm = ALARMS[name]
    assert re.search(r"\b(Run|run|[Ll]ook|begin)\b", words(alarm["AlarmDescription"]))
    assert alarm["TreatMissingData"] == "notBreaching"


def test_the_dashboard_shows_every_alarm() -> None:
    (shown,) = [widget["properties"]["alarms"] for widget in WIDGETS if widget["type"] == "alarm"]
    names = [words(arn).rpartition(":alarm:")[2] for arn in shown]
    assert names == [words(alarm["AlarmName"]) for alarm in ALARMS.values()]


@pytest.fixture(scope="module")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """A ministack with CloudFormation and CloudWatch, as a maker of clients."""
    port = free_port()
    environ = {
        **os.environ,
        "SERVICES": "cloudformation,cloudwatch",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
        "STATE_DIR": str(tmp_path_factory.mktemp("ministack")),
        "LOG_LEVEL": "CRITICAL",
    }
    with subprocess.Popen([sys.executable, "-m", "ministack"], env=environ) as process:
        try:
            await_listener(port)
            yield lambda service: boto3.client(
                service,
                region_name="us-east-1",
                endpoint_url=f"http://127.0.0.1:{port}",
                aws_access_key_id="local",
                aws_secret_access_key="local",
            )
        finally:
            process.terminate()


def await_listener(port: int) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("ministack did not start")


def create_stack(client: Any, name: str, resources: dict[str, Any], **parameters: str) -> str:
    """Create a stack of these resources; return its status, once it is settled."""
    client.create_stack(
        StackName=name,
        TemplateBody=json.dumps({**STACK, "Resources": resources}),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        Capabilities=["CAPABILITY_AUTO_EXPAND"],
    )
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return str(stack["StackStatus"])
        time.sleep(0.05)
    raise AssertionError(f"{name} is still {stack['StackStatus']}")


@pytest.mark.rehearsal
@pytest.mark.parametrize("name", SUMS)
def test_the_emulator_refuses_a_sum_of_metrics(local_aws: Callable[[str], Any], name: str) -> None:
    """Once ministack takes these too, the test below can deploy the file as it is."""
    cloudformation = local_aws("cloudformation")
    resources = {name: STACK["Resources"][name]}
    assert create_stack(cloudformation, name, resources) == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    (reason,) = [each["ResourceStatusReason"] for each in events if "FAILED" in str(each)]
    assert "(metric math) is not supported" in reason


@pytest.mark.rehearsal
@pytest.mark.parametrize(("stage", "topic"), [("poc", ""), ("prod", TOPIC)])
def test_the_stack_makes_every_other_alarm_and_the_dashboard(
    local_aws: Callable[[str], Any], stage: str, topic: str
) -> None:
    cloudformation, cloudwatch = local_aws("cloudformation"), local_aws("cloudwatch")
    resources = {name: each for name, each in STACK["Resources"].items() if name not in SUMS}
    status = create_stack(cloudformation, stage, resources, Stage=stage, TopicArn=topic)
    assert status == "CREATE_COMPLETE"

    def resolved(value: Any) -> str:
        return str(words(value)).replace("${Stage}", stage)

    made = cloudwatch.describe_alarms(AlarmNamePrefix=f"{stage}-")["MetricAlarms"]
    by_name = {alarm["AlarmName"]: alarm for alarm in made}
    assert set(by_name) == {resolved(alarm["AlarmName"]) for alarm in SIMPLE.values()}
    for alarm in SIMPLE.values():
        got = by_name[resolved(alarm["AlarmName"])]
        for key in ("AlarmDescription", "Namespace", "MetricName", "TreatMissingData"):
            assert got[key] == resolved(alarm[key])
        for key in ("Threshold", "Period", "EvaluationPeriods", "DatapointsToAlarm"):
            assert got[key] == alarm[key]
        assert got["Dimensions"] == [
            {"Name": each["Name"], "Value": resolved(each["Value"])} for each in alarm["Dimensions"]
        ]
        assert got["AlarmActions"] == got["OKActions"] == ([topic] if topic else [])
    body = cloudwatch.get_dashboard(DashboardName=f"{stage}-itsm")["DashboardBody"]
    assert len(json.loads(body)["widgets"]) == len(WIDGETS)
    assert "${" not in body
    assert "Fn::" not in body
