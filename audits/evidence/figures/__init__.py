"""Figures of the records, as SVG by matplotlib.

Never the only place where a number stands: each figure's alternative text states the finding, the record the
values.
"""
