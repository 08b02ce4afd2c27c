"""Permits: signed statements that an artifact may run in an environment, which a stranger can check offline.

Nothing in this package may import Django, reach a network or a database, or sign anything that it did not
build. in-toto Statement v1, SLSA Verification Summary Attestation v1, DSSE v1.0.2.
"""
