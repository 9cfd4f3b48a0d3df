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
    found = json.loads(policies.render(policy, ACCOUNT, policies.names(stage, SETTINGS)))
    return list(found["Statement"])


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_has_a_wildcard_action(policy: str) -> None:
    for statement in statements(policy):
        assert not [each for each in listed(statement["Action"]) if "*" in each]


def test_the_role_may_do_what_the_app_asks_for_and_no_more() -> None:
    actions = [
        a for statement in statements("role-policy.json") for a in listed(statement["Action"])
    ]
    asked = {f"dynamodb:{operation}" for operation in OPERATIONS}
    assert {each for each in actions if each.startswith("dynamodb:")} == asked
    assert set(actions) - asked == {
        "lambda:InvokeFunction",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }


def test_the_role_has_no_wildcard_resource_but_the_log_streams() -> None:
    resources = [r for each in statements("role-policy.json") for r in listed(each["Resource"])]
    assert [each for each in resources if "*" in each] == [
        f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/poc-itsm-api-handler:*"
    ]


def test_the_role_queries_the_indexes_that_there_are() -> None:
    (query,) = [s for s in statements("role-policy.json") if s["Action"] == "dynamodb:Query"]
    table = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/poc-itsm-tickets"
    assert query["Resource"] == [f"{table}/index/{name}" for name in INDEXES]


def test_who_deploys_changes_no_table_but_the_stages() -> None:
    for statement in statements("deployer-policy.json"):
        if [each for each in listed(statement["Action"]) if each.startswith("dynamodb:")]:
            table = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/poc-itsm-tickets"
            assert statement["Resource"] == table


def test_nobody_takes_the_role_but_api_gateway_and_lambda() -> None:
    assert statements("trust-policy.json") == [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["apigateway.amazonaws.com", "lambda.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_of_one_stage_names_no_other(policy: str) -> None:
    text = json.dumps(statements(policy, "dev"))
    assert "poc" not in text
    assert "$" not in text


def test_the_deployers_policy_is_printed_by_a_command() -> None:
    printed = subprocess.check_output(
        [sys.executable, "-m", "deploy.policies", "deployer-policy.json", "poc", ACCOUNT],
        cwd=ROOT,
        text=True,
    )
    assert json.loads(printed)["Statement"] == statements("deployer-policy.json")


@pytest.mark.parametrize("arguments", [["role-policy.json"], ["role-policy.json", "x", ACCOUNT]])
def test_the_command_says_what_it_takes(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.policies", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Usage: " in done.stderr
    assert "Stages: poc" in done.stderr
