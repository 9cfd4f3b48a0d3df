"""The two Lambdas that the benchmarks compare, as processes: the packaged app, and plain boto3.

Each is a bare interpreter (no site, no PYTHON* variables, no byte code written) that sees one
folder beside the standard library: the unzipped package, or `reference.py` with boto3 and what
boto3 needs, all compiled. Byte code that is invalid as packaged is compiled at each start, as on
Lambda. Both ask `stub_dynamodb`, over HTTP without TLS.
"""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import psutil

from bench.stub_dynamodb import BOTO3_TABLE
from tests.support.api_gateway import API_KEYS

HERE = Path(__file__).parent
BOTO3 = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")


class Function(NamedTuple):
    """A Lambda function: the folder it sees, its handler's module, its environment."""

    folder: Path
    module: str
    environment: dict[str, str]


class LambdaProcess:
    """A running Lambda. `init` is its CPU in seconds from the process's start to INIT's end."""

    def __init__(self, function: Function) -> None:
        read, write = os.pipe()
        script, folder = str(HERE / "lambda_runtime.py"), str(function.folder)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", script, str(write), folder, function.module],
            env=function.environment,
            stdin=subprocess.PIPE,
            # The log is written and paid for, and read by nobody.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[write],
            text=True,
        )
        os.close(write)
        self._answers = os.fdopen(read)
        self.init = self._answer()["cpu"]

    def call(self, event: dict[str, Any], calls: int = 1) -> dict[str, float]:
        """Make calls, each of which must succeed.

        Returns CPU in seconds: `batch`, of these calls, and `cpu`, since the process's start.
        """
        assert self.process.stdin
        print(json.dumps([event, calls]), file=self.process.stdin, flush=True)
        return self._answer()

    def resident(self) -> float:
        """Return the memory that it holds, in MiB."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()
        self._answers.close()

    def _answer(self) -> dict[str, float]:
        answer = dict(json.loads(self._answers.readline()))
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer


@contextmanager
def functions(package: Path) -> Iterator[tuple[Function, Function]]:
    """Unzip ours, collect the reference's folder, start the stub; return both functions."""
    with tempfile.TemporaryDirectory() as folder, stub_dynamodb() as endpoint:
        task, reference = Path(folder, "task"), Path(folder, "reference")
        with ZipFile(package) as file:
            file.extractall(task)
        collect_reference(reference)
        yield (
            Function(task, "lambda_handler", environment(task, endpoint)),
            Function(
                reference,
                "lambda_function",
                environment(reference, endpoint) | {"TABLE_NAME": BOTO3_TABLE},
            ),
        )


def collect_reference(folder: Path) -> None:
    """Fill a folder with what a user's handler sees, with valid byte code."""
    folder.mkdir()
    shutil.copy(HERE / "reference.py", folder / "lambda_function.py")
    for name in BOTO3:
        installed = Path(sysconfig.get_path("purelib"), name)
        (folder / name).symlink_to(installed)
        if installed.is_dir():
            compileall.compile_dir(installed, quiet=1)
    compileall.compile_dir(folder, quiet=1)


@contextmanager
def stub_dynamodb() -> Iterator[str]:
    """Run the stub and return its endpoint."""
    command = [sys.executable, "-m", "bench.stub_dynamodb"]
    with subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def environment(task: Path, endpoint: str) -> dict[str, str]:
    """Return a Lambda's: "Defined runtime environment variables" in the AWS Lambda guide."""
    return {
        "API_KEYS": API_KEYS,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": "poc-itsm-api-handler",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token" * 100,
        "LAMBDA_TASK_ROOT": str(task),
        "LANG": "en_US.UTF-8",
        "PATH": os.environ["PATH"],
        "REGION": "us-east-1",
        "STAGE": "poc",
        "TABLE_NAME": "poc-itsm-tickets",
        "TZ": ":UTC",
    }
