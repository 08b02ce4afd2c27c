"""The benchmarks' command and the form of their rows. Nothing is timed here: a benchmark is no test."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.rows import absolute, compare, table, write_json

ROOT = Path(__file__).resolve().parents[2]
KEYS = ["bench", "what", "n", "unit", "ours", "peer", "theirs", "ratio", "goal", "met"]


def test_the_command_names_the_benches() -> None:
    command = [sys.executable, "-m", "benchmarks", "--list"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["trail", "trail-growth", "fairness", "gate"]


def test_an_unknown_bench_is_refused_with_the_names() -> None:
    command = [sys.executable, "-m", "benchmarks", "speed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the benches are trail, trail-growth, fairness, gate" in done.stderr


def test_a_row_has_the_keys_that_are_promised(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    row = compare(bench="trail", what="change", n=10, unit="acts/s", ours=90.0, peer="plain", theirs=100.0, goal=0.95)
    write_json([row], path)
    [written] = json.loads(path.read_text())
    assert list(written) == KEYS
    assert (written["ratio"], written["met"]) == (0.9, False)


def test_a_ratio_above_one_is_faster_for_rates_and_for_times() -> None:
    rate = compare(bench="b", what="w", n=1, unit="rows/s", ours=200.0, peer="p", theirs=100.0)
    took = compare(bench="b", what="w", n=1, unit="ms", ours=50.0, peer="p", theirs=100.0)
    assert (rate.ratio, took.ratio) == (2.0, 2.0)
    assert (rate.goal, rate.met) == (None, None)


def test_a_goal_without_a_peer_is_in_the_unit_of_the_row() -> None:
    fast = absolute(bench="b", what="w", n=1, unit="acts/s", ours=31_000.0, goal=30_000.0)
    late = absolute(bench="b", what="w", n=1, unit="s", ours=9.0, goal=8.0)
    assert (fast.met, late.met, fast.ratio) == (True, False, None)
    assert "31,000" in table([fast, late])
    assert "missed" in table([fast, late])
