"""The parts that each team may change (docs/governance.md, "What each team may change").

A team may change the files that its paths name. Within them its actions are sent on its channels,
or on those that no team has, and their levers stay within its bound. The team `central` has the
rest: the files that no team's paths name, the policy, identity, the profile and the owners.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from cjo_stream.core.word import ActionClass
from cjo_stream.definition import DefinitionSet, documents_of
from cjo_stream.definition.content import decode
from cjo_stream.definition.grammar.item import Fields
from cjo_stream.definition.section import Definition
from cjo_stream.definition.text.node import Node
from cjo_stream.definition.text.report import unknown
from cjo_stream.errors import UsageError
from cjo_stream.governance.difference import Difference

CENTRAL: Final = "central"
_OF_CENTRAL: Final = frozenset(("identifier", "blocked", "fact", "trait", "team"))
"""Parts of a topology that are the central team's, in whichever file they stand."""


class Team(msgspec.Struct, frozen=True):
    """The parts of a team; `channels` is None where the topology does not say."""

    paths: tuple[str, ...] = ()
    channels: tuple[str, ...] | None = None
    levers: float | None = None
    approves: tuple[str, ...] = ()


class Trespass(NamedTuple):
    """Something that a team may not change. `owners` may."""

    name: str
    at: str
    why: str
    owners: tuple[str, ...]


class Owners(msgspec.Struct, frozen=True):
    """The teams of a topology, by name; without any, nothing is refused."""

    teams: dict[str, Team]

    def check_team(self, name: str) -> None:
        """Raise UsageError if there is no such team."""
        known = {*self.teams, CENTRAL}
        if self.teams and name not in known:
            _, message, _ = unknown("team", name, known)
            raise UsageError(f"{message} (the teams are those of `owners` in the topology)")

    def of_path(self, path: str) -> tuple[str, ...]:
        """Return the teams that may change a file."""
        found = [
            name
            for name, team in self.teams.items()
            if any(_pattern(one).fullmatch(path) for one in team.paths)
        ]
        return tuple(found) or (CENTRAL,)

    def of_channel(self, channel: str) -> tuple[str, ...]:
        """Return the teams that have a channel."""
        return tuple(name for name, team in self.teams.items() if channel in (team.channels or ()))

    def of_difference(self, one: Difference) -> tuple[str, ...]:
        """Return the teams that may make a change; for channels and levers see `trespasses`."""
        if is_central(one.kind, one.part):
            return (CENTRAL,)
        return self.of_path(path_of(one.at))

    def is_beyond(self, team: str, lever: float | None) -> bool:
        """Return whether a lever, old or new, is beyond a team's bound."""
        return team != CENTRAL and abs(lever or 0) > self._most(team)

    def bound(self, team: str) -> str:
        """Return the bound of a team's levers, in words."""
        return (
            f"levers of {team} go up to {self._most(team):g} percent; beyond, they are {CENTRAL}'s"
        )

    def _most(self, team: str) -> float:
        return self.teams.get(team, Team()).levers or 0

    def may_send(self, team: str, channel: str) -> bool:
        """Return whether a team's actions may be sent on a channel."""
        own = self.teams.get(team, Team()).channels
        if own is not None:
            return channel in own
        return team == CENTRAL or self.of_channel(channel) in ((), (team,))


def is_central(kind: str, part: Sequence[Sequence[str]]) -> bool:
    """Return whether a part of a document is the central team's, in whichever file it stands."""
    if kind == "policy":
        return True
    return kind == "topology" and (not part or part[0][0] in _OF_CENTRAL)


def path_of(at: str) -> str:
    """Return the file of a place, `path:line`."""
    return at.rpartition(":")[0]


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    """Return the expression of a pattern of paths.

    >>> bool(_pattern("crm/**").fullmatch("crm/mail/a.yaml"))
    True
    >>> bool(_pattern("*/a.yaml").fullmatch("crm/mail/a.yaml"))
    False
    """
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(parts.get(piece, re.escape(piece)) for piece in pieces))


