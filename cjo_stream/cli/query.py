"""Why DuckDB did not answer: what a user can do about each kind of its errors.

a file of the layer     gone or spoilt since it was opened
memory                  the rows do not fit, nor the disk that DuckDB puts them on
an extension            DuckDB reads some files and stores by extensions, none of which it has here
a file of the query     the query names it: not there, or not what it is read as
DuckDB                  a fault of its own
the query               everything else
"""

from __future__ import annotations

import re
from typing import Any, Final

from cjo_stream.errors import CjoError, UsageError

_OF_A_FILE: Final = re.compile(r"\bfile ['\"]")
_NO_TABLE: Final = re.compile(r'(Table with name (.+) does not exist!)\nDid you mean ".*"\?')
_MEANT_INSIDE: Final = re.compile(r'\nDid you mean "part\..*"\?')


def unanswered(error: Any, folder: str) -> CjoError:
    """Return the error for a query of the user's own; `folder` is the path of the layer."""
    import duckdb

    from cjo_stream.insight.layer.part import unreadable

    said, first = str(error), str(error).partition("\n")[0]
    is_of_files = type(error) is duckdb.Error or isinstance(
        error, duckdb.IOException | duckdb.InvalidInputException
    )
    if is_of_files and folder in said:
        return unreadable(first)
    if isinstance(error, duckdb.OutOfMemoryException):
        return too_large(error)
    if "xtension" in said and "not found" in said:
        return UsageError(f"DuckDB lacks an extension that the query needs: {said}")
    if isinstance(error, duckdb.IOException) or (is_of_files and _OF_A_FILE.search(said)):
        return UsageError(
            f"a file that the query names cannot be read or written ({first}): name one that can"
        )
    if isinstance(error, duckdb.InternalException | duckdb.FatalException):
        return UsageError(f"DuckDB itself failed, so ask in another way ({first})")
    return UsageError(f"mend the query: {_MEANT_INSIDE.sub('', _NO_TABLE.sub(_meant, said))}")


def _meant(said: re.Match[str]) -> str:
    """Return that there is no such table, with the view that is meant: DuckDB knows more names."""
    from cjo_stream.core.likeness import nearest
    from cjo_stream.insight.layer.reading import VIEWS

    near = nearest(said[2], VIEWS)
    meant = f'Did you mean "{near}"?' if near else f"There are the views {', '.join(VIEWS)}"
    return f"{said[1]}\n{meant}"


def too_large(error: Any) -> CjoError:
    """Return the error for rows that do not fit into memory."""
    first = str(error).partition("\n")[0]
    return UsageError(
        f"there is too little memory for it ({first}): ask for fewer rows, as of a shorter time, "
        "or where there is more memory"
    )
