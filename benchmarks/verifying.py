"""``python -m benchmarks.verifying [--log]``: verify the bench's database once, and print time and memory as JSON."""

import json
import resource
import sys
import time
from pathlib import Path

from benchmarks.database import set_django_up


def _peak() -> float:
    """MiB of this process at its peak. The kernel's other figure counts the process that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)


def main() -> None:
    set_django_up()
    from audits.trail.verification import verify

    begun = time.perf_counter()
    report = verify(log_only="--log" in sys.argv[1:])
    seconds = time.perf_counter() - begun
    findings = [finding.message for step in report.steps for finding in step.findings]
    said = {
        "seconds": seconds,
        "memory": _peak(),
        "entries": report.entries,
        "problem": findings[0] if findings else "",
        "steps": [[step.name, step.seconds] for step in report.steps],
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
