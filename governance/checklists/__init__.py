"""Checklists as data: what is asked, who answers, what evidence answers it, and who signs.

Nothing in this package may import Django or know an answer; answers and signatures live in the models.
"""
