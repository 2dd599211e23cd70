"""Tables in Markdown, and their cells."""

import numpy as np


def table(head, rows):
    """Make a table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def value(number, form, factor=1.0):
    """Format a number, an unknown one as a dash."""
    return "-" if number is None or not np.isfinite(number) else format(factor * number, form)
