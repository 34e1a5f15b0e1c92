"""A new definition set keeps parts of the set in force, and must not change others.

`era` handles values that customers keep under a changed definition.

Whether instances of an earlier version of a journey are still live is not known here. So the text
of every version that ever ran stays in all later sets; a set's size bounds them (`_fitting`).
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.core.word import Status
from cjo_stream.definition.build.topology import RANK_MAX, RANK_STEP
from cjo_stream.definition.code import Code
from cjo_stream.definition.content import (
    INFLATED_BYTES_MAX,
    Carried,
    Content,
    decode,
    encode,
    inflated_bytes,
)
from cjo_stream.definition.era import next_eras
from cjo_stream.definition.life import RUNNING, Modes, version_name
from cjo_stream.definition.load import DefinitionSet, compile_stored, read_carried
from cjo_stream.definition.section import Definition, keep_first, read_definitions
from cjo_stream.definition.text.node import Mapping, Node, Scalar, Sequence
from cjo_stream.definition.text.report import Report
from cjo_stream.definition.text.source import Source
from cjo_stream.engine.frame import ITEM_BYTES_MAX
from cjo_stream.errors import DefinitionError, Diagnostic, UsageError

CONTENT_BYTES_MAX: Final = ITEM_BYTES_MAX - 1024
"""Largest stored set: an item of the log, less the rest of that item."""

_NO_CONTENT = frozenset(("about", "owner", "status"))
"""Keys of a journey that may change without a new version: they do not affect instances."""

Version = tuple[str, int]


def succeed(new: DefinitionSet, running: bytes | None) -> bytes:
    """Return the content to publish in place of `running` (None: nothing was applied yet).

    It keeps the versions of journeys that may have live instances. Raises DefinitionError for
    journeys that changed without a new version, that ran before and are drafts now, or that need
    removed actions or facts; UsageError for changes of identifier types that would change
    customers' ids, and for a set too large for the log.
    """
    content = decode(new.content)
    _fitting(new.content, content)  # what is too large alone takes minutes to read
    if running is None:
        modes = _modes({}, _versions(content, Report()))
        first = _with(content, ranks=_first_ranks(new.program), modes=modes)
        return _fitting(first, content)
    before = decode(running)
    old = compile_stored(running)
    _check_topology(new.program, old)
    ranks = _fix_ranks(list(new.program.identifiers), before.ranks or _first_ranks(old))
    report = Report()
    written = _versions(content, report)
    versions = {key: one for key, one in written.items() if not _is_draft(one)}
    earlier = {key: one for key, one in _versions(before, report).items() if not _is_draft(one)}
    for definition in written.values():
        _check_draft(definition, earlier, report)
    for key in sorted(versions.keys() & earlier.keys()):
        _check_unchanged(versions[key], earlier[key], earlier, report)
    if report.errors:
        raise DefinitionError(report.diagnostics())
    carried = [
        Carried(name, version, earlier[name, version].document.text)
        for name, version in sorted(earlier.keys() - versions.keys())
    ]
    eras = next_eras(new.program, old, before.eras)
    modes = _modes(before.modes, written)
    composed = _with(content, carried=carried, ranks=ranks, eras=eras, modes=modes)
    try:
        compile_stored(composed)
    except DefinitionError as error:
        # The new set alone compiles: these errors are in earlier versions.
        raise DefinitionError(map(_of_earlier, error.diagnostics)) from error
    return _fitting(composed, content)


def _of_earlier(found: Diagnostic) -> Diagnostic:
    """Return an error of an earlier version, with the remedy."""
    return found._replace(
        message=f"{found.message}. Customers may still be in this version: keep what it uses"
    )


def _fitting(composed: bytes, content: Content) -> bytes:
    """Return a set unchanged; raises UsageError if it is too large for the log or for readers."""
    size, inflated = len(composed), inflated_bytes(composed)
    if size <= CONTENT_BYTES_MAX and inflated <= INFLATED_BYTES_MAX:
        return composed
    alone = len(encode(content))
    longest = max(content.sources, key=lambda path: len(content.sources[path]))
    raise UsageError(
        f"the definition set has {size:,} bytes compressed and {inflated:,} unpacked; the most "
        f"is {CONTENT_BYTES_MAX:,} and {INFLATED_BYTES_MAX:,}. Its files have {alone:,} bytes "
        f"compressed ({longest} is the longest): shorten texts and comments. The rest is "
        "earlier versions of journeys, which must stay; if the files alone fit, and cannot be "
        "shortened, use a new installation (CJO_TOPIC_PREFIX, or another state folder), which "
        "begins without those versions"
    )


def _with(content: Content, **kept: Any) -> bytes:
    return encode(msgspec.structs.replace(content, **kept))


def _modes(before: Modes, written: dict[Version, Definition]) -> dict[str, str]:
    """Return the mode of each version that ever ran, after a set with the versions `written`."""
    modes = dict(before)
    for (journey, version), definition in written.items():
        assert definition.fields is not None
        status = definition.fields.value("status", Status.LIVE)
        if status in RUNNING:
            modes[version_name(journey, version)] = str(status)
    return dict(sorted(modes.items()))


def _versions(content: Content, report: Report) -> dict[Version, Definition]:
    """Return all versions of journeys in a set: drafts, current ones, and earlier ones."""
    sources = [Source(path, text) for path, text in content.sources.items()]
    definitions = keep_first(read_definitions(sources, Report()), Report())
    definitions += read_carried(content.carried, report)
    return {
        (definition.name, definition.fields.value("version")): definition
        for definition in definitions
        if definition.kind == "journey" and definition.fields is not None
    }


def _is_draft(definition: Definition) -> bool:
    return definition.fields is not None and bool(definition.fields.value("status") == "draft")


def _check_draft(new: Definition, earlier: dict[Version, Definition], report: Report) -> None:
    if not _is_draft(new) or all(name != new.name for name, _ in earlier):
        return
    assert new.fields is not None
    report.error(
        new.fields.where("status"),
        Code.DRAFT,
        f"journey {new.name} has run, and cannot be a draft again: leave it live; or make it "
        "draining, so that its instances finish and nobody enters",
    )


def _check_unchanged(
    new: Definition, old: Definition, earlier: dict[Version, Definition], report: Report
) -> None:
    if new.root is None or old.root is None or _canonical(new.root) == _canonical(old.root):
        return
    next_version = 1 + max(version for name, version in earlier if name == new.name)
    where = new.fields.where("version") if new.fields else new.root
    report.error(
        where,
        Code.VERSION,
        f"journey {new.name} changed without a new version: make it version {next_version}",
    )


def _canonical(root: Node) -> str:
    """Return the content of a journey as text, without its layout: equal if nothing changed."""
    assert isinstance(root, Mapping)
    values = {k.text: _value(v) for k, v in root.pairs if isinstance(k, Scalar)}
    kept = {key: value for key, value in values.items() if key not in _NO_CONTENT}
    return json.dumps(kept, sort_keys=True)


def _value(node: Node) -> Any:
    """Return a node's value; the order of a mapping's keys matters (steps, timers, splits)."""
    if isinstance(node, Mapping):
        return {"map": [[_value(key), _value(value)] for key, value in node.pairs]}
    if isinstance(node, Sequence):
        return [_value(item) for item in node.items]
    return node.value if isinstance(node, Scalar) else None


def _check_topology(new: Program, old: Program) -> None:
    if new.topology != old.topology:
        raise UsageError(
            f"topology {old.topology} is in force here, not {new.topology}: "
            "apply its folder, or name another installation (CJO_TOPIC_PREFIX)"
        )
    gone = [name for name in old.identifiers if name not in new.identifiers]
    if gone:
        raise UsageError(
            f"customers are known by identifiers of type {', '.join(gone)}, and an applied type "
            f"must stay: declare {', '.join(gone)} in its old place. No channel needs to send it"
        )
    for name in sorted(new.identifiers.keys() & old.identifiers.keys()):
        before, after = old.identifiers[name].normalise, new.identifiers[name].normalise
        if before != after:
            raise UsageError(
                f"identifier type {name} was applied with normalise {before or 'none'}, by which "
                "customers are known: keep it, and declare a new type with the other"
            )
        if after == "phone" and new.region != old.region:
            raise UsageError(
                f"values of {name}, by which customers are known, depend on the region "
                f"{old.region or 'none'}: keep it, and declare a new type for numbers of another "
                "region"
            )


def _first_ranks(program: Program) -> dict[str, int]:
    return {name: type_.rank for name, type_ in program.identifiers.items()}


def _fix_ranks(types: list[str], fixed: dict[str, int]) -> dict[str, int]:
    """Return ranks for all types ever applied; a new type gets one between its neighbours."""
    kept = [fixed[name] for name in types if name in fixed]
    if kept != sorted(kept):
        order = sorted((name for name in types if name in fixed), key=fixed.__getitem__)
        raise UsageError(
            "identifier types were applied in another order, on which customers' ids depend: "
            f"keep {', '.join(order)}"
        )
    ranks = dict(fixed)
    below = 0
    for position, name in enumerate(types):
        if name not in ranks:
            following = [ranks[later] for later in types[position + 1 :] if later in fixed]
            ranks[name] = _rank_between(below, min(following, default=None), ranks, name)
        below = ranks[name]
    return ranks


def _rank_between(below: int, above: int | None, taken: dict[str, int], name: str) -> int:
    """Return a free rank after `below`, in the middle of the gap before `above`."""
    limit = RANK_MAX + 1 if above is None else above
    wanted = below + RANK_STEP if above is None else (below + above) // 2
    used = set(taken.values())
    free = [rank for rank in range(below + 1, limit) if rank not in used]
    if not free:
        raise UsageError(
            f"no rank is left for identifier type {name} in this place: declare it further down"
        )
    return min(free, key=lambda rank: (abs(rank - wanted), rank))
