"""Tests that deploy/monitoring.json uses existing metrics and that CloudFormation accepts it."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from flask.testing import FlaskClient

from deploy.policies import names
from deploy.releases import ALIAS
from itsm_app import config
from itsm_app.api.handover_wait import log_longest_wait
from itsm_app.storage.queries import INDEXES
from tests.support.ports import free_port

from ..conftest import ON_MOTO, Log
from ..support.flask_run import ROOT

TEMPLATE = ROOT / "deploy" / "monitoring.json"
STACK: dict[str, Any] = json.loads(TEMPLATE.read_text())
# The resources that measure the wait of hand-overs, and its alarm.
OF_HANDOVERS = {
    name: resource
    for name, resource in STACK["Resources"].items()
    if resource.get("Condition") == "MeasuresHandovers"
}
# The alarms of a stage with search.
OF_SEARCH = {
    name
    for name, resource in STACK["Resources"].items()
    if resource.get("Condition") == "HasSearch"
}
RESOURCES = {name: resource["Properties"] for name, resource in STACK["Resources"].items()}
ALARMS = {name: alarm for name, alarm in RESOURCES.items() if "AlarmName" in alarm}
SUMS = {name: alarm["Metrics"] for name, alarm in ALARMS.items() if "Metrics" in alarm}
SINGLE_METRIC_ALARMS = {name: alarm for name, alarm in ALARMS.items() if name not in SUMS}
WIDGETS = RESOURCES["Dashboard"]["DashboardBody"]["Fn::ToJsonString"]["widgets"]
DASHBOARD_METRICS = [
    metric for widget in WIDGETS for metric in widget["properties"].get("metrics", [])
]
SEARCH = re.compile(r"SEARCH\('\{(\w+),(\w+),(\w+)\} MetricName=\"(\w+)\" Stage=\"\$\{Stage\}\"'")
NAMES = names("${Stage}", {"aws_region": "us-east-1"})
FUNCTION, TABLE = NAMES["function"], NAMES["table"]
STREAM_HANDLER = NAMES["stream_handler"]
# The dimensions of the AWS metrics that the template uses. The sources are "Types of metrics for
# Lambda functions", "Amazon API Gateway dimensions and metrics" and "DynamoDB metrics and
# dimensions".
DIMENSIONS = {
    "AWS/Lambda": [{"FunctionName": FUNCTION}, {"FunctionName": STREAM_HANDLER}],
    "AWS/ApiGateway": [{"ApiName": FUNCTION, "Stage": "${Stage}"}],
    "AWS/DynamoDB": [
        {"TableName": TABLE},
        *({"TableName": TABLE, "GlobalSecondaryIndexName": name} for name in INDEXES),
    ],
}
TOPIC = "arn:aws:sns:us-east-1:000000000000:on-call"
TIMEOUT_SECONDS = 20


def resolve_text(value: Any) -> Any:
    """Return a value of the template as text. The stage stays `${Stage}`, conditions are true."""
    if isinstance(value, dict):
        if "Fn::If" in value:
            return resolve_text(value["Fn::If"][1])
        return value["Fn::Sub"] if "Fn::Sub" in value else f"${{{value['Ref']}}}"
    return value


def alarm_metrics() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield the namespace, the name and the dimensions of each metric that an alarm uses."""
    summands = [query["MetricStat"]["Metric"] for _, *parts in SUMS.values() for query in parts]
    for metric in [*SINGLE_METRIC_ALARMS.values(), *summands]:
        dimensions = {item["Name"]: resolve_text(item["Value"]) for item in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], dimensions


