"""What the registry tells whoever stands above it, inside the act that changed something."""

from django.dispatch import Signal

# Something that a version's standing may rest on has changed. Sent with ``version`` and ``actor``.
version_changed = Signal()