def read_owners(definitions: DefinitionSet) -> Owners:
    """Return the `owners` of a set's topology."""
    topology = next(one for one in documents_of(definitions.content) if one.kind == "topology")
    assert topology.fields is not None
    return Owners({pair.key.value: _team(pair.value) for pair in topology.fields.items("owners")})


def _team(fields: Fields) -> Team:
    def words(name: str) -> tuple[str, ...]:
        return tuple(str(item.value) for item in fields.items(name))

    channels = words("channels") if "channels" in fields.read else None
    return Team(words("paths"), channels, fields.value("levers"), words("approves"))


def owners_between(live: DefinitionSet | None, candidate: DefinitionSet) -> Owners:
    """Return the owners that judge a change: those of the set in force, if it names any."""
    before = read_owners(live) if live is not None else Owners({})
    return before if before.teams else read_owners(candidate)


def held(definitions: DefinitionSet, owners: Owners, team: str) -> list[tuple[Node, Trespass]]:
    """Return the parts of a team's files that belong to another team."""
    owners.check_team(team)
    found: list[tuple[Node, Trespass]] = []
    for one in documents_of(definitions.content) if owners.teams else ():
        path = one.document.source.name
        if one.fields is None or team not in owners.of_path(path):
            continue
        if team != CENTRAL and one.kind in ("policy", "topology"):
            found += _central_in(one)
        elif one.kind == "action":
            found += _action(one, owners, team)
    return found


def _central_in(one: Definition) -> Iterator[tuple[Node, Trespass]]:
    assert one.fields is not None
    keys = [""] if one.kind == "policy" else ["identity", "profile", "owners"]
    for key in keys:
        if key in ("", *one.fields.keys):
            node = one.fields.where(key)
            what = key or "the policy"
            yield node, Trespass(one.name, _at(node), f"{what} is {CENTRAL}'s", (CENTRAL,))


def _action(one: Definition, owners: Owners, team: str) -> Iterator[tuple[Node, Trespass]]:
    """Yield the channels and the lever of an action that its team may not set."""
    assert one.fields is not None
    for pair in one.fields.items("treatments"):
        channel = pair.key.value
        if not owners.may_send(team, channel):
            whose = owners.of_channel(channel) or (CENTRAL,)
            why = f"channel {channel} is {_listed(whose)}'s"
            yield pair.key.node, Trespass(one.name, _at(pair.key.node), why, whose)
    if owners.is_beyond(team, one.fields.value("lever")):
        node = one.fields.where("lever")
        yield node, Trespass(one.name, _at(node), owners.bound(team), (CENTRAL,))


def _at(node: Node) -> str:
    line, _ = node.source.locate(node.start)
    return f"{node.source.name}:{line}"


def _listed(teams: Iterable[str]) -> str:
    return " and ".join(teams)


def trespasses(
    live: DefinitionSet, candidate: DefinitionSet, found: Sequence[Difference], team: str
) -> list[Trespass]:
    """Return which of the changes between two sets a team may not make.

    A file of another team may not change at all, be it a comment, and no document may leave it.
    """
    owners = owners_between(live, candidate)
    owners.check_team(team)
    if not owners.teams:
        return []
    refused = [row for one in found for row in _refused(one, owners, team)]
    seen = {path_of(row.at) for row in refused}
    refused += [
        row for row in _texts(live, candidate, owners, team) if path_of(row.at) not in seen
    ]
    return list(dict.fromkeys(refused))


def _refused(one: Difference, owners: Owners, team: str) -> Iterator[Trespass]:
    whose = owners.of_difference(one)
    if team not in whose:
        place = path_of(one.at)
        what = one.kind if whose == (CENTRAL,) and is_central(one.kind, one.part) else place
        yield Trespass(one.name, one.at, f"{what} is {_listed(whose)}'s", whose)
    elif one.kind == "action":
        yield from _of_action(one, owners, team)