def dashboard_metrics() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield the same for each dashboard metric without a search expression."""
    for *metric, options in DASHBOARD_METRICS:
        if "expression" not in options:
            namespace, name, *rest = map(resolve_text, metric)
            yield namespace, name, dict(zip(rest[::2], rest[1::2], strict=True))


def searched_metrics() -> set[tuple[str, ...]]:
    """Return the namespace, the two dimensions and the name of each metric in a search."""
    searches = [
        resolve_text(options["expression"])
        for *_, options in DASHBOARD_METRICS
        if "expression" in options
    ]
    found = [match.groups() for match in map(SEARCH.match, searches) if match]
    assert len(found) == len(searches)
    return set(found)


@pytest.mark.exhaustive  # The tests below check the parts that this project's code relies on.
def test_cfn_lint_reports_no_problems() -> None:
    # Imported here, because the import takes 0.7 s in every process.
    import cfnlint

    assert cfnlint.lint_file(TEMPLATE) == []


@ON_MOTO
def test_alarms_and_dashboard_use_exactly_the_metrics_that_the_app_writes(
    client: FlaskClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "STAGE", "poc")
    client.get("/")
    (line,) = log.lines("request")
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    stage_dimensions, operation_dimensions = directive["Dimensions"]
    namespace = directive["Namespace"]
    assert searched_metrics() == {
        (namespace, *operation_dimensions, metric["Name"]) for metric in directive["Metrics"]
    }

    app_metrics = [
        (name, dimensions) for space, name, dimensions in alarm_metrics() if space == namespace
    ]
    assert stage_dimensions == ["Stage"]
    watched = ("HandoverWait", "Errors", "Rejected", "Throttles")
    of_stream_handler = ("ParkedChanges",)
    expected = (*watched, *of_stream_handler)
    assert app_metrics == [(name, {"Stage": "${Stage}"}) for name in expected]
    assert [line[name] for name in ("Stage", *watched[1:])] == ["poc", 0, 0, 0]
    log_longest_wait("call-1")
    (line,) = log.lines("handover_wait")
    (of_handovers,) = line["_aws"]["CloudWatchMetrics"]
    names = {metric["Name"] for metric in (*directive["Metrics"], *of_handovers["Metrics"])}
    assert {*watched} <= names
    shown = [metric for metric in dashboard_metrics() if metric[0] == namespace]
    assert shown == [(namespace, "HandoverWait", {"Stage": "${Stage}"})]
    assert (of_handovers["Namespace"], of_handovers["Dimensions"]) == (namespace, [["Stage"]])


@pytest.mark.parametrize(
    ("alarm", "name", "default", "minimum"),
    [("Rejected", "RejectedThreshold", 20, 1), ("Handovers", "HandoverThreshold", 300, 0)],
)
def test_alarm_has_a_threshold_that_can_be_set(
    alarm: str, name: str, default: int, minimum: int
) -> None:
    assert ALARMS[alarm]["Threshold"] == {"Ref": name}
    parameter = STACK["Parameters"][name]
    found = (parameter["Type"], parameter["Default"], parameter["MinValue"])
    assert found == ("Number", default, minimum)


def test_only_the_schedule_may_call_the_function_and_only_its_alias() -> None:
    alias = (
        "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"
        f"{FUNCTION}:{ALIAS}"
    )
    (target,) = RESOURCES["HandoverSchedule"]["Targets"]
    assert resolve_text(target["Arn"]) == alias
    permission = {**RESOURCES["HandoverSchedulePermission"]}
    assert resolve_text(permission.pop("FunctionName")) == alias
    assert permission == {
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": ["HandoverSchedule", "Arn"]},
    }
    retries = RESOURCES["HandoverRetries"]
    assert (resolve_text(retries["FunctionName"]), retries["Qualifier"]) == (FUNCTION, ALIAS)


def test_schedule_and_alarm_of_hand_overs_have_the_same_period() -> None:
    assert RESOURCES["HandoverSchedule"]["ScheduleExpression"] == "rate(1 minute)"
    alarm = ALARMS["Handovers"]
    assert (alarm["Period"], alarm["Statistic"]) == (60, "Maximum")
    assert set(OF_HANDOVERS) == {
        "HandoverSchedule",
        "HandoverSchedulePermission",
        "HandoverRetries",
        "Handovers",
    }


def test_stack_watches_the_stream_handler_only_with_search() -> None:
    parameter = STACK["Parameters"]["Search"]
    assert (parameter["Default"], parameter["AllowedValues"]) == ("off", ["off", "on"])
    assert STACK["Conditions"]["HasSearch"] == {"Fn::Equals": [{"Ref": "Search"}, "on"]}
    watched = {
        name
        for name, alarm in ALARMS.items()
        if STREAM_HANDLER in json.dumps(alarm.get("Dimensions"))
    }
    assert watched | {"Parked"} == OF_SEARCH
    delay = ALARMS["SearchDelay"]
    assert (delay["MetricName"], delay["Statistic"], delay["Threshold"]) == (
        "IteratorAge",
        "Maximum",
        60_000,
    )
    assert "flask parked" in ALARMS["Parked"]["AlarmDescription"]


def test_aws_metrics_have_the_dimensions_of_the_deployed_resources() -> None:
    metrics = [*alarm_metrics(), *dashboard_metrics()]
    aws_metrics = [metric for metric in metrics if metric[0].startswith("AWS/")]
    assert {namespace for namespace, _, _ in aws_metrics} == set(DIMENSIONS)
    for namespace, name, dimensions in aws_metrics:
        assert dimensions in DIMENSIONS[namespace], name


def test_alarms_watch_throttling_of_the_table_and_its_indexes() -> None:
    """The metric of a table does not include the throttling of its indexes."""
    watched = [metric for metric in alarm_metrics() if metric[0] == "AWS/DynamoDB"]
    assert len(watched) == 10
    for name in ("ReadThrottleEvents", "WriteThrottleEvents"):
        for dimensions in DIMENSIONS["AWS/DynamoDB"]:
            assert ("AWS/DynamoDB", name, dimensions) in watched


@pytest.mark.parametrize("name", SUMS)
def test_sum_alarms_add_all_their_metrics(name: str) -> None:
    total, *parts = SUMS[name]
    assert total["Expression"] == " + ".join(part["Id"] for part in parts)
    assert [query["ReturnData"] for query in SUMS[name]] == [True] + [False] * len(parts)
    # "Limits that apply to alarms based on metric math expressions" in the CloudWatch User Guide.
    assert len(parts) <= 10


@pytest.mark.parametrize("name", ALARMS)
def test_alarms_describe_an_action_and_ignore_missing_data(name: str) -> None:
    alarm = ALARMS[name]
    assert re.search(r"\b(Run|run|[Ll]ook|begin)\b", resolve_text(alarm["AlarmDescription"]))
    assert alarm["TreatMissingData"] == "notBreaching"


def test_dashboard_shows_every_alarm() -> None:
    (shown,) = [widget["properties"]["alarms"] for widget in WIDGETS if widget["type"] == "alarm"]
    names = [resolve_text(arn).rpartition(":alarm:")[2] for arn in shown]
    assert names == [resolve_text(alarm["AlarmName"]) for alarm in ALARMS.values()]


@pytest.fixture(scope="module")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """A function that returns boto3 clients of a ministack with CloudFormation and CloudWatch."""
    port = free_port()
    environ = {
        **os.environ,
        "SERVICES": "cloudformation,cloudwatch,events,lambda",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
        "STATE_DIR": str(tmp_path_factory.mktemp("ministack")),
        "LOG_LEVEL": "CRITICAL",
    }
    with subprocess.Popen([sys.executable, "-m", "ministack"], env=environ) as process:
        try:
            wait_until_listening(port)
            yield lambda service: boto3.client(
                service,
                region_name="us-east-1",
                endpoint_url=f"http://127.0.0.1:{port}",
                aws_access_key_id="local",
                aws_secret_access_key="local",
            )
        finally:
            process.terminate()


def wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("ministack did not start")


def create_stack(client: Any, name: str, resources: dict[str, Any], **parameters: str) -> str:
    """Create a stack of these resources and return its final status."""
    client.create_stack(
        StackName=name,
        TemplateBody=json.dumps({**STACK, "Resources": resources}),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        Capabilities=["CAPABILITY_AUTO_EXPAND"],
    )
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return str(stack["StackStatus"])
        time.sleep(0.05)
    raise AssertionError(f"{name} is still {stack['StackStatus']}")


@pytest.mark.rehearsal
@pytest.mark.parametrize("name", SUMS)
def test_ministack_rejects_alarms_on_sums_of_metrics(
    local_aws: Callable[[str], Any], name: str
) -> None:
    """If this test fails, ministack supports sums, and the next test can deploy the whole file."""
    cloudformation = local_aws("cloudformation")
    resources = {name: STACK["Resources"][name]}
    assert create_stack(cloudformation, name, resources) == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    (reason,) = [event["ResourceStatusReason"] for event in events if "FAILED" in str(event)]
    assert "(metric math) is not supported" in reason


def create_function(client: Any, stage: str) -> str:
    """Create the function of a stage with its alias. Return the ARN of the alias."""
    name = names(stage, {"aws_region": "us-east-1"})["function"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("lambda_handler.py", "lambda_handler = print")
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="lambda_handler.lambda_handler",
        Code={"ZipFile": package.getvalue()},
        Publish=True,
    )
    alias = client.create_alias(FunctionName=name, Name=ALIAS, FunctionVersion="1")
    return str(alias["AliasArn"])


@pytest.mark.rehearsal
def test_stack_calls_the_alias_every_minute_and_lets_only_the_schedule_call_it(
    local_aws: Callable[[str], Any],
) -> None:
    client, events = local_aws("lambda"), local_aws("events")
    alias = create_function(client, "trial")
    stack = {"Stage": "trial", "TopicArn": TOPIC}
    status = create_stack(local_aws("cloudformation"), "trial", OF_HANDOVERS, **stack)
    assert status == "CREATE_COMPLETE"
    (rule,) = events.list_rules(NamePrefix="trial-")["Rules"]
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"] == alias
    assert json.loads(target["Input"]) == {"task": "measure_handover_wait"}
    qualifier = {"FunctionName": alias.removesuffix(f":{ALIAS}"), "Qualifier": ALIAS}
    (statement,) = json.loads(client.get_policy(**qualifier)["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": rule["Arn"]}}
    config = client.get_function_event_invoke_config(**qualifier)
    assert config["MaximumRetryAttempts"] == 0


@pytest.mark.rehearsal
@pytest.mark.parametrize(
    ("stage", "topic", "parameters", "rejected", "waiting"),
    [
        ("poc", "", {"HandoverThreshold": "0"}, 20, None),
        ("prod", TOPIC, {"RejectedThreshold": "300"}, 300, 300),
        ("dev", TOPIC, {"HandoverThreshold": "60", "Search": "on"}, 20, 60),
    ],
)
def test_stack_creates_all_other_alarms_and_the_dashboard(
    local_aws: Callable[[str], Any],
    stage: str,
    topic: str,
    parameters: dict[str, str],
    rejected: int,
    waiting: int | None,
) -> None:
    cloudformation, cloudwatch = local_aws("cloudformation"), local_aws("cloudwatch")
    create_function(local_aws("lambda"), stage)
    resources = {name: item for name, item in STACK["Resources"].items() if name not in SUMS}
    parameters = {"Stage": stage, "TopicArn": topic, **parameters}
    status = create_stack(cloudformation, stage, resources, **parameters)
    assert status == "CREATE_COMPLETE"
    assert len(local_aws("events").list_rules(NamePrefix=f"{stage}-")["Rules"]) == bool(waiting)
    alarms = {
        name: alarm
        for name, alarm in SINGLE_METRIC_ALARMS.items()
        if (waiting or name != "Handovers")
        and (parameters.get("Search") == "on" or name not in OF_SEARCH)
    }
    thresholds = {"RejectedThreshold": rejected, "HandoverThreshold": waiting}

    def resolved(value: Any) -> str:
        return str(resolve_text(value)).replace("${Stage}", stage)

    created = cloudwatch.describe_alarms(AlarmNamePrefix=f"{stage}-")["MetricAlarms"]
    by_name = {alarm["AlarmName"]: alarm for alarm in created}
    assert set(by_name) == {resolved(alarm["AlarmName"]) for alarm in alarms.values()}
    for alarm in alarms.values():
        actual = by_name[resolved(alarm["AlarmName"])]
        for key in ("AlarmDescription", "Namespace", "MetricName", "TreatMissingData"):
            assert actual[key] == resolved(alarm[key])
        for key in ("Period", "EvaluationPeriods", "DatapointsToAlarm"):
            assert actual[key] == alarm[key]
        threshold = alarm["Threshold"]
        if isinstance(threshold, dict):
            threshold = thresholds[threshold["Ref"]]
        assert actual["Threshold"] == threshold
        assert actual["Dimensions"] == [
            {"Name": item["Name"], "Value": resolved(item["Value"])} for item in alarm["Dimensions"]
        ]
        assert actual["AlarmActions"] == actual["OKActions"] == ([topic] if topic else [])
    body = cloudwatch.get_dashboard(DashboardName=f"{stage}-itsm")["DashboardBody"]
    assert len(json.loads(body)["widgets"]) == len(WIDGETS)
    assert (f":alarm:{stage}-itsm-handovers" in body) is bool(waiting)
    assert (f":alarm:{stage}-itsm-parked" in body) is ("Search" in parameters)
    assert "${" not in body
    assert "Fn::" not in body
