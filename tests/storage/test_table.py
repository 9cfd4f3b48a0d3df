"""Tests of `flask init-db`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from click.testing import Result

from itsm_app.commands.aws_errors import REMEDIES
from itsm_app.storage.models import Ticket
from itsm_app.storage.table import DEFINITION
from tests.support.ports import free_port

from ..conftest import ON_MOTO, shared_app
from ..support.exhaustive import exhaustive, one_per_path
from ..support.faulty_dynamodb import (
    FaultyDynamoDB,
    answer,
    apply,
    apply_and_drop,
    at,
    refuse,
    reset,
)
from ..support.flask_run import command

pytestmark = ON_MOTO

TIME = "2026-02-09T12:20:25.000000Z"
NO_RECOVERY = "This DynamoDB has no point-in-time recovery, so the table has no backups.\n"

NO_KEYS: dict[str, str | None] = {
    "AWS_ACCESS_KEY_ID": None,
    "AWS_SECRET_ACCESS_KEY": None,
    "AWS_EC2_METADATA_DISABLED": "true",
}
TURN_ON_EXPIRY = ["DescribeTimeToLive", "UpdateTimeToLive"]
# DescribeTable, CreateTable, the wait, and DescribeTable again.
BEFORE_RECOVERY = [apply] * 4


def dynamodb() -> Any:
    return Ticket.connection().connection.client


@pytest.fixture
def name() -> str:
    return f"table-{uuid4()}"


def create_table(name: str, **change: Any) -> None:
    """Create a table directly in DynamoDB, with changes to the app's definition."""
    definition = {**DEFINITION, **change}
    schemas = [definition, *definition["GlobalSecondaryIndexes"]]
    key_names = {key["AttributeName"] for schema in schemas for key in schema["KeySchema"]}
    types = [{"AttributeName": key, "AttributeType": "S"} for key in sorted(key_names)]
    dynamodb().create_table(TableName=name, **{**definition, "AttributeDefinitions": types})


