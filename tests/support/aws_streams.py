"""Patches of ministack 1.5.33 for event source mappings. Each patch has a function of its own."""

from __future__ import annotations

import json
import time
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, lambda_svc

# The actions that have the condition key `lambda:FunctionArn`, and change a mapping.
CHANGES_MAPPING = {
    "lambda:CreateEventSourceMapping",
    "lambda:DeleteEventSourceMapping",
    "lambda:UpdateEventSourceMapping",
}
READS_STREAM = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
MAPPINGS = "/2015-03-31/event-source-mappings"


def check_functions_of_mappings() -> None:
    """Give the conditions of policies the key `lambda:FunctionArn`.

    The value is the function of the mapping. The source is "Actions, resources, and condition keys
    for AWS Lambda".
    """
    extract, tag_context = iam_actions.extract_resource_arn, iam_actions.request_tag_context
    requested: ContextVar[str] = ContextVar("requested", default="")

    def extract_and_remember(
        service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any
    ) -> Any:
        if service == "lambda" and path.startswith(MAPPINGS):
            mapping = lambda_svc._esms.get(path.removeprefix(MAPPINGS).strip("/"))
            requested.set(mapping["FunctionName"] if mapping else "")
            if method == "POST":
                requested.set(json.loads(body)["FunctionName"])
        return extract(service, method, path, headers, body, *rest)

    def context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        function = lambda_svc._func_arn(requested.get())
        of_mapping = {"lambda:FunctionArn": function} if action in CHANGES_MAPPING else {}
        return {**tag_context(service, action, body, params), **of_mapping}

    iam_actions.extract_resource_arn = extract_and_remember
    iam_actions.request_tag_context = context


def create_mappings_only_if_the_role_may_read_the_stream() -> None:
    """Check that the role of the function may read the stream, as AWS does for a new mapping."""
    create = lambda_svc._create_esm

    def may_read(role: str, action: str, stream: str) -> bool:
        account = get_account_id()
        context = iam_evaluator.EvalContext(
            principal_arn=f"arn:aws:sts::{account}:assumed-role/{role}/mapping",
            principal_type="AssumedRole",
            principal_account=account,
            action=f"dynamodb:{action}",
            resource_arn=stream,
            region=get_region(),
        )
        policies = iam_evaluator._gather_role_policies(role, account)
        limits = iam_evaluator._permissions_boundary(iam._roles, role, account)
        return bool(iam_evaluator.evaluate(context, policies, *limits).decision == "Allow")

    def create_if_readable(data: dict[str, Any]) -> Any:
        function = lambda_svc._functions.get(data["FunctionName"])
        stream = data["EventSourceArn"]
        role = function["config"]["Role"].rpartition("/")[2] if function else ""
        if not all(may_read(role, action, stream) for action in READS_STREAM):
            return lambda_svc._invalid_parameter_value(f"Cannot access stream {stream}.")
        return create(data)

    lambda_svc._create_esm = create_if_readable


def repeat_the_records_that_a_function_reports() -> None:
    """Repeat a batch of a stream from the first record in `batchItemFailures`.

    ministack ignores this response for DynamoDB streams. The source is "Configuring partial batch
    response with DynamoDB and Lambda" in the AWS Lambda guide.
    """
    execute, poll = lambda_svc._execute_function, lambda_svc._poll_dynamodb_streams
    # The number of records to repeat, by the stream.
    repeated: dict[str, int] = {}

    def execute_and_remember(function: dict[str, Any], event: Any) -> Any:
        result = execute(function, event)
        records = event.get("Records") if isinstance(event, dict) else None
        if records and records[0].get("eventSource") == "aws:dynamodb":
            body = result.get("body")
            body = json.loads(body) if isinstance(body, str) else body or {}
            failed = {item["itemIdentifier"] for item in body.get("batchItemFailures", [])}
            numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
            first = next((i for i, number in enumerate(numbers) if number in failed), len(numbers))
            repeated[records[0]["eventSourceARN"]] = len(numbers) - first
        return result

    def poll_and_repeat() -> bool:
        processed = bool(poll())
        for account, region, mapping in lambda_svc._iter_all_esms():
            number = repeated.pop(mapping["EventSourceArn"], 0)
            if number and "ReportBatchItemFailures" in mapping["FunctionResponseTypes"]:
                where = account, region, mapping["UUID"]
                position = lambda_svc._dynamodb_stream_positions.get_scoped(*where) - number
                lambda_svc._dynamodb_stream_positions.set_scoped(*where, position)
                lambda_svc._esm_backoff_until.set_scoped(*where, time.time() + 0.2)
        return processed

    lambda_svc._execute_function = execute_and_remember
    lambda_svc._poll_dynamodb_streams = poll_and_repeat
