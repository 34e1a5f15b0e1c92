"""CODEOWNERS, by which GitHub and GitLab ask the right team to review a change."""

from __future__ import annotations

from collections.abc import Iterator

from cjo_stream.governance.owner import CENTRAL, Owners


def codeowners(owners: Owners, *, under: str = "", prefix: str = "@") -> Iterator[str]:
    """Yield the lines of a CODEOWNERS file for a topology in the repository's folder `under`.

    A team's handle is its name behind `prefix`. The last line that matches a file counts, so
    files that no team has are first. A file of several teams asks all whose patterns are equal.

    >>> from cjo_stream.governance.owner import Team
    >>> list(codeowners(Owners({"crm": Team(("crm/**",))}), under="shop", prefix="@acme/"))
    ['/shop/ @acme/central', '/shop/crm/** @acme/crm']
    """
    folder = f"/{under.strip('/')}/" if under.strip("/") else "/"
    yield f"{folder if under else '*'} {prefix}{CENTRAL}"
    teams: dict[str, list[str]] = {}
    for name, team in owners.teams.items():
        for path in team.paths:
            teams.setdefault(path, []).append(name)
    for path, names in teams.items():
        handles = " ".join(f"{prefix}{name}" for name in names)
        yield f"{folder}{path.replace(' ', chr(92) + ' ')} {handles}"
