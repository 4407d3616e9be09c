"""Draws the pages: templates, style and script of this package, put into each page so that it stands alone.

What a student controls is escaped by the templates; the policy of a page lets no other style or script in, and no
request out.
"""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness import __version__
from harness.language import Language
from harness.model.status_words import CAUSE_WORDS
from harness.report.html import foreign, numbers, times
from harness.report.html.crowd import FEWEST
from harness.report.html.rows import STANDING_WORDS
from harness.report.html.views import About, Audience, Overview, StudentPage
from harness.text import visible

_HERE = Path(__file__).parent
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath fill='%231f5fa8' d='M2 9h3v5H2zM6.5 5h3v9h-3zM11 2h3v12h-3z'/%3E%3C/svg%3E"
)


class Site:
    """The pages of one report.

    Args:
        about: What all of them say.
        audience: Who reads them; decides about words and links alone, the data must be made for them already.
        t: The language.
    """

    def __init__(self, about: About, *, audience: Audience, t: Language) -> None:
        style, script = (_asset(name) for name in ("report.css", "report.js"))
        environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(
            plain=visible,
            inline=foreign.inline,
            lines=foreign.lines,
            prose=foreign.prose,
            said=lambda text: foreign.prose(t.of(text)),
            figure=numbers.figure,
            points=numbers.points,
            seconds=numbers.seconds,
            size=numbers.size,
            minute=lambda text: times.minute(text, about.zone),
            share=numbers.share,
            fixed=numbers.fixed,
            clock=numbers.clock,
            number=numbers.plain,
        )
        shared: dict[str, Any] = {
            "t": t,
            "about": about,
            "staff": audience == "staff",
            "standing_words": STANDING_WORDS,
            "cause_words": CAUSE_WORDS,
            "style": style,
            "script": script,
            "icon": ICON,
            "figure_of": numbers.figure,
            "points_of": numbers.points,
            "fewest": FEWEST,
            "policy": policy(style, script),
            "version": __version__,
        }
        environment.globals.update(shared)
        self._index = environment.get_template("index.html.j2")
        self._student = environment.get_template("student.html.j2")

    def index(self, page: Overview) -> str:
        """Draw the first page."""
        return self._index.render(page=page, root="")

    def student(self, page: StudentPage) -> str:
        """Draw one student's page."""
        return self._student.render(page=page, root="../")


def policy(style: str, script: str) -> str:
    """Give the Content-Security-Policy of a page: this style, this script, pictures inside of it, nothing else."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> Markup:
    text = (_HERE / "assets" / name).read_text(encoding="utf-8")
    assert "</" not in text, "it would end its element"
    return Markup(text)


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
