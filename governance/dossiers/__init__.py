"""Dossiers: the one document about a decision that an officer hands to a regulator.

Must never compute a finding: it prints what the records say, and says "missing" where they say nothing.
"""
