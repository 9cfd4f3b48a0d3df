"""A deployment from its first ticket to its end, with callers who call all the while."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from deploy import policies

from ..support.aws import ACCOUNT, Aws, local_aws
from ..support.deployment import FUNCTION, TABLE, Api, Clone, zappa_command
from ..support.load import CALLERS, PER_SECOND, Answer, Load

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the Lambda runs Python 3.12"),
]

# What AWS asks for and ministack does not, and who asks.
NOT_ASKED_FOR_HERE = {
    "apigateway:DELETE": "CloudFormation, with the deployer's rights",
    "apigateway:PUT": "CloudFormation, with the deployer's rights",
    "cloudformation:ListStackResources": "Zappa, while a stack takes longer than three seconds",
    "cloudformation:TagResource": "CreateStack with tags",
    "dynamodb:TagResource": "CreateTable with tags",
    "iam:PassRole": "CreateFunction, and CloudFormation for the API's credentials",
    "logs:TagResource": "CreateLogGroup with tags",
    "s3:GetObject": "Lambda and CloudFormation, with the deployer's rights",
}


def mark(clone: Clone, release: str) -> None:
    """Let every answer say which release made it, once by each of two modules."""
    line = 'response.headers["X-Content-Type-Options"] = "nosniff"'
    header = f'{line}\n    response.headers["X-Release"] = "{release}"'
    clone.edit("itsm_app/api/headers.py", line, header)
    line = "body = msgspec.json.encode(args[0] if args else kwargs)"
    body = f'{line}\n        body = body[:-1] + b\',"release":"{release}"}}\''
    clone.edit("itsm_app/api/json_provider.py", line, body)


def break_it(clone: Clone) -> None:
    """Make a release that cannot start."""
    clone.edit("itsm_app/wsgi.py", "app = create_app()", "app = None.nothing")


def mend_it(clone: Clone) -> None:
    clone.edit("itsm_app/wsgi.py", "app = create_app()", "app = create_app()")


def test_the_life_of_a_deployment(tmp_path: Path) -> None:
    with local_aws(tmp_path) as aws:
        clone = Clone(aws)
        clone.become_deployer()
        mark(clone, "1")
        clone.deploy()
        api = Api(aws, clone.callers)
        old_key, old_entry = clone.callers["agent"], clone.entries[0]
        secret = secret_key(aws)
        with Load(aws, api) as load:
            break_it(clone)
            said = clone.run_unchecked(zappa_command("update")).stderr
            assert "Waiter PublishedVersionActive failed" in said
            mend_it(clone)
            mark(clone, "2")
            clone.store_keys(clone.run("flask new-key voice --role agent"))
            updated = time.monotonic()
            clone.run(zappa_command("update"))
            load.wait_for("2", since=time.monotonic())
            assert is_let_in(api, old_key)
            load.key = clone.callers["agent"]
            load.wait_for("2", since=time.monotonic())
            mark(clone, "3")
            clone.set_api_keys(*(each for each in clone.entries if each != old_entry))
            updated_again = time.monotonic()
            clone.run(zappa_command("update"))
            load.wait_for("3", since=time.monotonic())
            assert not is_let_in(api, old_key)
            rolled_back = time.monotonic()
            clone.run(zappa_command("rollback"))
            load.wait_for("2", since=time.monotonic())
            assert not is_let_in(api, old_key)
        assert {each.status for each in load.answers} == {200, 201}
        assert len(load.answers) >= PER_SECOND * (load.ended - load.started) - CALLERS
        assert_change(load.answers, "1", "1", 0, updated)
        assert_change(load.answers, "1", "2", updated, updated_again)
        assert_change(load.answers, "2", "3", updated_again, rolled_back)
        assert_change(load.answers, "3", "2", rolled_back, time.monotonic())
        created = [each for each in load.answers if each.status == 201]
        assert count_of_tickets(aws) == len(created)
        assert secret_key(aws) == secret
        take_queue_away(aws)
        clone.run("flask init-db")
        assert count_in_queue(api) == len(created)
        clone.run(f"{zappa_command('status')} && {zappa_command('tail')} --disable-keep-open")
        clone.run(f"{zappa_command('undeploy')} --yes")
        assert_undeployed(aws, api)
        assert count_of_tickets(aws) == len(created)
        # Which needs no right.
        used = aws.actions_of(clone.keys) - {"sts:GetCallerIdentity"}
        assert used | set(NOT_ASKED_FOR_HERE) == allowed(clone)
        api.close()


def assert_change(answers: list[Answer], old: str, new: str, start: float, end: float) -> None:
    """From one release to another, once and for all, and no answer made by both."""
    answers = [each for each in answers if start <= each.sent < end]
    assert all(each.releases in ({old}, {new}) for each in answers)
    first = min(each.received for each in answers if each.releases == {new})
    assert {tuple(each.releases) for each in answers if each.sent > first} == {(new,)}


def is_let_in(api: Api, key: str) -> bool:
    response = api.request("GET", "/tickets/none", headers={"x-api-key": key})
    assert response.status_code in (401, 404)
    return response.status_code == 404


def secret_key(aws: Aws) -> str:
    client = aws.client("lambda")
    found = client.get_function_configuration(FunctionName=FUNCTION, Qualifier="snapstart")
    return str(found["Environment"]["Variables"]["SECRET_KEY"])


def take_queue_away(aws: Aws) -> None:
    """Let the table be one from before there was a queue."""
    client, index = aws.client("dynamodb"), {"Delete": {"IndexName": "StatusIndex"}}
    client.update_table(TableName=TABLE, GlobalSecondaryIndexUpdates=[index])
    indexes = client.describe_table(TableName=TABLE)["Table"]["GlobalSecondaryIndexes"]
    assert [each["IndexName"] for each in indexes] == ["CallerIdIndex"]


def count_in_queue(api: Api) -> int:
    """Return how many open tickets there are, page by page."""
    count, query = 0, {"status": "open", "limit": "100"}
    while True:
        page = api.request("GET", "/tickets", "desk", params=query).json()
        count += len(page["tickets"])
        if "next_cursor" not in page:
            return count
        query["cursor"] = page["next_cursor"]


def count_of_tickets(aws: Aws) -> int:
    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName=TABLE, Select="COUNT")
    return sum(page["Count"] for page in pages)


def assert_undeployed(aws: Aws, api: Api) -> None:
    assert api.request("GET", "/health").status_code in (403, 404)
    assert aws.client("lambda").list_functions()["Functions"] == []
    assert aws.client("apigateway").get_rest_apis()["items"] == []
    (bucket,) = aws.client("s3").list_buckets()["Buckets"]
    assert aws.client("s3").list_objects_v2(Bucket=bucket["Name"])["KeyCount"] == 0


def allowed(clone: Clone) -> set[str]:
    settings = json.loads((clone.path / "zappa_settings.json").read_text())["poc"]
    names = policies.names("poc", settings)
    policy: dict[str, Any] = json.loads(policies.render("deployer-policy.json", ACCOUNT, names))
    listed = [each["Action"] for each in policy["Statement"]]
    return {a for each in listed for a in ([each] if isinstance(each, str) else each)}