@pytest.fixture
def init_db(
    faults: FaultyDynamoDB, name: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Return a function that runs the command in this process for the table of this test."""

    def run(**environment: str | None) -> Result:
        monkeypatch.setattr("itsm_app.storage.table.TABLE_NAME", name)
        monkeypatch.setattr("itsm_app.commands.init_db.TABLE_NAME", name)
        monkeypatch.setattr("itsm_app.storage.table.RECOVERY_WAIT_SECONDS", 0)
        monkeypatch.setattr("itsm_app.storage.table.INDEX_WAIT_SECONDS", 0)
        if environment:
            monkeypatch.setattr(Ticket, "_connection", None)
        return shared_app().test_cli_runner(env=environment).invoke(args=["init-db"])

    return run


def already_exists(name: str) -> str:
    store = os.environ["AWS_ENDPOINT_URL_DYNAMODB"]
    return f"The table {name} in the DynamoDB at {store} already exists.\n"


@pytest.mark.exhaustive  # The tests below run the same command in this process.
def test_init_db_is_a_flask_command(faults: FaultyDynamoDB, name: str) -> None:
    result = command("init-db", AWS_ENDPOINT_URL_DYNAMODB=faults.url, TABLE_NAME=name)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"The table {name} in the DynamoDB at {faults.url} was created.\n"


@pytest.mark.parametrize("code", ["UnknownOperationException", exhaustive("NotImplemented")])
@pytest.mark.parametrize(
    ("before", "message"),
    [
        (BEFORE_RECOVERY, NO_RECOVERY),
        (
            [*BEFORE_RECOVERY, apply],
            "This DynamoDB has no Time to Live, so it does not delete expired tickets.\n",
        ),
    ],
    ids=["recovery", "expiry"],
)
def test_prints_one_line_about_a_feature_that_dynamodb_does_not_have(
    init_db: Callable[..., Result],
    faults: FaultyDynamoDB,
    name: str,
    code: str,
    before: list[Any],
    message: str,
) -> None:
    faults.faults.extend([*before, refuse(code)])
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    store = os.environ["AWS_ENDPOINT_URL_DYNAMODB"]
    assert result.stdout == f"{message}The table {name} in the DynamoDB at {store} was created.\n"


def test_creates_the_table_as_the_contract_requires(
    init_db: Callable[..., Result], name: str
) -> None:
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    store = os.environ["AWS_ENDPOINT_URL_DYNAMODB"]
    assert result.stdout == f"The table {name} in the DynamoDB at {store} was created.\n"
    table = dynamodb().describe_table(TableName=name)["Table"]
    assert table["KeySchema"] == [{"AttributeName": "ticket_id", "KeyType": "HASH"}]
    caller_index, status_index, *queue_indexes = table["GlobalSecondaryIndexes"]
    assert caller_index["IndexName"] == "CallerIdIndex"
    assert caller_index["KeySchema"] == [
        {"AttributeName": "caller_id", "KeyType": "HASH"},
        {"AttributeName": "created_at", "KeyType": "RANGE"},
    ]
    assert caller_index["Projection"] == {"ProjectionType": "ALL"}
    assert status_index["IndexName"] == "StatusIndex"
    assert status_index["KeySchema"] == [
        {"AttributeName": "status", "KeyType": "HASH"},
        {"AttributeName": "created_at", "KeyType": "RANGE"},
    ]
    fields = {"ticket_number", "caller_id", "issue_description", "priority", "assignee"}
    assert status_index["Projection"]["ProjectionType"] == "INCLUDE"
    times = {"updated_at", "answered_at", "resolved_at", "expires_at"}
    assert set(status_index["Projection"]["NonKeyAttributes"]) == fields | times
    for index, index_name, hash_key in zip(
        queue_indexes, ("StatusQueueIndex", "QueueIndex"), ("status", "queue"), strict=True
    ):
        assert index["IndexName"] == index_name
        assert index["KeySchema"] == [
            {"AttributeName": hash_key, "KeyType": "HASH"},
            {"AttributeName": "queue_position", "KeyType": "RANGE"},
        ]
        assert index["Projection"]["ProjectionType"] == "INCLUDE"
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"] is True
    backups = dynamodb().describe_continuous_backups(TableName=name)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    tags = dynamodb().list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert tags == [{"Key": "application", "Value": "itsm-app"}]
    expiry = dynamodb().describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_second_run_reports_the_existing_table_and_changes_nothing(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str
) -> None:
    init_db()
    faults.operations.clear()
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == already_exists(name)
    assert set(faults.operations) == {"DescribeTable", "DescribeTimeToLive", "Query"}


def test_adds_the_status_index_to_an_older_table_and_keeps_its_items(
    init_db: Callable[..., Result], name: str
) -> None:
    create_table(name, GlobalSecondaryIndexes=DEFINITION["GlobalSecondaryIndexes"][:1])
    texts = {"ticket_id": "old", "status": "open", "created_at": TIME, "updated_at": TIME}
    texts |= {"caller_id": "x", "issue_description": "x"}
    item = {name: {"S": text} for name, text in texts.items()}
    dynamodb().put_item(TableName=name, Item=item)
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == already_exists(name)
    found = dynamodb().query(
        TableName=name,
        IndexName="StatusIndex",
        KeyConditionExpression="#status = :open",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":open": {"S": "open"}},
    )
    (found_item,) = found["Items"]
    assert found_item.items() >= item.items()


@pytest.mark.usefixtures("ticket_model")
def test_corrects_the_places_of_tickets_that_an_earlier_release_wrote(
    init_db: Callable[..., Result], name: str
) -> None:
    create_table(name, GlobalSecondaryIndexes=DEFINITION["GlobalSecondaryIndexes"][:2])
    for status in ("open", "in_progress", "resolved", "closed"):
        put_without_place(name, status, status)
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("The places of 2 tickets in the desk's lists were corrected.")
    place = ("unassigned", f"1 {TIME}")
    assert places(name) == {"open": place, "in_progress": place}
    # The earlier release, which still runs, creates a ticket and changes two.
    put_without_place(name, "new", "open")
    set_field(name, "open", "status", "resolved")
    set_field(name, "in_progress", "assignee", "anna")
    assert init_db().stdout.startswith(
        "The places of 3 tickets in the desk's lists were corrected."
    )
    # A resolved ticket without an assignee is in no queue.
    assert places(name) == {"new": place, "in_progress": ("assignee anna", f"1 {TIME}")}
    assert init_db().stdout == already_exists(name)


@pytest.mark.usefixtures("ticket_model")
def test_reports_an_index_that_cannot_be_added(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str
) -> None:
    create_table(name, GlobalSecondaryIndexes=DEFINITION["GlobalSecondaryIndexes"][:2])
    faults.faults.append(at("UpdateTable", refuse("AccessDeniedException")))
    result = init_db()
    assert result.exit_code == 1
    assert "the desk's lists are not complete" in result.stderr


@pytest.mark.usefixtures("ticket_model")
@pytest.mark.parametrize("operation", ["GetItem", "UpdateItem"])
def test_leaves_a_ticket_alone_that_changes_meanwhile(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str, operation: str
) -> None:
    create_table(name)
    put_without_place(name, "a", "open")

    def change_first(engine: FaultyDynamoDB) -> Any:
        if operation == "GetItem":
            dynamodb().delete_item(TableName=name, Key={"ticket_id": {"S": "a"}})
        else:
            set_field(name, "a", "updated_at", f"{TIME}1")
        return apply(engine)

    faults.faults.append(at(operation, change_first))
    assert init_db().stdout == already_exists(name)
    assert places(name) == {}


@pytest.fixture
def ticket_model(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the model use the table `name`."""
    monkeypatch.setattr(Ticket.Meta, "table_name", name)
    monkeypatch.setattr(Ticket, "_connection", None)


def put_without_place(name: str, ticket_id: str, status: str) -> None:
    texts = {"ticket_id": ticket_id, "status": status, "created_at": TIME, "updated_at": TIME}
    texts |= {"caller_id": "x", "issue_description": "x", "priority": "urgent"}
    dynamodb().put_item(TableName=name, Item={n: {"S": text} for n, text in texts.items()})


def set_field(name: str, ticket_id: str, field: str, text: str) -> None:
    dynamodb().update_item(
        TableName=name,
        Key={"ticket_id": {"S": ticket_id}},
        UpdateExpression="SET #field = :text",
        ExpressionAttributeNames={"#field": field},
        ExpressionAttributeValues={":text": {"S": text}},
    )


def places(name: str) -> dict[str, tuple[str, str]]:
    """Return the queue and the position of each ticket in a queue."""
    return {
        each["ticket_id"]["S"]: (each["queue"]["S"], each["queue_position"]["S"])
        for each in dynamodb().scan(TableName=name, IndexName="QueueIndex")["Items"]
    }


WITHOUT_STATUS_INDEX = [
    each for each in DEFINITION["GlobalSecondaryIndexes"] if each["IndexName"] != "StatusIndex"
]


def test_creates_an_index_after_a_lost_response(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str
) -> None:
    create_table(name, GlobalSecondaryIndexes=WITHOUT_STATUS_INDEX)
    faults.operations.clear()
    # DescribeTable, the wait, DescribeTable twice, and UpdateTable with a lost response. The retry
    # of UpdateTable then fails, because DynamoDB already creates the index.
    faults.faults.extend([*[apply] * 4, apply_and_drop, refuse("ResourceInUseException")])
    assert init_db().exit_code == 0
    assert faults.operations.count("UpdateTable") == 2
    assert len(dynamodb().describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"]) == 4


def test_reports_an_index_that_cannot_be_created(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str
) -> None:
    create_table(name, GlobalSecondaryIndexes=WITHOUT_STATUS_INDEX)
    faults.faults.extend([apply, apply, apply, refuse("ResourceInUseException")])
    result = init_db()
    assert result.exit_code == 1
    assert (
        "was not created: DynamoDB rejected the request or did not respond (ResourceInUse"
        in result.stderr
    )


def test_waits_until_an_index_is_active(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str
) -> None:
    create_table(name)
    table = dynamodb().describe_table(TableName=name)["Table"]
    parts = {part: table[part] for part in ("KeySchema", "AttributeDefinitions", "TableStatus")}
    parts["BillingModeSummary"] = {"BillingMode": "PAY_PER_REQUEST"}
    indexes = table["GlobalSecondaryIndexes"]
    indexes[1]["IndexStatus"] = "CREATING"
    creating = {"Table": {**parts, "GlobalSecondaryIndexes": indexes}}
    faults.operations.clear()
    faults.faults.extend([apply, apply, *[answer(json.dumps(creating).encode())] * 2])
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    waiting = [*["DescribeTable"] * 5, "DescribeTimeToLive", "UpdateTimeToLive"]
    assert faults.operations[: len(waiting)] == waiting


MISMATCHES: list[tuple[dict[str, Any], str]] = [
    (
        {
            "KeySchema": [
                {"AttributeName": "caller_id", "KeyType": "HASH"},
                {"AttributeName": "ticket_id", "KeyType": "RANGE"},
            ]
        },
        "the key must be ticket_id (HASH, S), but it is caller_id (HASH, S) and ticket_id (RANGE,",
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
        "the billing mode must be PAY_PER_REQUEST, but it is PROVISIONED",
    ),
    (
        {
            "GlobalSecondaryIndexes": [
                {**DEFINITION["GlobalSecondaryIndexes"][0], "IndexName": "OtherIndex"}
            ]
        },
        "the index CallerIdIndex must be caller_id (HASH, S) and created_at (RANGE, S) with"
        " projection ALL, but it is missing",
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
        " with projection KEYS_ONLY",
    ),
]


@pytest.mark.parametrize(("change", "difference"), MISMATCHES)
def test_reports_how_an_existing_table_differs_from_the_definition(
    init_db: Callable[..., Result],
    name: str,
    change: dict[str, Any],
    difference: str,
) -> None:
    create_table(name, **change)
    result = init_db()
    assert result.exit_code == 1
    assert result.stdout == ""
    assert difference in result.stderr
    assert "Traceback" not in result.stderr


def test_reports_missing_credentials(init_db: Callable[..., Result]) -> None:
    result = init_db(
        **NO_KEYS,
        AWS_SHARED_CREDENTIALS_FILE="/nonexistent",
        AWS_CONFIG_FILE="/nonexistent",
    )
    assert result.exit_code == 1
    assert "there are no AWS credentials; sign in, or set AWS_PROFILE." in result.stderr
    assert len(result.stderr.splitlines()) == 1


# The settings of the AWS SDK, and what the message says. None: the app ignores the setting.
SDK_SETTINGS = [
    ({"AWS_PROFILE": "no-such-profile"}, "correct AWS_PROFILE"),
    ({"AWS_DEFAULT_PROFILE": "no-such-profile"}, "this AWS profile does not exist"),
    ({"AWS_DEFAULTS_MODE": "bogus"}, "the variable AWS_DEFAULTS_MODE is not valid"),
    (
        {"AWS_STS_REGIONAL_ENDPOINTS": "bogus", "AWS_CONFIG_FILE": "{role}"} | NO_KEYS,
        "AWS_STS_REGIONAL_ENDPOINTS is not valid",
    ),
    (
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "bogus"},
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is not valid",
    ),
    ({"AWS_METADATA_SERVICE_TIMEOUT": "x"}, "AWS_METADATA_SERVICE_TIMEOUT and"),
    ({"AWS_REQUEST_CHECKSUM_CALCULATION": "bogus"}, "request_checksum_calculation"),
    ({"AWS_ACCOUNT_ID_ENDPOINT_MODE": "bogus"}, "account_id_endpoint_mode"),
    ({"AWS_CONFIG_FILE": "{invalid}"}, "{invalid}"),
    ({"AWS_SHARED_CREDENTIALS_FILE": "{invalid}"} | NO_KEYS, "{invalid}"),
    ({"AWS_SHARED_CREDENTIALS_FILE": "{half}"} | NO_KEYS, "missing: aws_secret_access_key"),
    ({"AWS_ENDPOINT_URL_DYNAMODB": "bogus"}, "Invalid endpoint: bogus"),
    (
        {"AWS_CA_BUNDLE": "/missing", "AWS_ENDPOINT_URL_DYNAMODB": "{https}"},
        "correct the variable AWS_CA_BUNDLE",
    ),
    ({"AWS_ENDPOINT_DISCOVERY_ENABLED": "true"}, None),
    ({"AWS_STS_REGIONAL_ENDPOINTS": "bogus"}, None),
    ({"AWS_RETRY_MODE": "bogus"}, None),
    ({"AWS_MAX_ATTEMPTS": "x"}, None),
]


@pytest.mark.parametrize(
    ("environment", "message"),
    one_per_path(SDK_SETTINGS, lambda case: case in SDK_SETTINGS[0::5]),
    ids=lambda value: next(iter(value or ["ignored"])),
)
def test_names_the_setting_of_the_aws_sdk_that_is_wrong(
    init_db: Callable[..., Result],
    faults: FaultyDynamoDB,
    tmp_path: Path,
    environment: dict[str, str | None],
    message: str | None,
) -> None:
    places = {
        "invalid": str(tmp_path / "invalid"),
        "half": str(tmp_path / "half"),
        "role": str(tmp_path / "role"),
        "https": faults.url.replace("http:", "https:"),
    }
    Path(places["invalid"]).write_text("[default\n")
    Path(places["half"]).write_text("[default]\naws_access_key_id = x\n")
    Path(places["role"]).write_text(
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = b\n"
        "[profile b]\naws_access_key_id = x\naws_secret_access_key = y\n"
    )
    filled = {name: value and value.format(**places) for name, value in environment.items()}
    result = init_db(**filled)
    if message is None:
        assert (result.exit_code, result.stderr) == (0, "")
    else:
        assert result.exit_code == 1
        assert message.format(**places) in result.stderr.splitlines()[-1]
        assert "TABLE_NAME" not in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("code", [code for code in REMEDIES if code.endswith("Exception")])
def test_reports_a_dynamodb_error_with_its_remedy(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, code: str
) -> None:
    faults.faults.append(refuse(code))
    result = init_db()
    assert result.exit_code == 1
    assert REMEDIES[code] in result.stderr
    assert faults.operations == ["DescribeTable"]


def test_waits_until_the_table_is_active(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("botocore.waiter.time", SimpleNamespace(sleep=waits.append))
    creating = answer(b'{"Table": {"TableStatus": "CREATING"}}')
    faults.faults.extend([apply, apply, creating])
    assert init_db().exit_code == 0
    assert faults.operations[:4] == ["DescribeTable", "CreateTable", *["DescribeTable"] * 2]
    assert waits == [1]


def test_creates_the_table_after_a_lost_response(
    init_db: Callable[..., Result], faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([apply, apply_and_drop])
    result = init_db()
    assert result.exit_code == 0
    assert result.stdout.endswith("was created.\n")
    assert faults.operations[:3] == ["DescribeTable", "CreateTable", "CreateTable"]
    assert faults.operations[-3:] == ["UpdateContinuousBackups", *TURN_ON_EXPIRY]


def test_reports_a_table_that_cannot_be_created(
    init_db: Callable[..., Result], faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([apply, refuse("LimitExceededException")])
    result = init_db()
    assert result.exit_code == 1
    assert (
        "was not created: DynamoDB rejected the request or did not respond (LimitExceeded"
        in result.stderr
    )


def test_reports_an_endpoint_that_refuses_connections(init_db: Callable[..., Result]) -> None:
    result = init_db(AWS_ENDPOINT_URL_DYNAMODB=f"http://127.0.0.1:{free_port()}")
    assert result.exit_code == 1
    assert "was not created: DynamoDB cannot be reached; check the network" in result.stderr


@pytest.mark.parametrize("lost", [[reset], [apply, apply_and_drop]])
def test_turns_on_time_to_live_once_despite_a_lost_response(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str, lost: list[Any]
) -> None:
    create_table(name)
    faults.operations.clear()
    faults.faults.extend([*[apply] * 3, *lost])
    assert init_db().exit_code == 0
    assert faults.operations.count("UpdateTimeToLive") == 1
    found = dynamodb().describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert found == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_reports_that_the_lists_of_the_desk_are_not_complete(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str
) -> None:
    create_table(name)
    faults.faults.extend([*[apply] * 5, refuse("AccessDeniedException")])
    result = init_db()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "but the desk's lists are not complete: these AWS credentials" in result.stderr


def test_reports_that_time_to_live_cannot_be_turned_on(
    init_db: Callable[..., Result], faults: FaultyDynamoDB, name: str
) -> None:
    create_table(name)
    faults.faults.extend([*[apply] * 4, refuse("AccessDeniedException")])
    result = init_db()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "the tickets that expire by RETENTION_DAYS: these AWS" in result.stderr
    assert f"aws dynamodb update-time-to-live --region us-east-1 --table-name {name}" in (
        result.stderr
    )


def test_reports_that_point_in_time_recovery_cannot_be_turned_on(
    init_db: Callable[..., Result], faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([*BEFORE_RECOVERY, refuse("AccessDeniedException")])
    result = init_db()
    assert result.exit_code == 1
    assert "was created, but without point-in-time recovery" in result.stderr
    assert "aws dynamodb update-continuous-backups --region us-east-1" in result.stderr


NOT_READY = refuse("ContinuousBackupsUnavailableException")


def test_retries_point_in_time_recovery_until_backups_are_available(
    init_db: Callable[..., Result], faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([*BEFORE_RECOVERY, NOT_READY, NOT_READY])
    result = init_db()
    assert (result.exit_code, result.stderr) == (0, "")
    assert faults.operations[-5:] == ["UpdateContinuousBackups"] * 3 + TURN_ON_EXPIRY


@pytest.mark.exhaustive
def test_gives_up_point_in_time_recovery_after_60_attempts(
    init_db: Callable[..., Result], faults: FaultyDynamoDB
) -> None:
    faults.faults.extend([*BEFORE_RECOVERY, *[NOT_READY] * 60])
    result = init_db()
    assert result.exit_code == 1
    assert "was created, but without point-in-time recovery" in result.stderr
    assert faults.operations.count("UpdateContinuousBackups") == 60
