"""Command line and output of the Lambda benchmarks.

The verdict compares a value with its limit. The goal is what the project aims at.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench.lambda_process import Function, functions
from deploy.package import write_zip

HEADS = ("ours", "median", "boto3", "median", "ratio", "limit", "goal")
HEAD = f"{'':34}" + "".join(f"{head:>8}" for head in HEADS)


@contextmanager
def from_command_line(
    description: str | None, runs: int
) -> Iterator[tuple[int, Path, tuple[Function, Function]]]:
    """Read the command line, and yield the number of runs, the zip and the two functions.

    Args:
        description: The description for `--help`.
        runs: The default number of runs.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("-n", type=int, default=runs, help=f"number of runs (default: {runs})")
    parser.add_argument("--zip", type=Path, help="an existing package (default: a new one)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        package = arguments.zip or make_package(Path(folder, "package.zip"))
        with functions(package) as both:
            print_head(arguments.n)
            yield arguments.n, package, both


def print_head(runs: int) -> None:
    versions = f"Python {platform.python_version()}, boto3 {version('boto3')}"
    print(f"{versions}. Times are the lowest and the median of {runs} runs.", HEAD, sep="\n")


def make_package(path: Path) -> Path:
    write_zip(path)
    return path


def print_times(
    name: str,
    seconds: Sequence[tuple[float, float]],
    limit: float | None = None,
    goal: float | None = None,
    relative_to: float | None = None,
) -> None:
    """Print the times in milliseconds and their ratio.

    Args:
        name: The name of the row.
        seconds: The times of this project and of boto3, in each run.
        limit: The highest allowed ratio.
        goal: The ratio that the project aims at.
        relative_to: The time that the ratio divides by. By default boto3's lowest time.
    """
    ours, boto3 = zip(*seconds, strict=True)
    ratio = min(ours) / (relative_to or min(boto3))
    times = min(ours), median(ours), min(boto3), median(boto3)
    cells = "".join(f"{time * 1000:8.2f}" for time in times)
    print(f"{name:34}{cells}{ratio:8.2f}", verdict(ratio, limit, goal), sep="")


def print_size(name: str, ours: float, limit: float, goal: float) -> None:
    print(f"{name:34}{ours:8.2f}{'':32}", verdict(ours, limit, goal), sep="")


def verdict(value: float, limit: float | None, goal: float | None) -> str:
    if limit is None or goal is None:
        return ""
    return f"{limit:8.2f}{goal:8.2f}  {'ok' if value <= limit else 'over'}"
