"""The trail: sequencing and verifying acts of one change each, then recording, beside plain Django and other packages.

In two databases of its own on the embedded PostgreSQL, the second for a trail of a million entries; never the
installation's.
"""

from benchmarks.database import analyze, own_database, set_django_up
from benchmarks.rows import Row


def run() -> list[Row]:
    set_django_up()
    # These import models, which Django must know first.
    from benchmarks.leaf_wait import measure_leaf_wait
    from benchmarks.recording import make_rows, measure_recording
    from benchmarks.sequencing import measure_sequencing
    from benchmarks.verification import measure_verification

    with own_database():
        make_rows()
        # First, while every entry but one holds a single change; the bulk acts below hold ten thousand each.
        kept = [*measure_sequencing(), *measure_leaf_wait()]
        analyze()
        rows = [*measure_recording(), *kept]
    with own_database():
        return [*rows, *measure_verification()]
