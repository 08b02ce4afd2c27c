"""Shuts the file system to this process, but for the installation of Python and its libraries, which stay readable.

Never opens a path for writing, and never fails where the kernel does not offer it: the answer says so.
Linux man pages: landlock(7), landlock_create_ruleset(2), landlock_add_rule(2), landlock_restrict_self(2).
"""

import contextlib
import ctypes
import os
import struct
import sysconfig
from pathlib import Path

# The numbers are the same on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# How many rights on files each version of the interface knows, from version 1; an unknown one would be refused.
_RIGHTS = (13, 14, 15, 15, 16)
# What Python, NumPy and the loader may still open late; nothing that a service or a person keeps.
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/ld.so.conf")
SHUT, OPEN = "shut off", "not shut off"


def leave_files() -> str:
    """Deny this thread, and those it starts, every file and folder beyond the installation.

    Privileges must have been given up (PR_SET_NO_NEW_PRIVS). Answers "shut off" only where trying shows it.
    """
    with contextlib.suppress(OSError, AttributeError):
        _restrict()
    try:
        os.close(os.open("/", os.O_RDONLY | os.O_DIRECTORY))
    except PermissionError:
        return SHUT
    except OSError:
        return OPEN
    return OPEN


def _restrict() -> None:
    version = _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION))
    handled = (1 << _RIGHTS[min(version, len(_RIGHTS)) - 1]) - 1
    attributes = ctypes.create_string_buffer(struct.pack("=Q", handled), 8)
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(8), ctypes.c_uint(0))
    try:
        for path in _readable():
            _allow(ruleset, path)
        _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0))
    finally:
        os.close(ruleset)


def _readable() -> set[str]:
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return {*places, *_SYSTEM}


def _allow(ruleset: int, path: str) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # It is not there, or this user could not read it anyway.
    try:
        rights = _READ_FILE | (_READ_DIR if Path(path).is_dir() else 0)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, opened), 12)
        _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint(0))
    finally:
        os.close(opened)


def _call(number: int, *arguments: object) -> int:
    answer: int = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments)
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer
