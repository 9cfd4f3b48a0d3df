"""How the Lambda benchmarks are run and printed: against the targets, each with its goal."""

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

HEADS = ("ours", "median", "boto3", "median", "ratio", "target", "goal")
HEAD = f"{'':34}" + "".join(f"{head:>8}" for head in HEADS)


@contextmanager
def from_command_line(
    description: str | None, runs: int
) -> Iterator[tuple[int, Path, tuple[Function, Function]]]:
    """Read the command line; return the number of runs, the zip, and the two functions."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("-n", type=int, default=runs, help=f"runs of each, in turn ({runs})")
    parser.add_argument("--zip", type=Path, help="a package that is there (made now)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        package = asked.zip or make_package(Path(folder, "package.zip"))
        with functions(package) as both:
            print_head(asked.n)
            yield asked.n, package, both


def print_head(runs: int) -> None:
    versions = f"Python {platform.python_version()}, boto3 {version('boto3')} as installed here"
    print(f"{versions}. Times are the least and the median of {runs} runs.", HEAD, sep="\n")


def make_package(path: Path) -> Path:
    write_zip(path)
    return path


def print_times(
    name: str,
    seconds: Sequence[tuple[float, float]],
    target: float | None = None,
    goal: float | None = None,
    of: float | None = None,
) -> None:
    """Print milliseconds of ours and boto3's, and the ratio of the leasts (or of ours to `of`)."""
    ours, boto3 = zip(*seconds, strict=True)
    ratio = min(ours) / (of or min(boto3))
    times = min(ours), median(ours), min(boto3), median(boto3)
    cells = "".join(f"{time * 1000:8.2f}" for time in times)
    print(f"{name:34}{cells}{ratio:8.2f}", verdict(ratio, target, goal), sep="")


def print_size(name: str, ours: float, target: float, goal: float) -> None:
    print(f"{name:34}{ours:8.2f}{'':32}", verdict(ours, target, goal), sep="")


def verdict(value: float, target: float | None, goal: float | None) -> str:
    if target is None or goal is None:
        return ""
    return f"{target:8.2f}{goal:8.2f}  {'ok' if value <= target else 'over'}"
