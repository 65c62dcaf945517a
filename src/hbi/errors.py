"""The one error a person is meant to read: a single line that says what is wrong, where, and what to do."""


class HBIError(Exception):
    """A fault that the person at the keyboard can act on; the command line prints it in one line and exits with 2."""
