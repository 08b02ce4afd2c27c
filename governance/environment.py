"""Reads environment variables for settings.py, once, with errors that say which variable and what it takes.

Nothing outside ``governance/settings.py`` may call these: a setting read in two places is two settings.
"""

import os
from pathlib import Path


class SettingError(RuntimeError):
    """An environment variable is missing or cannot be used."""


def env(name: str, default: str | None = None) -> str:
    """The variable's text; without a default it must be set."""
    value = os.environ.get(name, "")
    if value:
        return value
    if default is None:
        raise SettingError(f"{name} must be set; the README lists every setting.")
    return default


def envbool(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise SettingError(f"{name} is {value!r}; it takes yes or no.")


def envint(name: str, default: int, *, least: int = 0) -> int:
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise SettingError(f"{name} is {value!r}; it takes a whole number.") from None
    if number < least:
        raise SettingError(f"{name} is {number}; it must be at least {least}.")
    return number


def envlist(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def envsecret(name: str) -> str | None:
    """The secret itself from ``NAME``, or from the file that ``NAME_FILE`` names; None where neither is set."""
    value = os.environ.get(name, "")
    path = os.environ.get(f"{name}_FILE", "")
    if value and path:
        raise SettingError(f"Both {name} and {name}_FILE are set; keep one of them.")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingError(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from None
    return value or None
