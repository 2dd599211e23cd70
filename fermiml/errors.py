"""The errors that fermiml raises on purpose; the command line turns them into one line."""


class FermimlError(Exception):
    """Any error that fermiml explains itself."""


class InputError(FermimlError):
    """What the user gave cannot be used; the message names it, what is wrong and what to do."""
