"""Models run here, and only here: in a process of their own, with limits.

Never loads a model in the caller's process, and never takes anything from the model's process but numbers and
text.
"""
