"""Small HTML tables that represent objects in notebooks."""

from html import escape


def table(head, rows, caption=""):
    """Build an HTML table of texts and numbers, which need not be safe: they are escaped."""
    parts = [f"<caption>{escape(caption)}</caption>"] if caption else []
    parts.append(_row(head, "th"))
    parts += [_row(row, "td") for row in rows]
    return f"<table>{''.join(parts)}</table>"


def facts(caption, pairs):
    """Build an HTML table of two columns: names and values."""
    rows = "".join(f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>"
                   for name, value in pairs)  # fmt: skip
    return f"<table><caption>{escape(caption)}</caption>{rows}</table>"


def _row(cells, tag):
    inner = "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>"
