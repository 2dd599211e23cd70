"""Sphinx configuration; `sphinx-build -W docs docs/_build/html` must pass.

The build runs the notebooks, each in an empty folder of its own, and fails if a cell fails.
"""

import os
import sys
from importlib import metadata
from pathlib import Path

# What the notebooks run: the fermiml of this environment, without the greetings of TensorFlow.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", COLUMNS="100")

project = "fermiml"
author = "The fermiml developers"
copyright = "2026, The fermiml developers"
release = version = metadata.version("fermiml")

extensions = ["myst_nb", "sphinx_design", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "figures"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_use_param = False  # "center, width : ..." is one entry, not one for each name

nb_execution_mode = os.environ.get("FERMIML_NOTEBOOKS", "force")  # "off" to build only the text
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # s for a cell
nb_output_stderr = "remove"  # warnings and progress bars
nb_merge_streams = True

html_theme = "furo"
html_title = f"fermiml {release}"
html_static_path = ["_static"]
html_css_files = ["cards.css"]
