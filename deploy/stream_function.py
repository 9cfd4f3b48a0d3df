"""The second Lambda function of a stage with search, and the mapping of the stream to it."""

from __future__ import annotations

import hashlib
import time
from base64 import b64encode
from typing import Any

from click import ClickException, echo

from . import function_role, log_group

MAPPING = {
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 4,
}
# Lambda does not accept a change of a mapping in these states ("EventSourceMappingConfiguration" in
# the Lambda API Reference).
CHANGING = {"Creating", "Deleting", "Disabling", "Enabling", "Updating"}
CHANGE_SECONDS = 120
SECONDS_BETWEEN_LOOKS = 2


def exists(cli: Any, names: dict[str, str]) -> bool:
    """Return whether the function exists."""
    return _find(cli, names["stream_handler"]) is not None


def deploy(cli: Any, names: dict[str, str], stream: str) -> None:
    """Create or update the function and the mapping of the stream.

    Args:
        cli: The `ZappaCLI`. Its attribute `package` is the content of the zip.
        names: The result of `policies.names`.
        stream: The ARN of the stream.
    """
    name = names["stream_handler"]
    log_group.create(cli, name)
    role = function_role.wait_until_usable(cli.zappa.iam_client, names["stream_role"])
    configuration = {
        "Description": cli.lambda_description,
        "Environment": {"Variables": _variables(names)},
        "Handler": "stream_handler.stream_handler",
        "MemorySize": 256,
        "Role": role,
        "Runtime": cli.runtime,
        "Timeout": 60,
    }
    found = _find(cli, name)
    if found is None:
        _create(cli, name, configuration)
    else:
        _update(cli, found, configuration)
    _map(cli.zappa.lambda_client, name, stream)
    echo(f"Deployed the stream handler {name}.")


def remove(cli: Any, names: dict[str, str]) -> None:
    """Delete the mapping and the function if they exist."""
    client, name = cli.zappa.lambda_client, names["stream_handler"]
    if exists(cli, names):
        for mapping in _mappings(client, name):
            client.delete_event_source_mapping(UUID=mapping["UUID"])
        client.delete_function(FunctionName=name)
        echo(f"Deleted the stream handler {name}.")


def _variables(names: dict[str, str]) -> dict[str, str]:
    return {
        "TABLE_NAME": names["table"],
        "REGION": names["region"],
        "STAGE": names["stage"],
        "SEARCH_TABLE": names["search_table"],
    }


def _find(cli: Any, name: str) -> dict[str, Any] | None:
    """Return the configuration of the function."""
    client = cli.zappa.lambda_client
    try:
        return dict(client.get_function(FunctionName=name)["Configuration"])
    except client.exceptions.ResourceNotFoundException:
        return None


def _create(cli: Any, name: str, configuration: dict[str, Any]) -> None:
    client = cli.zappa.lambda_client
    client.create_function(
        FunctionName=name,
        Architectures=[cli.architecture],
        Code={"ZipFile": cli.package},
        Tags=cli.tags,
        **configuration,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)


def _update(cli: Any, found: dict[str, Any], configuration: dict[str, Any]) -> None:
    client, name = cli.zappa.lambda_client, found["FunctionName"]
    updated = client.get_waiter("function_updated_v2")
    if found["CodeSha256"] != b64encode(hashlib.sha256(cli.package).digest()).decode():
        client.update_function_code(FunctionName=name, ZipFile=cli.package)
        updated.wait(FunctionName=name)
    changes = {key: value for key, value in configuration.items() if found.get(key) != value}
    if changes:
        client.update_function_configuration(FunctionName=name, **changes)
        updated.wait(FunctionName=name)
    client.tag_resource(Resource=found["FunctionArn"], Tags=cli.tags)


def _map(client: Any, name: str, stream: str) -> None:
    """Create the mapping of the stream or apply changed values. Delete mappings of other streams.

    A table has another stream after its stream was turned off and on.
    """
    mapping = None
    for found in _mappings(client, name):
        if found["EventSourceArn"] == stream:
            mapping = found
        else:
            client.delete_event_source_mapping(UUID=found["UUID"])
    if mapping is None:
        client.create_event_source_mapping(
            FunctionName=name, EventSourceArn=stream, StartingPosition="TRIM_HORIZON", **MAPPING
        )
    elif any(mapping.get(key) != value for key, value in MAPPING.items()):
        client.update_event_source_mapping(UUID=mapping["UUID"], **MAPPING)


def _mappings(client: Any, name: str) -> list[dict[str, Any]]:
    """Wait until no mapping of the function changes, and return the mappings.

    Raises:
        ClickException: A mapping still changes after two minutes.
    """
    deadline = time.monotonic() + CHANGE_SECONDS
    while True:
        found = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        if not any(mapping["State"] in CHANGING for mapping in found):
            return list(found)
        if time.monotonic() > deadline:
            raise ClickException(
                f"Lambda still changes the event source mapping of {name}. Run the command again"
                " in a minute."
            )
        time.sleep(SECONDS_BETWEEN_LOOKS)
