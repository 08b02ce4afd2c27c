"""The Merkle log as pure arithmetic: trees, proofs, canonical bytes, signed notes, checkpoints, bundles.

Nothing in this package may import Django, read a clock, open a network connection or draw random bytes:
a stranger must be able to run it alone.

RFC 6962 section 2.1, RFC 9162 section 2.1, RFC 8785, c2sp.org/signed-note, c2sp.org/tlog-checkpoint.
"""
