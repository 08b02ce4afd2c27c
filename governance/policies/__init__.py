"""Policies: rule documents, facts, three-valued evaluation and the trace that a person can read.

Nothing in this package may import Django, read a clock or reach a database; what it decides rests on a
document, a snapshot of facts and a time, and on nothing else.
"""
