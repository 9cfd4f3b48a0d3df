"""Tests of a deployment from its first ticket to its removal, under constant load."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from deploy import policies
from itsm_app.storage.table import LATER_INDEXES

from ..connect.contact_events import INSTANCE
from ..support.aws import ACCOUNT, Aws, local_aws
from ..support.deployment import (
    FUNCTION,
    ROLE,
    TABLE,
    Api,
    Clone,
    documented_commands,
    zappa_command,
)
from ..support.load import CALLERS, PER_SECOND, Load, Result

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the Lambda runs Python 3.12"),
]

# Actions that AWS checks and ministack does not, each with the operation that needs the action.
NOT_CHECKED_BY_MINISTACK = {
    "apigateway:DELETE": "CloudFormation, with the deployer's rights",
    "apigateway:PUT": "CloudFormation, with the deployer's rights",
    "cloudformation:ListStackResources": "Zappa, while a stack takes longer than three seconds",
    "cloudformation:TagResource": "CreateStack with tags",
    "iam:PassRole": "CreateFunction, and CloudFormation for the API's credentials",
    "logs:TagResource": "CreateLogGroup with tags",
    "s3:GetObject": "Lambda and CloudFormation, with the deployer's rights",
}


def add_release_marker(clone: Clone, release: str) -> None:
    """Add a release marker to every response: a header from one module, a field from another."""
    line = 'response.headers["X-Content-Type-Options"] = "nosniff"'
    header = f'{line}\n    response.headers["X-Release"] = "{release}"'
    clone.edit("itsm_app/api/response_headers.py", line, header)
    line = "body = msgspec.json.encode(args[0] if args else kwargs)"
    body = f'{line}\n        body = body[:-1] + b\',"release":"{release}"}}\''
    clone.edit("itsm_app/api/json_provider.py", line, body)


def break_app(clone: Clone) -> None:
    """Make the app fail at start."""
    clone.edit("itsm_app/wsgi.py", "app = create_app()", "app = None.nothing")


def repair_app(clone: Clone) -> None:
    clone.edit("itsm_app/wsgi.py", "app = create_app()", "app = create_app()")


def test_deployment_from_first_ticket_to_undeploy_under_load(tmp_path: Path) -> None:
    with local_aws(tmp_path) as aws:
        clone = Clone(aws)
        clone.become_deployer()
        add_release_marker(clone, "1")
        clone.deploy()
        api = Api(aws, clone.callers)
        old_key, old_entry = clone.callers["agent"], clone.entries[0]
        secret = secret_key(aws)
        with Load(aws, api) as load:
            break_app(clone)
            errors = clone.run_unchecked(zappa_command("update")).stderr
            assert "Waiter PublishedVersionActive failed" in errors
            repair_app(clone)
            add_release_marker(clone, "2")
            clone.store_keys(clone.run("flask new-key voice --role agent"))
            make_like_release_0_1_0(aws, clone)
            clone.set_variables(CONNECT_INSTANCES=INSTANCE)
            updated = time.monotonic()
            clone.run(zappa_command("update"))
            load.wait_for("2", since=time.monotonic())
            assert key_is_accepted(api, old_key)
            load.key = clone.callers["agent"]
            load.wait_for("2", since=time.monotonic())
            add_release_marker(clone, "3")
            clone.set_variables(CONNECT_INSTANCES=None)
            clone.set_api_keys(*(entry for entry in clone.entries if entry != old_entry))
            updated_again = time.monotonic()
            clone.run(zappa_command("update"))
            load.wait_for("3", since=time.monotonic())
            assert not key_is_accepted(api, old_key)
            rolled_back = time.monotonic()
            clone.run(zappa_command("rollback"))
            load.wait_for("2", since=time.monotonic())
            assert not key_is_accepted(api, old_key)
        assert {result.status for result in load.results} == {200, 201}
        assert len(load.results) >= PER_SECOND * (load.ended - load.started) - CALLERS
        assert_release_change(load.results, "1", "1", 0, updated)
        assert_release_change(load.results, "1", "2", updated, updated_again)
        assert_release_change(load.results, "2", "3", updated_again, rolled_back)
        assert_release_change(load.results, "3", "2", rolled_back, time.monotonic())
        created = [result for result in load.results if result.status == 201]
        assert count_tickets(aws) == len(created)
        assert secret_key(aws) == secret
        delete_later_indexes(aws)
        clone.run_as_administrator(documented_commands("flask init-db"))
        assert index_names(aws) == {"CallerIdIndex", *LATER_INDEXES}
        assert count_open_tickets(api) == len(created)
        clone.run(f"{zappa_command('status')} && {zappa_command('tail')} --disable-keep-open")
        clone.run(f"{zappa_command('undeploy')} --yes")
        assert_undeployed(aws, api)
        assert count_tickets(aws) == len(created)
        # sts:GetCallerIdentity needs no permission.
        used = aws.actions_of(clone.keys) - {"sts:GetCallerIdentity"}
        assert used | set(NOT_CHECKED_BY_MINISTACK) == allowed_actions(clone)
        api.close()


def make_like_release_0_1_0(aws: Aws, clone: Clone) -> None:
    """Remove the boundary of the role, and the setting that reserves concurrency."""
    aws.client("iam").delete_role_permissions_boundary(RoleName=ROLE)
    clone.change_settings(lambda_concurrency=None)


def assert_release_change(
    results: list[Result], old: str, new: str, start: float, end: float
) -> None:
    """Assert that the old release answers first, then only the new release, and never both."""
    results = [result for result in results if start <= result.sent_at < end]
    assert all(result.releases in ({old}, {new}) for result in results)
    first = min(result.received_at for result in results if result.releases == {new})
    assert {tuple(result.releases) for result in results if result.sent_at > first} == {(new,)}


def key_is_accepted(api: Api, key: str) -> bool:
    response = api.request("GET", "/tickets/none", headers={"x-api-key": key})
    assert response.status_code in (401, 404)
    return response.status_code == 404


def secret_key(aws: Aws) -> str:
    client = aws.client("lambda")
    found = client.get_function_configuration(FunctionName=FUNCTION, Qualifier="snapstart")
    return str(found["Environment"]["Variables"]["SECRET_KEY"])


def delete_later_indexes(aws: Aws) -> None:
    """Delete the indexes that tables of earlier releases do not have."""
    client = aws.client("dynamodb")
    for name in LATER_INDEXES:
        index = {"Delete": {"IndexName": name}}
        client.update_table(TableName=TABLE, GlobalSecondaryIndexUpdates=[index])
    assert index_names(aws) == {"CallerIdIndex"}


def index_names(aws: Aws) -> set[str]:
    table = aws.client("dynamodb").describe_table(TableName=TABLE)["Table"]
    return {index["IndexName"] for index in table["GlobalSecondaryIndexes"]}


def count_open_tickets(api: Api) -> int:
    """Return the number of open tickets in all pages of the queue."""
    count, query = 0, {"status": "open", "limit": "100"}
    while True:
        page = api.request("GET", "/tickets", "desk", params=query).json()
        count += len(page["tickets"])
        if "next_cursor" not in page:
            return count
        query["cursor"] = page["next_cursor"]


def count_tickets(aws: Aws) -> int:
    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName=TABLE, Select="COUNT")
    return sum(page["Count"] for page in pages)


def assert_undeployed(aws: Aws, api: Api) -> None:
    assert api.request("GET", "/health").status_code in (403, 404)
    assert aws.client("lambda").list_functions()["Functions"] == []
    assert aws.client("apigateway").get_rest_apis()["items"] == []
    (bucket,) = aws.client("s3").list_buckets()["Buckets"]
    assert aws.client("s3").list_objects_v2(Bucket=bucket["Name"])["KeyCount"] == 0


def allowed_actions(clone: Clone) -> set[str]:
    """Return the actions that the deployer policy allows."""
    settings = json.loads((clone.path / "zappa_settings.json").read_text())["poc"]
    names = policies.names("poc", settings)
    policy: dict[str, Any] = json.loads(policies.render("deployer-policy.json", ACCOUNT, names))
    allowing = [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    listed = [statement["Action"] for statement in allowing]
    return {
        action
        for actions in listed
        for action in ([actions] if isinstance(actions, str) else actions)
    }
