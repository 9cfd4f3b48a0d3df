"""Cold start of the packaged Lambda and of plain boto3: `.venv/bin/python -m bench.cold_start`.

Each run starts a new process of each Lambda in turn. The process creates a ticket and gets one. A
ratio divides the lowest times. The line "of that, after INIT" divides by the same time as the line
above it: boto3's lowest time from the start to the second response.
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
    print_times("CPU ms to the first two responses", whole, 1.0, 1.0)
    boto3_time = min(seconds for _, seconds in whole)
    print_times("  of that, after INIT", after, 0.05, 0.03, relative_to=boto3_time)
    print_size("resident MiB after two responses", median(mib for mib, _ in resident), 50, 46)
    print_size("zip, MB", size, 3.0, 2.5)


def cold_start(function: Function) -> tuple[float, float, float, float]:
    """Start a process and send two requests.

    Returns:
        The CPU in seconds to the end of INIT, to the second response, and between the two; and the
        resident memory in MiB.
    """
    with closing(LambdaProcess(function)) as process:
        process.call(events.CREATE)
        whole = process.call(events.GET)["cpu"]
        return process.init, whole, whole - process.init, process.resident()


if __name__ == "__main__":
    main()
