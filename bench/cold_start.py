"""Cold start of the packaged Lambda, beside plain boto3: `.venv/bin/python -m bench.cold_start`.

Fresh processes of the two, in turn, each asked to create a ticket and then to get one. Ratios are
of the least times. What is left after INIT is a share of the same whole as the line above it:
boto3's time from its start to its second answer.
"""

from __future__ import annotations

from contextlib import closing
from statistics import median

from bench import comparison, events
from bench.comparison import print_size, print_times
from bench.lambda_process import Function, LambdaProcess


def main() -> None:
    """Run the comparison and print it."""
    with comparison.from_command_line(__doc__, runs=11) as (runs, package, (ours, boto3)):
        init, whole, after, resident = zip(
            *(zip(cold_start(ours), cold_start(boto3), strict=True) for _ in range(runs)),
            strict=True,
        )
        size = package.stat().st_size / 1e6
    print_times("CPU ms to the end of INIT", init)
    print_times("CPU ms to the first two answers", whole, 1.0, 1.0)
    print_times("  of that, after INIT", after, 0.05, 0.03, of=min(theirs for _, theirs in whole))
    print_size("resident MiB after two answers", median(held for held, _ in resident), 50, 46)
    print_size("zip, MB", size, 3.0, 2.5)


def cold_start(function: Function) -> tuple[float, float, float, float]:
    """Start a process and ask it twice.

    Returns CPU seconds to the end of INIT, to the second answer, and between; and resident MiB.
    """
    with closing(LambdaProcess(function)) as process:
        process.call(events.CREATE)
        whole = process.call(events.GET)["cpu"]
        return process.init, whole, whole - process.init, process.resident()


if __name__ == "__main__":
    main()
