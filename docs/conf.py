"""The documentation site: `make docs` builds it, warnings are errors."""

from variantformer_hf import __version__

project = "variantformer-hf"
author = "variantformer-hf developers"
version = release = __version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "myst_parser", "sphinx_copybutton"]
html_theme = "furo"
html_title = f"variantformer-hf {__version__}"
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": False}
autodoc_mock_imports = ["flash_attn"]
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
add_module_names = False
python_maximum_signature_line_length = 100
# Members that models have from transformers are not described again here.
autodoc_inherit_docstrings = False
