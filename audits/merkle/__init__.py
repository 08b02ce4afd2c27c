"""The Merkle log as pure arithmetic: trees, tiles, proofs, canonical bytes, notes, cosignatures, timestamps, bundles.

Nothing in this package may import Django, read a clock, open a network connection or draw random bytes:
a stranger must be able to run it alone.

RFC 6962 section 2.1, RFC 9162 section 2.1, RFC 8785, RFC 3161; of c2sp.org: signed-note, tlog-checkpoint, tlog-tiles,
tlog-cosignature, tlog-witness, tlog-policy, tlog-proof.
"""
