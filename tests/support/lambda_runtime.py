"""Run a Lambda package locally: AWS's runtime interface client under the AWS emulator."""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.support.ports import free_port

from .api_gateway import API_KEYS, STAGE, ApiResponse, event
from .flask_run import is_running

HOME = Path(__file__).parent.parent.parent / ".cache" / "lambda-runtime"
LOOPBACK = "127.0.0.1"
HANDLER = "lambda_handler.lambda_handler"
MEMORY_MB = 256
TIMEOUT_SECONDS = 10
# Replaces /var/runtime/bootstrap of the Lambda image.
# - `ulimit -d` (RLIMIT_DATA, in KiB) limits the private memory of the process: heap and stacks,
#   used or not. Lambda counts used memory and kills the process; here an allocation above the limit
#   raises MemoryError.
# - `-S` skips the `site` module, so the function cannot import packages of the test environment.
BOOTSTRAP = """#!/bin/sh
ulimit -d {kilobytes}
exec {python} -S -m awslambdaric "$1" >> {log} 2>&1
"""


class LambdaRuntime:
    """One sandbox: the emulator, and the function that starts with the first event."""

    def __init__(self, process: psutil.Popen, port: int, log: Path) -> None:
        self._process = process
        self._url = f"http://{LOOPBACK}:{port}/2015-03-31/functions/function/invocations"
        self._log = log
        self._read = 0

    def invoke(self, event: Any) -> Any:
        """Send an event. Return the result of the function, or the error object of Lambda."""
        data = event if isinstance(event, bytes) else json.dumps(event).encode()
        response = requests.post(self._url, data=data, timeout=2 * TIMEOUT_SECONDS)
        return response.json()

    def request(self, method: str, path: str, **options: Any) -> ApiResponse:
        """Send the event of an HTTP request. `options` are those of `api_gateway.event`."""
        return ApiResponse(self.invoke(event(method, path, **options)))

    def read_log(self) -> str:
        """Return the output of the function, stdout and stderr, since the last call."""
        text = self._log.read_bytes()[self._read :].decode()
        self._read += len(text.encode())
        return text

    def processes(self) -> list[psutil.Process]:
        """Return the processes of the emulator and of the function."""
        return [self._process, *self._process.children(recursive=True)]

    def peak_memory(self) -> int:
        """Return the peak memory of the function so far, in MB."""
        (function,) = self._process.children(recursive=True)
        status = Path(f"/proc/{function.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    def stop(self) -> None:
        """Kill all processes. They must exit within five seconds."""
        alive = self.processes()
        for process in alive:
            process.kill()
        self._process.wait()
        deadline = time.monotonic() + 5
        while any(is_running(process) for process in alive):
            assert time.monotonic() < deadline, "the function still runs after its emulator exited"
            time.sleep(0.02)


@contextmanager
def lambda_runtime(
    package: Path, handler: str = HANDLER, **environment: str
) -> Iterator[LambdaRuntime]:
    """Unzip `package`, run its handler in a sandbox, and clean up at the end."""
    if not HOME.exists():
        raise FileNotFoundError("AWS's Lambda runtime is missing. Run .ci/lambda-runtime first.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        task = folder / "task"
        zipfile.ZipFile(package).extractall(task)
        log = folder / "log"
        log.touch()
        port = free_port()
        command = [str(HOME / "aws-lambda-rie"), "--log-level", "error"]
        command += ["--runtime-interface-emulator-address", f"{LOOPBACK}:{port}"]
        command += ["--runtime-api-address", f"{LOOPBACK}:{free_port()}"]
        command += [str(_bootstrap(folder, log)), handler]
        variables = _environment(task) | environment
        with (folder / "emulator").open("wb") as output:
            process = psutil.Popen(command, cwd=task, env=variables, stdout=output, stderr=output)
        runtime = LambdaRuntime(process, port, log)
        try:
            _wait_until_listening(process, port)
            yield runtime
        finally:
            runtime.stop()


def _bootstrap(folder: Path, log: Path) -> Path:
    file = folder / "bootstrap"
    kilobytes = MEMORY_MB * 1024
    file.write_text(BOOTSTRAP.format(kilobytes=kilobytes, python=sys.executable, log=log))
    file.chmod(0o700)
    return file


def _environment(task: Path) -> dict[str, str]:
    # "Defined runtime environment variables" in the AWS Lambda guide. AWS_LAMBDA_FUNCTION_TIMEOUT
    # is the emulator's own setting.
    return {
        "API_KEYS": API_KEYS,
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
        "AWS_LAMBDA_FUNCTION_NAME": f"{STAGE}-itsm-api-handler",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(TIMEOUT_SECONDS),
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "LAMBDA_RUNTIME_DIR": str(HOME / "client"),
        "LAMBDA_TASK_ROOT": str(task),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(HOME / "client"),
        "REGION": "us-east-1",
        "STAGE": STAGE,
        "TABLE_NAME": f"{STAGE}-itsm-tickets",
        "TZ": ":UTC",
    }


def _wait_until_listening(process: psutil.Popen, port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((LOOPBACK, port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise AssertionError("the emulator does not listen on its port")
