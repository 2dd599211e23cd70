"""Colours for colour-blind readers, and figures without a display."""

from pathlib import Path

from fermiml.errors import InputError
from fermiml.files import replacing

# Okabe and Ito's palette
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY_BLUE = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9",
)  # fmt: skip
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE)
ENDINGS = (".png", ".pdf", ".svg", ".jpg")  # of figures
GREY = "0.6"  # of lines that only guide the eye


def new_figure(width, height):
    """Create a figure (inches) that is only ever saved."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def new_axes(**options):
    """Axes in a new figure of pyplot, for whoever gave none."""
    import matplotlib.pyplot as plt

    return plt.figure(layout="constrained").add_subplot(**options)


def whole_numbers(axis):
    """Put ticks of an axis of numbers (of sources, say) on whole ones only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def plain_powers(axis):
    """Write the ticks of a logarithmic axis as 0.1, 1, 10, and none between."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def save(figure, path, overwrite=False, dpi=110):
    """Write a figure, complete or not at all; the ending of the name chooses the format."""
    known = figure.canvas.get_supported_filetypes()
    if Path(path).suffix.lower().removeprefix(".") not in known:
        raise InputError(f"{path}: not a figure format; use .png, .pdf or .svg")
    with replacing(path, overwrite) as temporary:
        figure.savefig(temporary, dpi=dpi)
