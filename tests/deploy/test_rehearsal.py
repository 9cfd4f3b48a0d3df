"""Tests of a deployment with the README's commands to a local AWS that enforces IAM."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
from typing import Any
from unicodedata import normalize
from uuid import uuid4

import psutil
import pytest

from ..support.aws import CUSTOM_DOMAIN, REGION, Aws
from ..support.deployment import (
    ALIAS_ARN,
    BOUNDARY_ARN,
    FUNCTION,
    LOG_GROUP,
    ROLE,
    ROLE_ARN,
    TABLE,
    Api,
    Clone,
    create_table_command,
    policy_command,
    zappa_command,
)

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the Lambda runs Python 3.12"),
]

UNICODE_TEXTS = {
    "arabic": "الطابعة تحترق",
    "chinese": "打印机着火了",
    "combining": "e\u0301 ≠ é",
    "devanagari": "प्रिंटर में आग",
    "emoji": "🔥👩‍👩‍👧‍👦🇬🇷",
    "greek": "Καίγεται το γραφείο",
    "hebrew": "המדפסת בוערת",
    "json": '"\\\n\t{}',
    "thai": "เครื่องพิมพ์ไฟไหม้",
    "white space": " a\u00a0b\r\n\u2028c ",
}


def test_function_matches_the_contract(aws: Aws, deployer: Clone) -> None:
    client = aws.client("lambda")
    found = client.get_function(FunctionName=FUNCTION, Qualifier="snapstart")["Configuration"]
    expected = {
        "FunctionName": FUNCTION,
        "Runtime": "python3.12",
        "Architectures": ["x86_64"],
        "MemorySize": 256,
        "Timeout": 10,
        "Role": ROLE_ARN,
        "Handler": "lambda_handler.lambda_handler",
        "SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"},
        "TracingConfig": {"Mode": "PassThrough"},
        "State": "Active",
    }
    assert {name: found[name] for name in expected} == expected
    variables = found["Environment"]["Variables"]
    assert re.fullmatch(r"[0-9a-f]{64}", variables.pop("SECRET_KEY"))
    assert variables == {
        "TABLE_NAME": TABLE,
        "REGION": REGION,
        "STAGE": "poc",
        "API_KEYS": ",".join(deployer.entries),
    }
    concurrency = client.get_function_concurrency(FunctionName=FUNCTION)
    assert concurrency["ReservedConcurrentExecutions"] == 100
    tags = client.list_tags(Resource=ALIAS_ARN.removesuffix(":snapstart"))["Tags"]
    assert tags == {"application": "itsm-app"}


def test_api_matches_the_contract(aws: Aws, api: Api) -> None:
    client = aws.client("apigateway")
    (stage,) = client.get_stages(restApiId=api.id)["item"]
    assert stage["stageName"] == "poc"
    settings = stage["methodSettings"]["*/*"]
    assert (settings["metricsEnabled"], settings["dataTraceEnabled"]) == (True, False)
    assert settings["loggingLevel"] == "OFF"
    assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (50, 100)
    resources = client.get_resources(restApiId=api.id, embed=["methods"])["items"]
    assert {resource["path"] for resource in resources} == {"/", "/{proxy+}"}
    for resource in resources:
        integration = resource["resourceMethods"]["ANY"]["methodIntegration"]
        assert f"/functions/{ALIAS_ARN}/invocations" in integration["uri"]
        assert integration["credentials"] == ROLE_ARN


def test_table_matches_the_contract(aws: Aws, deployer: Clone) -> None:
    client = aws.client("dynamodb")
    table = client.describe_table(TableName=TABLE)["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["KeySchema"] == [{"AttributeName": "ticket_id", "KeyType": "HASH"}]
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    of_desk = {"StatusIndex", "StatusQueueIndex", "QueueIndex"}
    assert indexes.keys() == {"CallerIdIndex", *of_desk}
    assert indexes["CallerIdIndex"]["Projection"]["ProjectionType"] == "ALL"
    for name in of_desk:
        projected = indexes[name]["Projection"]["NonKeyAttributes"]
        assert "priority" in projected
        assert "comments" not in projected
    assert table["DeletionProtectionEnabled"]
    backups = client.describe_continuous_backups(TableName=TABLE)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    assert recovery == "ENABLED"


def test_stage_without_search_has_no_resources_for_search(aws: Aws, deployer: Clone) -> None:
    dynamodb, client = aws.client("dynamodb"), aws.client("lambda")
    table = dynamodb.describe_table(TableName=TABLE)["Table"]
    assert "LatestStreamArn" not in table
    assert not table.get("StreamSpecification", {}).get("StreamEnabled")
    names = [*dynamodb.list_tables()["TableNames"]]
    names += [function["FunctionName"] for function in client.list_functions()["Functions"]]
    names += [role["RoleName"] for role in aws.client("iam").list_roles()["Roles"]]
    assert not [name for name in names if "-search" in name or "-stream-" in name]
    assert client.list_event_source_mappings()["EventSourceMappings"] == []


def test_role_has_the_permissions_boundary(aws: Aws, deployer: Clone) -> None:
    role = aws.client("iam").get_role(RoleName=ROLE)["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY_ARN


def test_log_retention_is_thirty_days(aws: Aws, deployer: Clone) -> None:
    found = aws.client("logs").describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]
    assert [group["retentionInDays"] for group in found] == [30]


def test_every_listener_is_on_loopback(aws: Aws, api: Api) -> None:
    engine = psutil.Process(aws.engine.pid)
    listeners = [
        connection.laddr.ip
        for process in (engine, *engine.children(recursive=True))
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listeners == ["127.0.0.1"]


def test_only_the_update_check_of_zappa_tries_to_leave_the_machine(aws: Aws, api: Api) -> None:
    assert aws.internet.refused == {"pypi.org"}


@pytest.mark.parametrize("text", UNICODE_TEXTS.values(), ids=UNICODE_TEXTS)
def test_returns_text_in_every_script_unchanged(api: Api, text: str) -> None:
    # Caller ids are normalised, and have no control and format characters.
    is_caller_id = text.isprintable() and normalize("NFC", text) == text
    caller = f"{uuid4()}{text if is_caller_id else ''}"
    created = api.create(caller, text)
    assert created.status_code == 201
    ticket = created.json()["ticket_id"]
    assert api.add_comment(ticket, text).json()["success"] is True
    found = api.get(ticket)
    assert found.status_code == 200
    assert (found.json()["caller_id"], found.json()["issue_description"]) == (caller, text)
    assert [comment["comment_text"] for comment in found.json()["comments"]] == [text]
    assert api.list_recent(caller).json() == {"tickets": [found.json()]}


@pytest.mark.parametrize(
    "content_type", [None, "application/json", "application/x-www-form-urlencoded"]
)
def test_reads_bodies_as_json_with_any_content_type(
    api: Api, content_type: str | None, caller: str
) -> None:
    body = json.dumps({"caller_id": caller, "issue_description": "Ω"}, ensure_ascii=False).encode()
    headers = {"Content-Type": content_type} if content_type else {}
    assert api.request("POST", "/tickets", data=body, headers=headers).status_code == 201
    assert api.list_recent(caller).json()["tickets"][0]["issue_description"] == "Ω"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/tickets", 400, "invalid_field"),
        ("GET", "/tickets/", 400, "invalid_field"),
        ("GET", "/tickets/none", 404, "ticket_not_found"),
        ("GET", "", 404, "no_such_operation"),
        ("DELETE", "/tickets/none", 404, "no_such_operation"),
        ("POST", "/tickets", 400, "invalid_body"),
    ],
)
def test_errors_come_from_the_app_and_not_from_api_gateway(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    response = api.request(method, path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["request_id"] == response.headers["X-Request-Id"]


def test_rejects_oversized_bodies(api: Api) -> None:
    response = api.create("a", "b" * 65_536)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_links_start_with_the_stage_on_the_host_name_of_the_api(api: Api, caller: str) -> None:
    created = api.create(caller)
    assert created.headers["Location"] == f"/poc/tickets/{created.json()['ticket_id']}"


def test_openapi_document_has_the_url_of_the_stage(api: Api) -> None:
    document = api.request("GET", "/openapi.json").json()
    assert document["servers"] == [{"url": api.url}]
    assert api.url.startswith("https://")
    assert api.url.endswith("/poc")
    page = api.request("GET", "/docs")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


@pytest.fixture(scope="module")
def custom_domain(aws: Aws, api: Api) -> str:
    """Create a custom domain for the API, without a mapping. Return its URL."""
    aws.client("apigateway").create_domain_name(domainName=CUSTOM_DOMAIN)
    return f"https://{CUSTOM_DOMAIN}"


@pytest.mark.parametrize("base_path", ["", "it", "tickets"])
def test_links_contain_the_base_path_of_a_custom_domain(
    aws: Aws, api: Api, custom_domain: str, base_path: str
) -> None:
    client = aws.client("apigateway")
    mapping = {"domainName": CUSTOM_DOMAIN, "basePath": base_path or "(none)"}
    client.create_base_path_mapping(**mapping, restApiId=api.id, stage="poc")
    mount = f"/{base_path}" if base_path else ""
    with aws.session() as session:
        session.headers["x-api-key"] = api.keys["agent"]
        body = {"caller_id": "a", "issue_description": "b"}
        created = session.post(f"{custom_domain}{mount}/tickets", json=body, timeout=20)
        assert created.headers["Location"] == f"{mount}/tickets/{created.json()['ticket_id']}"
        link = f"{custom_domain}{created.headers['Location']}"
        assert session.get(link, timeout=20).status_code == 200
        document = session.get(f"{custom_domain}{mount}/openapi.json", timeout=20).json()
        assert document["servers"] == [{"url": f"{custom_domain}{mount}"}]
    client.delete_base_path_mapping(**mapping)


def test_status_shows_the_url_and_the_role(deployer: Clone, api: Api) -> None:
    status = deployer.run(zappa_command("status"))
    assert api.url in status
    assert ROLE_ARN in status


def test_tail_prints_new_log_lines(deployer: Clone, api: Api, deployed_ticket: str) -> None:
    with deployer.start(zappa_command("tail")) as tail:
        deadline = threading.Timer(30, tail.kill)
        deadline.start()
        request_id = api.get(deployed_ticket).headers["X-Request-Id"]
        assert tail.stdout is not None
        assert any(request_id in line for line in tail.stdout)
        deadline.cancel()
        tail.send_signal(signal.SIGINT)


def test_log_has_nothing_that_a_caller_sent(aws: Aws, api: Api) -> None:
    secret = uuid4().hex
    headers = {"X-Secret": secret, "User-Agent": secret}
    body = {"caller_id": secret, "issue_description": secret, secret: secret}
    created = api.request("POST", f"/tickets?{secret}={secret}", json=body, headers=headers)
    responses = [
        created,
        api.add_comment(created.json()["ticket_id"], secret),
        api.list_recent(secret),
        api.get(secret),
        api.request(secret.upper(), f"/{secret}", data=secret),
        api.request("POST", "/tickets", data=secret),
        api.request("GET", f"/tickets/{secret}", headers={"x-api-key": secret}),
    ]
    lines = log_lines(aws)
    assert secret not in "".join(lines).lower()
    assert not [key for key in api.keys.values() if key in "".join(lines)]
    logged = {line["request_id"]: line for line in app_lines(lines) if line["message"] == "request"}
    assert [logged[response.headers["X-Request-Id"]]["status"] for response in responses] == [
        response.status_code for response in responses
    ]


def test_scheduled_event_measures_the_longest_wait_of_a_hand_over(
    aws: Aws, api: Api, caller: str
) -> None:
    body = {"caller_id": caller, "issue_description": "a", "handover": {}}
    assert api.request("POST", "/tickets", json=body).status_code == 201
    payload = json.dumps({"task": "measure_handover_wait"})
    called = aws.client("lambda").invoke(FunctionName=ALIAS_ARN, Payload=payload)
    assert (called.get("FunctionError"), called["Payload"].read()) == (None, b"null")
    lines = [line for line in app_lines(log_lines(aws)) if line["message"] == "handover_wait"]
    assert lines[-1]["HandoverWait"] > 0
    assert lines[-1]["Stage"] == "poc"


def log_lines(aws: Aws) -> list[str]:
    pages = aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=LOG_GROUP)
    return [event["message"] for page in pages for event in page["events"]]


def app_lines(lines: list[str]) -> list[dict[str, Any]]:
    """Return the parsed JSON lines of the app, without the lines of Lambda."""
    lambda_prefixes = ("START RequestId: ", "END RequestId: ", "REPORT RequestId: ")
    return [json.loads(line) for line in lines if not line.startswith(lambda_prefixes)]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIANOBODY", "AWS_SECRET_ACCESS_KEY": "x"}, "are not valid"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "there are no AWS credentials"),
    ],
)
def test_rejects_deployments_without_valid_credentials(
    deployer: Clone, keys: dict[str, str], message: str
) -> None:
    rejected = deployer.run_unchecked(
        zappa_command("update"), AWS_EC2_METADATA_DISABLED="true", **keys
    )
    assert (rejected.returncode, message in rejected.stderr) == (1, True)
    assert "Traceback" not in rejected.stderr


def test_failed_first_deployment_can_be_repeated_after_undeploy(aws: Aws) -> None:
    clone = Clone(aws, "trial")
    clone.add_stage("trial")
    clone.create_keys()
    clone.run_as_administrator(create_table_command("trial"))
    clone.keys = aws.make_user(
        "trial-deployer", clone.run(policy_command("deployer-policy", "trial"))
    )
    without_boundary = clone.run_unchecked("zappa deploy trial")
    assert (without_boundary.returncode, "Traceback" in without_boundary.stderr) == (1, False)
    assert "AWS denied CreateRole." in without_boundary.stderr
    clone.create_boundary("trial")
    clone.change_settings(throttle_rate=None, throttle_burst=None, lambda_concurrency=None)
    wsgi = clone.path / "itsm_app/wsgi.py"
    working = wsgi.read_text()
    wsgi.write_text("app = None.nothing")
    assert clone.run_unchecked("zappa deploy trial").returncode != 0
    wsgi.write_text(working)
    rejected = clone.run_unchecked("zappa update trial").stderr
    assert "zappa undeploy trial && zappa deploy trial" in rejected
    clone.run("zappa undeploy trial --yes && zappa deploy trial")
    trial = Api(aws, clone.callers, "trial")
    assert trial.request("GET", "/health").status_code == 200
    # Limits of a stage that has no settings for them.
    (stage,) = aws.client("apigateway").get_stages(restApiId=trial.id)["item"]
    settings = stage["methodSettings"]["*/*"]
    assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (50, 100)
    concurrency = aws.client("lambda").get_function_concurrency(FunctionName=trial.function)
    assert "ReservedConcurrentExecutions" not in concurrency
    trial.close()


def test_second_stage_needs_only_a_renamed_copy_of_the_settings(
    aws: Aws, api: Api, caller: str
) -> None:
    clone = Clone(aws, "prod")
    clone.add_stage("prod")
    clone.become_deployer("prod")
    rejected = clone.run_unchecked("zappa deploy prod")
    assert (rejected.returncode, "has no API_KEYS" in rejected.stderr) == (1, True)
    clone.create_keys()
    for command, missing in [
        ("deploy", "An administrator creates it: LOCAL_DYNAMODB= TABLE_NAME=prod-itsm-tickets"),
        ("update", "The function prod-itsm-api-handler does not exist. Create it first: "),
    ]:
        rejected = clone.run_unchecked(f"zappa {command} prod")
        assert (rejected.returncode, missing in rejected.stderr) == (1, True)
    clone.run_as_administrator(create_table_command())
    clone.run("zappa deploy prod")
    prod = Api(aws, clone.callers, "prod")
    created = prod.create(caller)
    assert created.headers["Location"].startswith("/prod/tickets/")
    assert len(prod.list_recent(caller).json()["tickets"]) == 1
    assert api.list_recent(caller).json()["tickets"] == []
    for other, keys in ((prod, api.keys), (api, prod.keys)):
        headers = {"x-api-key": keys["desk"]}
        assert other.request("GET", "/tickets/none", headers=headers).status_code == 401
    prod.close()
