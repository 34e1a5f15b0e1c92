"""Tables. With the script of `style`, each column sorts by a click or a key on its heading."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final

ROWS_MAX: Final = 500
Cell = str | int | float | None


def text(value: object) -> str:
    """Return a text as HTML shows it.

    >>> text("<b> & 'c'")
    '&lt;b&gt; &amp; &#x27;c&#x27;'
    """
    return html.escape(str(value), quote=True)


def table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, sorts: bool = True
) -> str:
    """Return a table; columns whose name begins with `#` hold numbers.

    `sorts`: its headings are buttons, for the script. Of many rows the first ROWS_MAX are shown,
    and a line says how many there are.
    """
    heads = "".join(
        f'<th scope="col"{_class(name)}>{_heading(name.lstrip("#"), sorts)}</th>'
        for name in columns
    )
    body = "".join(
        "<tr>"
        + "".join(_cell(name, value) for name, value in zip(columns, row, strict=True))
        + "</tr>\n"
        for row in rows[:ROWS_MAX]
    )
    more = f"<p>The first {ROWS_MAX:,} of {len(rows):,} rows.</p>" if len(rows) > ROWS_MAX else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}">'
        f"<table><caption>{text(caption)}</caption><thead><tr>{heads}</tr></thead>\n"
        f"<tbody>{body}</tbody></table></div>{more}\n"
    )


def _heading(name: str, sorts: bool) -> str:
    return f'<button type="button">{text(name)}</button>' if sorts else text(name)


def _class(name: str) -> str:
    return ' class="number"' if name[:1] == "#" else ""


def _cell(name: str, value: Cell) -> str:
    if isinstance(value, int | float):
        shown = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
        return f'<td{_class(name)} data-value="{value!r}">{shown}</td>'
    return f"<td{_class(name)}>{text('' if value is None else value)}</td>"