def _of_action(one: Difference, owners: Owners, team: str) -> Iterator[Trespass]:
    channels: Iterable[str] = ()
    if not one.part:
        channels = (one.after or one.before)["treatments"]
    elif one.part[0][0] == "treatment":
        channels = one.part[0][1:2]
    for channel in channels:
        if not owners.may_send(team, channel):
            whose = owners.of_channel(channel) or (CENTRAL,)
            yield Trespass(one.name, one.at, f"channel {channel} is {_listed(whose)}'s", whose)
    levers: tuple[Any, ...] = ()
    if one.part == (("lever",),):
        levers = (one.before, one.after)
    elif not one.part:
        levers = tuple(whole.get("lever") for whole in (one.before, one.after) if whole)
    if any(owners.is_beyond(team, lever) for lever in levers):
        yield Trespass(one.name, one.at, owners.bound(team), (CENTRAL,))


def _texts(
    live: DefinitionSet, candidate: DefinitionSet, owners: Owners, team: str
) -> Iterator[Trespass]:
    """Yield the first changed line of each file that is another team's."""
    before, after = (decode(one.content).sources for one in (live, candidate))
    for path in sorted(before.keys() | after.keys()):
        whose = owners.of_path(path)
        if before.get(path) != after.get(path) and team not in whose:
            line = _first_changed(before.get(path, ""), after.get(path, ""))
            yield Trespass(path, f"{path}:{line}", f"{path} is {_listed(whose)}'s", whose)


def _first_changed(before: str, after: str) -> int:
    old, new = before.splitlines(), after.splitlines()
    pairs = enumerate(zip(old, new, strict=False), 1)
    shorter = min(len(old), len(new))
    return next((line for line, (one, other) in pairs if one != other), max(1, shorter))


def approvals(found: Sequence[Difference], owners: Owners) -> Mapping[str, list[str]]:
    """Return the teams that must approve changes, each with the matters that it approves."""
    asked: dict[str, list[str]] = {}
    for name, team in owners.teams.items():
        matters = [one for one in team.approves if any(is_of(one, each) for each in found)]
        if matters:
            asked[name] = matters
    return asked


def is_of(matter: str, one: Difference) -> bool:
    """Return whether a change is of a matter that a team approves."""
    if matter in _KINDS:
        return one.kind == _KINDS[matter]
    if one.kind == "action" and matter in _OF_CLASS and _changes_class(one):
        return True
    if not one.part:
        whole = one.after or one.before or {}
        brings = any(whole.get(key) for key in _OWN.get(matter, ()))
        return brings or matter in _WHOLE.get(one.kind, ())
    return matter == _MATTERS.get(one.part[0][0])


def _changes_class(one: Difference) -> bool:
    """Return whether an action gets another class, or comes with another one than marketing."""
    if one.part:
        return one.part[0][0] == "class"
    return one.after is not None and one.after["class"] != ActionClass.MARKETING


_KINDS: Final = {
    "journeys": "journey",
    "actions": "action",
    "measures": "measure",
    "policy": "policy",
    "topology": "topology",
}
_MATTERS: Final = {
    "cap": "caps",
    "limit": "limits",
    "quiet_hours": "quiet_hours",
    "consent": "consent",
    "lever": "levers",
    "context": "levers",
    "holdout": "holdout",
    "identifier": "identity",
    "blocked": "identity",
    "fact": "profile",
    "trait": "profile",
    "channel": "channels",
    "team": "owners",
}
_OF_CLASS: Final = frozenset(("caps", "consent", "quiet_hours", "holdout"))
"""The matters that an action's class decides about: which of their rules hold for it."""
_OWN: Final = {"levers": ("lever", "context"), "limits": ("limits",), "holdout": ("holdout",)}
"""The matters that an action or a journey may bring along when it comes or goes, by its keys."""
_WHOLE: Final = {
    "policy": ("caps", "limits", "quiet_hours", "consent", "levers", "holdout"),
    "topology": ("identity", "profile", "channels", "owners"),
}
"""The matters of a whole policy or topology that comes or goes."""
