"""`flask init-db`, as whoever deploys runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from click.testing import Result

from itsm_app import create_app
from itsm_app.commands.aws_errors import REMEDIES
from itsm_app.local.engine import free_port
from itsm_app.storage.models import Ticket
from itsm_app.storage.table import DEFINITION

from ..conftest import ON_MOTO
from ..support.faulty_dynamodb import FaultyDynamoDB, answer, apply, apply_and_drop, refuse, reset
from ..support.flask_run import command

pytestmark = ON_MOTO

TURN_ON_EXPIRY = ["DescribeTimeToLive", "UpdateTimeToLive"]


def dynamodb() -> Any:
    return Ticket.connection().connection.client


@pytest.fixture
def name() -> str:
    return f"table-{uuid4()}"


def make(name: str, **change: Any) -> None:
    """Make a table beside the app, of another shape."""
    shape = {**DEFINITION, **change}
    owners = [shape, *shape["GlobalSecondaryIndexes"]]
    used = {key["AttributeName"] for owner in owners for key in owner["KeySchema"]}
    types = [{"AttributeName": each, "AttributeType": "S"} for each in sorted(used)]
    dynamodb().create_table(TableName=name, **{**shape, "AttributeDefinitions": types})


@pytest.fixture
def init_db(
    faults: FaultyDynamoDB, name: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Run the command in this process, with a table's name of its own and other settings."""

    def run(**environment: str | None) -> Result:
        monkeypatch.setattr("itsm_app.storage.table.TABLE_NAME", name)
        monkeypatch.setattr("itsm_app.commands.init_db.TABLE_NAME", name)
        monkeypatch.setattr("itsm_app.storage.table.RECOVERY_WAIT_SECONDS", 0)
        if environment:
            monkeypatch.setattr(Ticket, "_connection", None)
        return create_app().test_cli_runner(env=environment).invoke(args=["init-db"])

    return run


def test_it_is_a_command_of_flask(faults: FaultyDynamoDB, name: str) -> None:
    result = command("init-db", AWS_ENDPOINT_URL_DYNAMODB=faults.url, TABLE_NAME=name)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"The table {name} in us-east-1 is made.\n"


def test_it_makes_the_table_as_the_contract_has_it(
    init_db: Callable[..., Result], name: str
) -> None:
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"The table {name} in us-east-1 is made.\n"
    table = dynamodb().describe_table(TableName=name)["Table"]
    assert table["KeySchema"] == [{"AttributeName": "ticket_id", "KeyType": "HASH"}]
    index, queue = table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "CallerIdIndex"
    assert index["KeySchema"] == [
        {"AttributeName": "caller_id", "KeyType": "HASH"},
        {"AttributeName": "created_at", "KeyType": "RANGE"},
    ]
    assert index["Projection"] == {"ProjectionType": "ALL"}
    assert queue["IndexName"] == "StatusIndex"
    assert queue["KeySchema"] == [
        {"AttributeName": "status", "KeyType": "HASH"},
        {"AttributeName": "created_at", "KeyType": "RANGE"},
    ]
    shown = {"ticket_number", "caller_id", "issue_description", "priority", "assignee"}
    assert queue["Projection"]["ProjectionType"] == "INCLUDE"
    times = {"updated_at", "answered_at", "resolved_at", "expires_at"}
    assert set(queue["Projection"]["NonKeyAttributes"]) == shown | times
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"] is True
    backups = dynamodb().describe_continuous_backups(TableName=name)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    tags = dynamodb().list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert tags == [{"Key": "application", "Value": "itsm-app"}]
    expiry = dynamodb().describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_a_second_time_it_does_nothing_but_say_so(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str
) -> None:
    init_db()
    faults.operations.clear()
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"The table {name} in us-east-1 is there already.\n"
    assert set(faults.operations) == {"DescribeTable", "DescribeTimeToLive"}


def test_a_table_from_before_there_was_a_queue_gets_its_index_and_keeps_what_it_holds(
    init_db: Callable[..., Result], name: str
) -> None:
    make(name, GlobalSecondaryIndexes=DEFINITION["GlobalSecondaryIndexes"][:1])
    item = {"ticket_id": {"S": "old"}, "status": {"S": "open"}, "created_at": {"S": "2025"}}
    dynamodb().put_item(TableName=name, Item=item)
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"The table {name} in us-east-1 is there already.\n"
    found = dynamodb().query(
        TableName=name,
        IndexName="StatusIndex",
        KeyConditionExpression="#status = :open",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":open": {"S": "open"}},
    )
    assert found["Items"] == [item]


