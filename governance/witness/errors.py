"""What keeps a witness from starting; the message says what to do."""


class WitnessError(Exception):
    """The witness cannot run as it was asked to."""
