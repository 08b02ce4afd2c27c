"""Publishes the trail: tiles and checkpoints as files, cosignatures of witnesses, timestamps, receipts.

Everything here runs beside the sequencer and never holds it up.
"""
