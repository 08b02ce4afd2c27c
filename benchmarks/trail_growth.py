"""How verification grows from ten thousand entries to ten million. Takes an hour and some 30 GB: run by name only."""

from benchmarks.database import own_database, set_django_up
from benchmarks.rows import Row


def run() -> list[Row]:
    set_django_up()
    # Imports models, which Django must know first.
    from benchmarks.verification import measure_growth

    with own_database():
        return measure_growth()
