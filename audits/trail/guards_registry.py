"""Which triggers and functions other apps have put on governed tables, so that the verification misses them when gone.

Apps say so from ``AppConfig.ready`` with the constants of their own migrations. The ground floor knows no other
app, and asks the database for none of this.
"""

import re
from dataclasses import dataclass

PINNED = frozenset({"search_path=pg_catalog, pg_temp"})
_SETTING = re.compile(r"\bSET (\w+) = ('[^']*'|.+?)(?=\s+SET\b|\s*$|\n)")
_FUNCTION = re.compile(r"CREATE FUNCTION (\w+)\((.*?)\)(.*?)AS \$\$(.*?)\$\$", re.S)


@dataclass(frozen=True, kw_only=True)
class ExpectedFunction:
    """A function as the database must hold it: body, whether it runs as its owner, its settings."""

    body: str
    definer: bool
    settings: frozenset[str] = PINNED


_triggers: dict[tuple[str, str], str] = {}
_functions: dict[str, ExpectedFunction] = {}


def expect_trigger(table: str, name: str, definition: str) -> None:
    """``definition`` as in CREATE TRIGGER; the trigger must be enabled always."""
    _triggers[table, name] = definition


def expect_functions(sql: str) -> None:
    """Every function that this SQL of a migration creates."""
    _functions.update(functions_in(sql))


def expected_triggers() -> dict[tuple[str, str], str]:
    """By table and name."""
    return dict(_triggers)


def expected_functions() -> dict[str, ExpectedFunction]:
    """By name."""
    return dict(_functions)


def _settings(options: str) -> frozenset[str]:
    """As pg_proc.proconfig spells them."""
    found = _SETTING.findall(re.sub(r"--[^\n]*", "", options))
    return frozenset(f"{name}={value.strip(chr(39))}" for name, value in found) or PINNED


def functions_in(sql: str) -> dict[str, ExpectedFunction]:
    """What a migration's SQL says of each function it creates, by name."""
    return {
        name: ExpectedFunction(body=body, definer="SECURITY DEFINER" in options, settings=_settings(options))
        for name, _, options, body in _FUNCTION.findall(sql)
    }