BEFORE_THE_QUEUE = DEFINITION["GlobalSecondaryIndexes"][:1]


def test_an_index_whose_answer_was_lost_is_made(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str
) -> None:
    make(name, GlobalSecondaryIndexes=BEFORE_THE_QUEUE)
    faults.operations.clear()
    # What is there, the wait, what it lacks; then the repeat meets the index that is being made.
    faults.faults.extend([apply, apply, apply, apply_and_drop, refuse("ResourceInUseException")])
    assert init_db().exit_code == 0
    assert faults.operations.count("UpdateTable") == 2
    assert len(dynamodb().describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"]) == 2


def test_an_index_that_cannot_be_made_is_an_error(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str
) -> None:
    make(name, GlobalSecondaryIndexes=BEFORE_THE_QUEUE)
    faults.faults.extend([apply, apply, apply, refuse("ResourceInUseException")])
    result = init_db()
    assert result.exit_code == 1
    assert "was not made: DynamoDB refused or did not answer (ResourceInUse" in result.stderr


def test_an_index_that_is_being_made_is_awaited(
    init_db: Callable[..., Result],
    faults: FaultyDynamoDB,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("itsm_app.storage.table.INDEX_WAIT_SECONDS", 0)
    make(name)
    table = dynamodb().describe_table(TableName=name)["Table"]
    shown = {part: table[part] for part in ("KeySchema", "AttributeDefinitions", "TableStatus")}
    shown["BillingModeSummary"] = {"BillingMode": "PAY_PER_REQUEST"}
    caller, queue = table["GlobalSecondaryIndexes"]
    queue["IndexStatus"] = "CREATING"
    creating = {"Table": {**shown, "GlobalSecondaryIndexes": [caller, queue]}}
    faults.operations.clear()
    faults.faults.extend([apply, apply, *[answer(json.dumps(creating).encode())] * 2])
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    assert faults.operations == [*["DescribeTable"] * 5, "DescribeTimeToLive", "UpdateTimeToLive"]


OTHER_SHAPES: list[tuple[dict[str, Any], str]] = [
    (
        {
            "KeySchema": [
                {"AttributeName": "caller_id", "KeyType": "HASH"},
                {"AttributeName": "ticket_id", "KeyType": "RANGE"},
            ]
        },
        "the key is caller_id (HASH, S) and ticket_id (RANGE, S) where ticket_id (HASH, S) is",
    ),
    (
        {
            "BillingMode": "PROVISIONED",
            "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
            "GlobalSecondaryIndexes": [
                {
                    **DEFINITION["GlobalSecondaryIndexes"][0],
                    "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
                }
            ],
        },
        "the billing mode is PROVISIONED where PAY_PER_REQUEST is needed",
    ),
    (
        {
            "GlobalSecondaryIndexes": [
                {**DEFINITION["GlobalSecondaryIndexes"][0], "IndexName": "OtherIndex"}
            ]
        },
        "the index CallerIdIndex is missing",
    ),
    (
        {
            "GlobalSecondaryIndexes": [
                {
                    **DEFINITION["GlobalSecondaryIndexes"][0],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ]
        },
        "projecting KEYS_ONLY",
    ),
]


@pytest.mark.parametrize(("change", "difference"), OTHER_SHAPES)
def test_a_table_of_another_shape_is_an_error_that_says_what_differs(
    init_db: Callable[..., Result],
    name: str,
    change: dict[str, Any],
    difference: str,
) -> None:
    make(name, **change)
    result = init_db()
    assert result.exit_code == 1
    assert result.stdout == ""
    assert difference in result.stderr
    assert "Traceback" not in result.stderr


def test_without_credentials_it_says_so(init_db: Callable[..., Result]) -> None:
    result = init_db(
        AWS_ACCESS_KEY_ID=None,
        AWS_SECRET_ACCESS_KEY=None,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_SHARED_CREDENTIALS_FILE="/nonexistent",
        AWS_CONFIG_FILE="/nonexistent",
    )
    assert result.exit_code == 1
    assert "there are no AWS credentials; sign in, or set AWS_PROFILE." in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_with_a_profile_that_is_not_there_it_says_so(
    init_db: Callable[..., Result],
) -> None:
    result = init_db(AWS_PROFILE="no-such-profile")
    assert result.exit_code == 1
    assert "there is no such AWS profile" in result.stderr


@pytest.mark.parametrize("code", [code for code in REMEDIES if code.endswith("Exception")])
def test_a_refusal_is_a_sentence_that_says_what_to_do(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, code: str
) -> None:
    faults.faults.append(refuse(code))
    result = init_db()
    assert result.exit_code == 1
    assert REMEDIES[code] in result.stderr
    assert faults.operations == ["DescribeTable"]


def test_it_waits_until_the_table_is_active(
    init_db: Callable[..., Result], faults: FaultyDynamoDB
) -> None:
    creating = answer(b'{"Table": {"TableStatus": "CREATING"}}')
    faults.faults.extend([apply, apply, creating])
    assert init_db().exit_code == 0
    assert faults.operations[:4] == ["DescribeTable", "CreateTable", *["DescribeTable"] * 2]


def test_a_table_whose_answer_was_lost_is_made(
    init_db: Callable[..., Result], faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([apply, apply_and_drop])
    result = init_db()
    assert result.exit_code == 0
    assert result.stdout.endswith("is made.\n")
    assert faults.operations[:3] == ["DescribeTable", "CreateTable", "CreateTable"]
    assert faults.operations[-3:] == ["UpdateContinuousBackups", *TURN_ON_EXPIRY]


def test_a_table_that_cannot_be_made_is_an_error(
    init_db: Callable[..., Result], faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([apply, refuse("LimitExceededException")])
    result = init_db()
    assert result.exit_code == 1
    assert "was not made: DynamoDB refused or did not answer (LimitExceeded" in result.stderr


def test_with_nobody_there_it_says_so(init_db: Callable[..., Result]) -> None:
    result = init_db(AWS_ENDPOINT_URL_DYNAMODB=f"http://127.0.0.1:{free_port()}")
    assert result.exit_code == 1
    assert "DynamoDB refused or did not answer (EndpointConnectionError)." in result.stderr


def test_with_an_endpoint_that_is_no_url_it_says_so(
    init_db: Callable[..., Result],
) -> None:
    result = init_db(AWS_ENDPOINT_URL_DYNAMODB="not a url")
    assert result.exit_code == 1
    assert "was not made: Invalid endpoint: not a url." in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("lost", [[reset], [apply, apply_and_drop]])
def test_removal_of_what_is_past_its_time_is_turned_on_once(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str, lost: list[Any]
) -> None:
    make(name)
    faults.operations.clear()
    faults.faults.extend([*[apply] * 3, *lost])
    assert init_db().exit_code == 0
    assert faults.operations.count("UpdateTimeToLive") == 1
    found = dynamodb().describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert found == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_a_table_that_keeps_what_is_past_its_time_is_said_to_do_so(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str
) -> None:
    make(name)
    faults.faults.extend([*[apply] * 4, refuse("AccessDeniedException")])
    result = init_db()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is there, but keeps for ever what RETENTION_DAYS hides: these AWS" in result.stderr
    assert f"aws dynamodb update-time-to-live --region us-east-1 --table-name {name}" in (
        result.stderr
    )


# DescribeTable, CreateTable, the wait, and DescribeTable once more.
PASSED_BEFORE_RECOVERY = [apply] * 4


def test_a_table_without_recovery_is_said_to_be_so(
    init_db: Callable[..., Result], faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([*PASSED_BEFORE_RECOVERY, refuse("AccessDeniedException")])
    result = init_db()
    assert result.exit_code == 1
    assert "is made, but without point-in-time recovery" in result.stderr
    assert "aws dynamodb update-continuous-backups --region us-east-1" in result.stderr


UNREADY = refuse("ContinuousBackupsUnavailableException")


def test_recovery_is_turned_on_as_soon_as_aws_is_ready_for_it(
    init_db: Callable[..., Result], faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([*PASSED_BEFORE_RECOVERY, UNREADY, UNREADY])
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    assert faults.operations[-5:] == ["UpdateContinuousBackups"] * 3 + TURN_ON_EXPIRY


def test_recovery_is_given_up_after_a_minute(
    init_db: Callable[..., Result], faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([*PASSED_BEFORE_RECOVERY, *[UNREADY] * 60])
    result = init_db()
    assert result.exit_code == 1
    assert "is made, but without point-in-time recovery" in result.stderr
    assert faults.operations.count("UpdateContinuousBackups") == 60
