"""The document: a template filled, with style sheet and script inside, that loads nothing.

The content is escaped by the templates. Should an error let markup of a stranger through, the
document's own Content-Security-Policy still runs no script but ours and loads nothing.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.base.errors import UserError
from mtl_ase.run_pages.numbers import digits, signed, thousands

TEMPLATES = Path(__file__).parent / "templates"


def write_page(path: Path, template: str, content: dict[str, Any]) -> None:
    """Fill a template and write it; its folder is made.

    Args:
        path: the HTML file; a link of that name is replaced, not followed.
        template: name of a file in templates/.
        content: the template's variables.

    Raises:
        UserError: the file can't be written.
    """
    text = page(template, content)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode("utf-8", "replace"))  # names may hold any bytes
    except OSError as error:
        raise UserError(
            f"{path} can't be written ({error.strerror}); give another file as output=FILE."
        ) from error


def page(template: str, content: dict[str, Any]) -> str:
    """A filled template."""
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template(template)
        .render(content, policy=policy, script=Markup(script), style=Markup(style))
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        digits=digits,
        signed=signed,
        thousands=thousands,
        words=lambda name: str(name).replace("_", " "),
        breakable=_breakable,
    )
    return environment


def _breakable(key: str) -> Markup:
    """A metric's key that may be broken behind its slashes."""
    return Markup("/<wbr>").join(escape(part) for part in key.split("/"))
