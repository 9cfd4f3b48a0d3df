"""Tests of the IAM policies in deploy/ and of the command that prints them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from deploy import policies
from deploy.service_model import OPERATIONS
from itsm_app.storage.table import DEFINITION

from ..support.flask_run import ROOT

SETTINGS = json.loads((ROOT / "zappa_settings.json").read_text())["poc"]
ACCOUNT = "123456789012"
INDEXES = [index["IndexName"] for index in DEFINITION["GlobalSecondaryIndexes"]]
POLICIES = ["role-policy.json", "trust-policy.json", "deployer-policy.json"]


def statements(policy: str, stage: str = "poc") -> list[dict[str, Any]]:
    rendered = json.loads(policies.render(policy, ACCOUNT, policies.names(stage, SETTINGS)))
    return list(rendered["Statement"])


def as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_has_a_wildcard_action(policy: str) -> None:
    for statement in statements(policy):
        assert not [action for action in as_list(statement["Action"]) if "*" in action]


def test_role_allows_exactly_the_actions_that_the_app_uses() -> None:
    actions = [
        action
        for statement in statements("role-policy.json")
        for action in as_list(statement["Action"])
    ]
    used = {f"dynamodb:{operation}" for operation in OPERATIONS}
    assert {action for action in actions if action.startswith("dynamodb:")} == used
    assert set(actions) - used == {
        "lambda:InvokeFunction",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }


def test_role_has_wildcard_resources_for_log_streams_only() -> None:
    resources = [
        resource
        for statement in statements("role-policy.json")
        for resource in as_list(statement["Resource"])
    ]
    assert [resource for resource in resources if "*" in resource] == [
        f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/poc-itsm-api-handler:*"
    ]


def test_role_may_query_exactly_the_existing_indexes() -> None:
    (query,) = [
        statement
        for statement in statements("role-policy.json")
        if statement["Action"] == "dynamodb:Query"
    ]
    table = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/poc-itsm-tickets"
    assert query["Resource"] == [f"{table}/index/{name}" for name in INDEXES]


def test_deployer_may_change_only_the_table_of_the_stage() -> None:
    for statement in statements("deployer-policy.json"):
        if [item for item in as_list(statement["Action"]) if item.startswith("dynamodb:")]:
            table = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/poc-itsm-tickets"
            assert statement["Resource"] == table


def test_only_api_gateway_and_lambda_may_assume_the_role() -> None:
    assert statements("trust-policy.json") == [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["apigateway.amazonaws.com", "lambda.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ]


@pytest.mark.parametrize("policy", POLICIES)
def test_policy_of_a_stage_names_no_other_stage(policy: str) -> None:
    text = json.dumps(statements(policy, "dev"))
    assert "poc" not in text
    assert "$" not in text


def test_command_prints_the_deployer_policy() -> None:
    printed = subprocess.check_output(
        [sys.executable, "-m", "deploy.policies", "deployer-policy.json", "poc", ACCOUNT],
        cwd=ROOT,
        text=True,
    )
    assert json.loads(printed)["Statement"] == statements("deployer-policy.json")


@pytest.mark.parametrize("arguments", [["role-policy.json"], ["role-policy.json", "x", ACCOUNT]])
def test_command_prints_its_usage_for_invalid_arguments(arguments: list[str]) -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "deploy.policies", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 1
    assert "Usage: " in completed.stderr
    assert "Stages: poc" in completed.stderr
