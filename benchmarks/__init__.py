"""Measurements against peers, in one run: what Countersign costs beside what people would use instead.

Nothing of the product imports this; it writes only under COUNTERSIGN_DATA/bench.
"""
