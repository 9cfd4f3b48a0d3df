"""Read the stream of the ticket table and call the stream handler, as Lambda does.

Usage: `python -m tests.support.event_source STREAM_URL CHECKPOINT`. The stream is read from the
DynamoDB at STREAM_URL, and the handler writes to the one that the AWS SDK's variables select. The
work is done in a forked process, whose process id is printed. If it is killed, another process
follows and goes on from the checkpoint, a file. The program ends with its standard input.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import boto3

from deploy.stream_handler import stream_handler
from itsm_app.config import REGION, TABLE_NAME

# Few, so that batches are completed between two kills.
BATCH_RECORDS = 10
POLL_SECONDS = 0.02
# The time that a call of the handler has.
CALL_SECONDS = 60


class EventSource:
    """The event source mapping between a stream and the handler."""

    def __init__(self, url: str, checkpoint: Path) -> None:
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        self._table = boto3.client("dynamodb", REGION, endpoint_url=url, **keys)
        self._streams = boto3.client("dynamodbstreams", REGION, endpoint_url=url, **keys)
        self._file = checkpoint

    def process_batch(self) -> bool:
        """Pass the next records to the handler. Return whether it has processed any."""
        arn = self._table.describe_table(TableName=TABLE_NAME)["Table"]["LatestStreamArn"]
        shards = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        results = [self._process_shard(arn, each["ShardId"]) for each in shards]
        return any(results)

    def _process_shard(self, arn: str, shard: str) -> bool:
        done = self._checkpoints().get(shard)
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if done:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": done}
        iterator = self._streams.get_shard_iterator(StreamArn=arn, ShardId=shard, **start)
        records = self._streams.get_records(
            ShardIterator=iterator["ShardIterator"], Limit=BATCH_RECORDS
        )["Records"]
        if not records:
            return False
        deadline = time.monotonic() + CALL_SECONDS
        context = SimpleNamespace(
            get_remaining_time_in_millis=lambda: (deadline - time.monotonic()) * 1000
        )
        failures = stream_handler({"Records": records}, context)["batchItemFailures"]
        numbers = [each["dynamodb"]["SequenceNumber"] for each in records]
        end = numbers.index(failures[0]["itemIdentifier"]) if failures else len(numbers)
        if end:
            self._store({**self._checkpoints(), shard: numbers[end - 1]})
        return end > 0

    def _checkpoints(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}
        return found

    def _store(self, checkpoints: dict[str, str]) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(checkpoints))
        new.replace(self._file)


def _work(source: EventSource) -> None:
    while True:
        if not source.process_batch():
            time.sleep(POLL_SECONDS)


def _end_with_stdin(child: list[int]) -> None:
    sys.stdin.read()
    os.kill(child[0], signal.SIGKILL)
    os._exit(0)


def main(stream_url: str, checkpoint: str) -> None:
    """Run the work in one forked process after the other."""
    source = EventSource(stream_url, Path(checkpoint))
    child = [0]
    started = False
    # The handler writes its log to the standard output.
    pids = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    while True:
        child[0] = os.fork()
        if not child[0]:
            try:
                _work(source)
            finally:
                os._exit(1)
        if not started:
            threading.Thread(target=_end_with_stdin, args=[child], daemon=True).start()
            started = True
        print(child[0], file=pids, flush=True)
        os.waitpid(child[0], 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
