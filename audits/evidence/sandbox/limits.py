"""What a process that runs a model may use, and how it is shut in.

Never fails because the kernel refuses a measure: what could be done is stated, so that a record can say so.
Linux man pages: setrlimit(2), unshare(2), prctl(2), credentials(7).
"""

import contextlib
import ctypes
import dataclasses
import os
import resource
import signal

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_NOBODY = 65534


@dataclasses.dataclass(frozen=True, kw_only=True)
class SandboxLimits:
    """Limits of the model's process: address space in bytes, CPU seconds in all, seconds by the clock for
    loading or for one answer, and bytes of the model file."""

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 300
    load_seconds: float = 120.0
    answer_seconds: float = 120.0
    model_bytes: int = 1 << 30


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def leave_network() -> str:
    """Move this process to a network of its own, without any interface up; before any thread is started."""
    with contextlib.suppress(OSError, AttributeError):
        unshare = _libc().unshare
        # Who lacks the capability may do it only inside a user namespace of its own, where the kernel allows those.
        if unshare(_CLONE_NEWNET) == 0 or unshare(_CLONE_NEWNET | _CLONE_NEWUSER) == 0:
            return "isolated"
    return "not isolated"


def lower(which: int, value: int) -> None:
    """Set soft and hard limit to ``value``, or leave the hard one where it is lower already."""
    _, hard = resource.getrlimit(which)
    least = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (least, least))


def shut_in(memory_bytes: int, cpu_seconds: int, *, was_root: bool) -> str:
    """Take away everything that predicting does not need; the answer says which user is left.

    1. limits: memory, CPU time, no new process or thread, no written file, no core, few open files;
    2. another user, where this one is root (limits on processes bind only an unprivileged one);
    3. no way back to privileges, and death with the parent (last: changing the user clears it).
    """
    # Native stacks (OpenBLAS, OpenMP) are threads already started or kept to one by the environment.
    lower(resource.RLIMIT_AS, memory_bytes)
    used = resource.getrusage(resource.RUSAGE_SELF)
    lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + cpu_seconds)
    lower(resource.RLIMIT_NPROC, 0)
    lower(resource.RLIMIT_FSIZE, 0)
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_NOFILE, 64)
    user = "own user"
    if was_root:
        try:
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
            user = "unprivileged"
        except OSError:
            user = "root"
    with contextlib.suppress(OSError, AttributeError):
        _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _libc().prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    return user
