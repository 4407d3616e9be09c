"""The site: Sphinx reads the Markdown as it lies. Its root is the repository, so that links mean what they mean there.

`make docs` builds it into build/docs with every warning an error; `make docs-links` also asks the web.
"""

from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent

project = "lora-harness"
copyright = ""
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["docs/**", "*.md", "submission/README.md", "assignments/*/README.md", "benchmarks/README.md"]
exclude_patterns = [
    ".*",
    "build",
    "dist",
    "runs",
    "harness",
    "tests",
    "node_modules",
    "docs/_templates",
    "docs/generate",
]
templates_path = ["_templates"]
myst_heading_anchors = 4  # as GitHub makes them
nitpicky = True
highlight_language = "none"

html_theme = "furo"
html_title = "lora-harness"
html_additional_pages = {"index": "to_docs.html"}
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_use_index = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

linkcheck_anchors_ignore_for_url = [r"https://github\.com/.*"]

# The tree of pages. It is added here, so that the Markdown reads well where no Sphinx reads it.
TREES = {
    "index": {
        "Tutorials": ["tutorial/student", "tutorial/ta"],
        "How-to": ["how-to/grade-a-class", "how-to/*"],
        "Reference": ["reference/cli", "reference/*", "reference/schemas/README"],
        "Explanation": ["explanation/fairness", "explanation/*"],
        "The homework that comes with it": ["/assignments/*/README", "/submission/README"],
        "Project": ["Overview </README>", "/CONTRIBUTING", "/CHANGELOG", "/benchmarks/README", "adr/README"],
    },
    "reference/schemas/README": {"": ["*.v*"]},
    "adr/README": {"": ["0*"]},
}


def add_trees(app: Sphinx, name: str, content: list[str]) -> None:
    """Append the trees of a page to its text."""
    for caption, entries in TREES.get(name.removeprefix("docs/"), {}).items():
        lines = [":hidden:", ":glob:", *([f":caption: {caption}"] if caption else []), "", *entries]
        content[0] += "\n".join(["", "```{toctree}", *lines, "```", ""])


def setup(app: Sphinx) -> None:
    """Have Sphinx call what is above."""
    app.connect("source-read", add_trees)
