"""Sphinx configuration; `sphinx-build -W docs docs/_build/html` must pass."""

from importlib import metadata

project = "fermiml"
author = "The fermiml developers"
copyright = "2026, The fermiml developers"
release = version = metadata.version("fermiml")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "figures"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"

html_theme = "furo"
html_title = f"fermiml {release}"
