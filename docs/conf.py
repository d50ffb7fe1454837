"""Configuration of Sphinx, which builds the documentation site (`make docs`).

The pages are the Markdown files of the repository, unchanged, so their links also work on a code host.
README.md is the front page. The pages in docs/reference show the docstrings.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

from haut_ext import __version__

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_extensions"))

project = "haut-ext"
author = "The haut-ext authors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference"]
root_doc = "README"
include_patterns = ["*.md", "changelog.d/README.md", "docs/**"]
exclude_patterns = ["AGENTS.md"]

SECTIONS = {
    "Tutorial": ["docs/tutorial"],
    "How-to guides": [
        "docs/upload",
        "docs/results",
        "docs/lists",
        "docs/erasure",
        "docs/privacy",
        "docs/bulk",
        "docs/configuration",
        "docs/account",
    ],
    "Reference": [
        "docs/reference/clients",
        "docs/reference/async",
        "docs/reference/arguments",
        "docs/reference/results",
        "docs/reference/errors",
        "docs/reference/bulk",
        "docs/reference/sandbox",
        "docs/reference/spec-check",
        "docs/reference/generated-client",
        "docs/reference/operations",
        "docs/reference/models",
        "docs/command-line",
        "docs/errors",
        "docs/limits",
        "docs/files",
    ],
    "Explanation": [
        "docs/reliability",
        "SECURITY",
        "docs/evidence",
        "docs/api-facts",
        "docs/design",
        "docs/versioning",
        "docs/benchmarks",
    ],
    "Development": [
        "CONTRIBUTING",
        "docs/testing",
        "docs/when-the-swagger-changes",
        "docs/external-specs",
        "changelog.d/README",
        "CHANGELOG",
    ],
}
"""Pages in the navigation. Pages in docs/ that are not listed are added to the how-to guides."""

_pages = {
    f"docs/{path.relative_to(DOCS).with_suffix('').as_posix()}" for path in DOCS.rglob("*.md")
}
SECTIONS["How-to guides"] += sorted(_pages.difference(*SECTIONS.values()))

# Markdown
myst_heading_anchors = 4  # the anchors of a code host

# Docstrings
autodoc_typehints_format = "short"
napoleon_attr_annotations = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"
default_role = (
    "py:obj"  # `Haut` in a docstring is a link if it is a public name, and code otherwise
)
nitpick_ignore_regex = [
    ("py:obj", "(?s:.*)"),
    # Types of the standard library and of httpx. Links to them would need a download in each build.
    (
        "py:.*",
        r"(builtins|collections|concurrent|contextlib|dataclasses|datetime|enum|http|httpx|os|pathlib"
        r"|pytest|ssl|typing|uuid)\..*",
    ),
    (
        "py:class",
        "Any|Abstract(Async)?ContextManager|Callable|Executor|InitVar|Iterable|Iterator|Mapping|Path"
        "|UUID|date|datetime",
    ),
    # Type variables
    ("py:class", r"T|Item|haut_ext\..*\.Default|haut_api\.types\.T"),
    # Private classes in signatures that few readers need
    (
        "py:class",
        r"(Async)?Operation|PaginatedList|DownloadSink|Header|ListedSubject|_is_json|_HasFile|_HasStream"
        r"|haut_ext\.sandbox\.database\.Database",
    ),
]

# HTML
html_title = f"haut-ext {release}"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False  # no holder is named
html_search_scorer = "docs/search_scorer.js"


def add_navigation(_: Sphinx, page: str, source: list[str]) -> None:
    """Append the navigation to the front page, which shows no trace of it on a code host."""
    if page == root_doc:
        for section, pages in SECTIONS.items():
            entries = "\n".join(pages)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {section}\n\n{entries}\n```\n"


def show_folder_as_text(app: Sphinx, page: nodes.document) -> None:
    """Show a link to a folder of the repository as text. Only a code host can list the folder."""
    for link in [it for it in page.findall(pending_xref) if it["reftype"] == "myst"]:
        folder = (app.srcdir / link["refdoc"]).parent / link["reftarget"]
        if folder.is_dir():
            link.replace_self(link.children)


def write_index(app: Sphinx, error: Exception | None) -> None:
    """Make the front page the index page of the site."""
    front_page = app.outdir / f"{root_doc}.html"
    if error is None and front_page.exists():
        shutil.copy(front_page, app.outdir / "index.html")


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_navigation)
    app.connect("doctree-read", show_folder_as_text)
    app.connect("build-finished", write_index)
