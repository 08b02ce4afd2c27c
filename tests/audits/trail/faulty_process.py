"""Sequences and publishes once per order, each time in a forked process that stops itself first: a test makes it fail.

Started by ``tests.audits.trail.faults``: reads its configuration from the first line of standard input, then one
order a line; answers each with the process's id and, when it has ended, with its wait status.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

_PR_SET_PTRACER, _ANY = 0x59616D61, ctypes.c_ulong(-1).value


def main() -> None:
    given = json.loads(sys.stdin.readline())
    os.environ["DJANGO_SETTINGS_MODULE"] = "governance.settings"
    import django
    from django.conf import settings

    for alias, database in given["databases"].items():
        settings.DATABASES[alias] = database
    for name, folder in given["folders"].items():
        setattr(settings, name, Path(folder))
    django.setup()
    # Everything is imported before the fork: what is made to fail is the run, not the start of Python.
    from django.db import connection

    from audits.trail.keys import signer_state, signing_key
    from audits.trail.publishing.publisher import Publisher
    from audits.trail.publishing.source import tile_files
    from audits.trail.sequencer import Sequencer

    def run() -> None:
        Sequencer(key=signing_key(), state=signer_state()).drain()
        Publisher(tile_files()).run()

    run()
    connection.close()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANY)
            os.kill(os.getpid(), signal.SIGSTOP)
            try:
                run()
            except BaseException as error:  # noqa: BLE001 - whatever it is, this process ends here
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
                os._exit(1)
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
