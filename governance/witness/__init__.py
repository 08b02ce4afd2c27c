"""A small witness that a second organization runs: it cosigns a log's checkpoints as long as the log only grows.

It needs no database and none of Django: `./run manage witness`, or `python -m governance.witness` with nothing
installed but `cryptography`. It never cosigns two roots for one size, nor a size below one that it cosigned.

c2sp.org/tlog-witness, c2sp.org/tlog-cosignature. docs/witness.md says how to run one.
"""
