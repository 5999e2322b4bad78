"""The documentation as a site: `make docs` builds it into build/docs, without a network."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "AutoTune"
author = "AutoTune contributors"
project_copyright = author
release = importlib.metadata.version("autotune-bo")

# The pages stay where the repository has them, and so do the links between them: the source is the repository's root.
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "autotune_site.blocks",
    "autotune_site.notebooks",
    "autotune_site.pictures",
    "autotune_site.reference",
]
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "docs/howto/*.md",
    "docs/reference/*.md",
    "docs/site/*.md",
    "notebooks/*.ipynb",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "bench/README.md",
    "examples/README.md",
]
exclude_patterns = [".*", "build", "dist", "**/node_modules"]

# A link or an anchor that leads nowhere is a warning, and `make docs` takes warnings for errors.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
highlight_language = "none"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True

html_theme = "pydata_sphinx_theme"
html_title = "AutoTune"
html_extra_path = ["top"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "navigation_with_keys": False,
    "use_edit_page_button": False,
}
