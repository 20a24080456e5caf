"""Reports as HTML pages that need nothing else: no request leaves them, and what a model holds is shown as text."""

from __future__ import annotations

from typing import Any

from litesmith._util.text import human_bytes, printable

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""What a page may load: what stands in it."""


def render_page(package: str, template: str, **context: Any) -> str:
    """The page of a template of ``package``, which fills in the blocks of ``page.html``.

    Every text is escaped, control characters are written out.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("litesmith._util")]),
        autoescape=True,
        finalize=_as_text,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"bytes": human_bytes, "grouped": _group_digits}
    return str(environment.get_template(template).render(policy=POLICY, **context))


def _as_text(value: object) -> object:
    return printable(value) if type(value) is str else value


def _group_digits(number: int) -> str:
    return f"{number:,}"
