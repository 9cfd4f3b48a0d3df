"""Run the two Lambdas that the benchmarks compare: the packaged app, and plain boto3.

Each Lambda is a process of a bare Python interpreter, without `site`, without PYTHON* variables and
without writing byte code. Besides the standard library, the process can import from one folder: the
unzipped package, or `reference.py` with boto3 and its dependencies, all compiled. Byte code that is
invalid in the package is compiled at each start, as on Lambda. Both Lambdas send their requests to
`stub_dynamodb`, over HTTP without TLS.
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
# boto3 and its dependencies.
BOTO3 = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")


class Function(NamedTuple):
    """A Lambda function.

    Attributes:
        folder: The folder that it imports from.
        module: The module of its handler.
        environment: Its environment variables.
    """

    folder: Path
    module: str
    environment: dict[str, str]


class LambdaProcess:
    """A running Lambda. `init` is the CPU in seconds from its start to the end of INIT."""

    def __init__(self, function: Function) -> None:
        read, write = os.pipe()
        script, folder = str(HERE / "lambda_runtime.py"), str(function.folder)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", script, str(write), folder, function.module],
            env=function.environment,
            stdin=subprocess.PIPE,
            # Writing the log takes CPU, as on Lambda. The benchmarks do not read it.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[write],
            text=True,
        )
        os.close(write)
        self._reports = os.fdopen(read)
        self.init = self._read_report()["cpu"]

    def call(self, event: dict[str, Any], calls: int = 1) -> dict[str, float]:
        """Send an event `calls` times. Each call must succeed.

        Returns:
            The CPU in seconds: `batch` for these calls, and `cpu` since the start of the process.
        """
        assert self.process.stdin
        print(json.dumps([event, calls]), file=self.process.stdin, flush=True)
        return self._read_report()

    def resident(self) -> float:
        """Return the resident memory in MiB."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()
        self._reports.close()

    def _read_report(self) -> dict[str, float]:
        report = dict(json.loads(self._reports.readline()))
        if "error" in report:
            raise RuntimeError(report["error"])
        return report


@contextmanager
def functions(package: Path) -> Iterator[tuple[Function, Function]]:
    """Prepare the folders of both functions, start the stub, and yield the functions.

    The first function is the package of this project, and the second one is the reference.
    """
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
    """Fill a folder with the reference, boto3 and its dependencies, with valid byte code."""
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
    """Run the stub and yield its endpoint."""
    command = [sys.executable, "-m", "bench.stub_dynamodb"]
    with subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def environment(task: Path, endpoint: str) -> dict[str, str]:
    """Return the environment variables of a Lambda.

    See "Defined runtime environment variables" in the AWS Lambda guide.
    """
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
