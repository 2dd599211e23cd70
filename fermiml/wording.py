"""Numbers of things in words."""


def counted(number, noun):
    """Write 1 source, but 2 sources."""
    return f"{number} {noun}{'s' * (number != 1)}"
