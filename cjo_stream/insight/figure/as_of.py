"""A figure by a fact or trait of the customer's profile, as it was at the time that is counted."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from cjo_stream.core.likeness import nearest
from cjo_stream.errors import UsageError
from cjo_stream.insight.figure.figure import Figure, open_list
from cjo_stream.insight.layer.people import Change, Followed

VIEWS: Final = ("profile", "identity", "transition")
"""Those that are read besides a figure's own."""
_PROFILE: Final = "profile."
_NAMES: Final = """
SELECT DISTINCT unnest(json_keys(facts) || json_keys(traits)) FROM "profile" ORDER BY 1
"""
_CHANGES: Final = """
WITH joined AS (
    SELECT unnest(list_append(absorbed, customer_id)) AS id FROM "identity"
    WHERE kind IN ('merged', 'unmerged')
)
SELECT kind, customer_id, absorbed, identifiers, reason, "time", lane FROM "identity"
WHERE customer_id IN (SELECT id FROM joined)
ORDER BY "time", lane, position
"""


def open_by_profile(
    connection: Any, figure: Figure, parameters: Mapping[str, Any], by: str
) -> tuple[Figure, int]:
    """Make the list of a figure with the column `by`, which is `profile.NAME`.

    Returns the figure by that column, and how many rows have no version of a profile as of then.
    Raises UsageError for a name that no profile has, and where there are no profiles.
    """
    name = _name(connection, by)
    _open_became(connection)
    column = '"{}"'.format(by.replace('"', '""'))
    text = resources.files(__package__).joinpath("as_of.sql").read_text()
    around = text.replace("{column}", column)
    path = '$."{}"'.format(name.replace('"', '\\"'))
    open_list(connection, figure, {**parameters, "path": path}, around)
    found = connection.execute("SELECT count(*) FROM list WHERE NOT has_version").fetchone()
    connection.execute("ALTER TABLE list DROP has_version")
    return figure._replace(keys=(*figure.keys, by)), found[0]


def _name(connection: Any, by: str) -> str:
    names = [name for (name,) in connection.execute(_NAMES).fetchall()]
    if not names:
        raise UsageError(
            "the layer has no profiles: sink a `run --profiles`, or the topics of Kafka"
        )
    name = by.removeprefix(_PROFILE)
    if by.startswith(_PROFILE) and name in names:
        return name
    near = nearest(name, names)
    meant = f"did you mean {_PROFILE}{near}?" if near else f"they have {', '.join(names)}"
    raise UsageError(f"--by {by}: no profile of the layer has that fact or trait; {meant}")


def _open_became(connection: Any) -> None:
    """Make the table of whom each customer who was merged had become, from when on."""
    followed = Followed()
    changes = connection.execute(_CHANGES).fetchall()
    followed.take(Change(*row) for row in changes)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE became (customer_id VARCHAR, since BIGINT, became VARCHAR)"
    )
    rows = [(id_, since, became) for (id_, since), became in followed.became.items()]
    if rows:
        connection.executemany("INSERT INTO became VALUES (?, ?, ?)", rows)
