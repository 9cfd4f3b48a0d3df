"""Tests of the stream handler in the Lambda package under AWS's Lambda runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.package import write_zip

from ..conftest import ON_MOTO
from ..support.lambda_runtime import lambda_runtime
from .test_lambda_runtime import dynamodb_settings

pytestmark = [pytest.mark.runtime, ON_MOTO, pytest.mark.usefixtures("engine")]

# An event in the form of "Using Lambda with DynamoDB" in the AWS Lambda guide.
EVENT = {
    "Records": [
        {
            "eventID": "c4ca4238a0b923820dcc509a6f75849b",
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1796000000,
                "Keys": {"ticket_id": {"S": "0f9d5c1e-6b3a-5e0b-9d0e-3d3b8a5f4c2a"}},
                "NewImage": {
                    "ticket_id": {"S": "0f9d5c1e-6b3a-5e0b-9d0e-3d3b8a5f4c2a"},
                    "caller_id": {"S": "+15550100"},
                    "issue_description": {"S": "My printer is on fire"},
                    "status": {"S": "open"},
                    "created_at": {"S": "2026-11-25T12:20:25.343883Z"},
                    "updated_at": {"S": "2026-11-25T12:20:25.343883Z"},
                    "comments": {"L": []},
                },
                "SequenceNumber": "000000000000000000001",
                "SizeBytes": 200,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/s",
        }
    ]
}


def test_stream_handler_processes_a_change(tmp_path: Path, engine: str) -> None:
    package = tmp_path / "package.zip"
    write_zip(package)
    # The stream handler of a stage has no keys.
    variables = {**dynamodb_settings(engine), "API_KEYS": "", "SEARCH_TABLE": "poc-itsm-search"}
    with lambda_runtime(package, "stream_handler.stream_handler", **variables) as runtime:
        for _ in range(2):
            assert runtime.invoke(EVENT) == {"batchItemFailures": []}
