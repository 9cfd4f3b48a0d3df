"""Run a Lambda handler as Lambda does, and measure its CPU. `lambda_process` starts this script.

`python -I -S -B lambda_runtime.py REPORTS FOLDER MODULE` imports `MODULE` from `FOLDER`. Then it
reads lines of JSON, `[event, calls]`, and calls the handler `calls` times, each time with a new
copy of the event. After the import and after each line, it writes one line of JSON to the file
descriptor `REPORTS`. The script imports few modules, because they count in the measured CPU.
"""

import importlib
import json
import os
import sys
import time
from types import SimpleNamespace

# See "Using the Lambda context object to retrieve Python function information" in the AWS Lambda
# guide.
CONTEXT = SimpleNamespace(
    aws_request_id="8476a536-e9f4-11e8-9739-2dfe598c3fcd",
    function_name="poc-itsm-api-handler",
    function_version="1",
    get_remaining_time_in_millis=lambda: 10_000,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:poc-itsm-api-handler",
    log_group_name="/aws/lambda/poc-itsm-api-handler",
    log_stream_name="2026/02/09/[1]0123456789abcdef0123456789abcdef",
    memory_limit_in_mb="256",
)


def main(reports: int, folder: str, module: str) -> None:
    sys.path.insert(0, folder)
    handler = importlib.import_module(module).lambda_handler
    report(reports, cpu=time.process_time())
    for line in sys.stdin:
        calls = json.loads(line)[1]
        events = [json.loads(line)[0] for _ in range(calls)]
        start = time.process_time()
        for event in events:
            response = handler(event, CONTEXT)
            assert 200 <= response["statusCode"] < 300, response
        end = time.process_time()
        report(reports, cpu=end, batch=end - start)


def report(reports: int, **values: object) -> None:
    os.write(reports, json.dumps(values).encode() + b"\n")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), *sys.argv[2:])
    except Exception:
        import traceback

        report(int(sys.argv[1]), error=traceback.format_exc())
