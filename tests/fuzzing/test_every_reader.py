"""Whatever bytes a reader of proofs is given, it answers or raises its one error, and soon."""

import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits.merkle.errors import VerificationError
from tests.fuzzing.targets import TARGETS

SECONDS, MEGABYTES = 2.0, 64


def read(name: str, data: bytes) -> None:
    """Give it the bytes; anything but an answer or a VerificationError is a failure."""
    said = ""
    begun = time.monotonic()
    try:
        TARGETS[name].read(data)
    except VerificationError as error:
        said = error.message
    assert len(said) < 2000
    assert time.monotonic() - begun < SECONDS


@pytest.mark.parametrize("name", TARGETS)
def test_an_honest_example_is_read(name: str) -> None:
    for honest in TARGETS[name].honest:
        TARGETS[name].read(honest)


@pytest.mark.parametrize("name", TARGETS)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_anything_is_answered_or_refused(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    if target.honest and data.draw(st.booleans()):
        changed = bytearray(data.draw(st.sampled_from(target.honest)))
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, max(len(changed) - 1, 0)))
            length = data.draw(st.integers(0, 8))
            changed[place : place + length] = data.draw(st.binary(max_size=12))
        read(name, bytes(changed))
    else:
        read(name, data.draw(st.binary(max_size=600)))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize(
    "big",
    [
        b"[" * 2_000_000,
        b'{"a":' * 400_000,
        b"9" * 2_000_000,
        b"\n" * 2_000_000,
        b"\xe2\x80\x94 x AAAA\n" * 100_000,
        bytes(2_000_000),
    ],
    ids=["brackets", "braces", "digits", "lines", "signatures", "zeros"],
)
def test_large_input_is_refused_within_bounds(name: str, big: bytes) -> None:
    tracemalloc.start()
    try:
        read(name, big)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTES * 1_000_000
