"""How the documentation is built: `make docs`. Nothing is fetched, and every warning is an error."""  # noqa: INP001

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(ROOT / "jupyter_ext"), str(HERE / "_ext")]

from inventory import write_inventory  # noqa: E402 - found by the line above

import progress_kit  # noqa: E402 - as above
from progress_kit.adapters.catalogue import USUAL  # noqa: E402 - as above

project = "progress_kit"
author = "progress_kit contributors"
copyright = "progress_kit contributors"  # noqa: A001 - the name that Sphinx wants
version = release = progress_kit.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "api",
    "reference",
]
exclude_patterns = ["_build"]
needs_sphinx = "8.0"
nitpicky = True

# ---------------------------------------------------------------- Markdown

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist", "substitution"]
myst_heading_anchors = 3
myst_substitutions = {"captured": ", ".join(USUAL)}

# ---------------------------------------------------------------- docstrings

autodoc_default_options = {"member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 90
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

# Where a standard type is documented. The names are a file of ours, so that no inventory is fetched.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", str(write_inventory(HERE / "inventories" / "python.txt", "Python"))),
}
intersphinx_timeout = 1

# ---------------------------------------------------------------- HTML

smartquotes = False  # code in the texts of options and settings is to be copied

html_theme = "furo"
html_title = f"progress_kit {release}"
html_static_path = ["_static"]
html_css_files = ["extra.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "sidebar_hide_name": False,
    "navigation_with_keys": False,
    "light_css_variables": {"color-brand-primary": "#0b5cad", "color-brand-content": "#0b5cad"},
    "dark_css_variables": {"color-brand-primary": "#7cb8ff", "color-brand-content": "#7cb8ff"},
}
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = False
