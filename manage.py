#!/usr/bin/env python3
"""Runs Countersign's commands; `./run` sets up the environment and calls this."""

import os
import sys


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError, ProgrammingError

    from audits.errors import DomainError
    from governance.environment import SettingError

    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        refuse("Stopped.")
        return 130
    except (DomainError, SettingError) as error:
        return refuse(str(error))
    except OperationalError as error:
        return refuse(f"The database cannot be reached or went away: {error}\nStart it, or check DATABASE_URL.")
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", "") != "42P01":  # A table that is not there.
            raise
        return refuse("The database has no tables yet, or older ones: run ./run manage setup first.")
    return 0


def refuse(message: str) -> int:
    sys.stderr.write(message.rstrip() + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
