"""`cjo-stream customer`: one customer, found by any of their identifiers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.archive import erasing_of
from cjo_stream.cli.option import Json, Yes
from cjo_stream.cli.place import State, installation_of
from cjo_stream.cli.terminal import confirm, note, say, say_json, warn
from cjo_stream.cli.unrecorded import note_unrecorded
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.cli.archive import Erasing
    from cjo_stream.core.answer import Erased, Removed, Shown, Unlinked
    from cjo_stream.core.event import Identifier
    from cjo_stream.core.message import ActorMessage
    from cjo_stream.ingest.archive.forget import Person
    from cjo_stream.installation.answer import Kept
    from cjo_stream.installation.port import Installation

app: Final = typer.Typer(help="Show one customer; link, unlink or erase.", no_args_is_help=True)

Named = Annotated[
    str, typer.Argument(metavar="TYPE:VALUE", help="One of the customer's identifiers.")
]


@app.callback()
def _group() -> None:
    """One customer, by identifier."""


# --- looking


@app.command()
def show(
    context: typer.Context, identifier: Named, state: State = None, json: Json = False
) -> None:
    """Print what is known about a customer, as JSON."""
    import msgspec

    found = _show(installation_of(context, state), identifier, history=False).customer
    if json:
        say_json(found)
    else:
        say(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())


@app.command()
def history(
    context: typer.Context, identifier: Named, state: State = None, json: Json = False
) -> None:
    """Print what happened to a customer and why, oldest first.

    It lists events, links, merges, transitions, decisions with every candidate, and commands,
    also of customers that were merged into this one.
    """
    from cjo_stream.cli.history import lines
    from cjo_stream.core.bounds import BOUNDS

    installation = installation_of(context, state)
    found = _show(installation, identifier, history=True)
    entries, left_out = found.history or [], found.left_out or 0
    customer_id = found.customer.customer_id
    switched = (one.switched for one in installation.sets())
    note_unrecorded(switched, "transition", "decision")
    if json:
        say_json({"customer_id": customer_id, "history": entries, "left_out": left_out})
        return
    for line in lines(customer_id, entries, installation.program().max_late_ms):
        say(line)
    if left_out:
        note(f"{left_out} older entries were left out: the answer has no room for them")
    if len(entries) + left_out >= BOUNDS.timeline:
        kept = f"the last {BOUNDS.timeline} entries are kept"
        note(f"{kept}; what was before is in the topics alone")


def _show(installation: Installation, identifier: str, *, history: bool) -> Shown:
    from cjo_stream.core.answer import Shown
    from cjo_stream.core.message import Find, Show

    at = installation.named(identifier)
    return installation.look(at, lambda command_id: Find(Show(command_id, history)), Shown)


# --- changing


@app.command()
def link(
    context: typer.Context,
    one: Annotated[str, typer.Argument(metavar="TYPE:VALUE", help="An identifier.")],
    other: Annotated[
        str, typer.Argument(metavar="TYPE:VALUE", help="The identifier to link it with.")
    ],
    yes: Yes = False,
    state: State = None,
    json: Json = False,
) -> int:
    """Link two identifiers: their customers are merged.

    Limits apply. An earlier `unlink` of the two is undone.
    """
    from cjo_stream.core.answer import Tied
    from cjo_stream.core.message import Tie

    installation = installation_of(context, state)
    a, b = _named_two(installation, one, other)
    confirm(f"Make {one} and {other} one customer's?", yes)
    answer = installation.order(a, lambda command_id: Tie(command_id, a, b), Tied)
    if json:
        say_json(answer)
    elif answer.linked:
        say(f"{one} and {other} are one customer's")
    if not answer.linked:
        note(f"error: they stay apart: {_REASONS[str(answer.reason)]}")
    return 0 if answer.linked else 1


_REASONS: Final = {
    "limit": "they would have more identifiers of a type than its limit; unlink one first",
    "shared": "one of the two is shared by many, and is never linked",
    "busy": "one of the two is being merged just now; try again",
    "stale": "one of the two has just gone to another customer; try again",
    "erased": "one of the two was just erased; try again",
    "cannot_link": "they were unlinked",
}


@app.command()
def unlink(
    context: typer.Context,
    one: Annotated[str, typer.Argument(metavar="TYPE:VALUE", help="An identifier.")],
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="[TYPE:VALUE]",
            help="The identifier that it is linked with. Default: all that it is linked with.",
        ),
    ] = None,
    yes: Yes = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Take a link back: identifiers connected only by it become a separate customer.

    They keep what arrived under them. Events do not link the two again.
    """
    from cjo_stream.core.answer import Unlinked
    from cjo_stream.core.message import Find, Unlink

    installation = installation_of(context, state)
    if other is None:
        a, b = installation.named(one), None
    else:
        a, at = _named_two(installation, one, other)
        b = at.hash

    def order(confirmed: bool) -> Callable[[str], ActorMessage]:
        return lambda command_id: Find(Unlink(command_id, a.hash, b, confirmed))

    would = installation.look(a, order(False), Unlinked)
    if not would.links:
        raise UsageError(f"{_no_link(installation, a, one, other)}: name two that are linked")
    _note_unlink(would)
    confirm("Take this back?", yes)
    done = installation.order(a, order(True), Unlinked)
    if json:
        say_json(done)
        return
    for left in done.leaving:
        say(f"{', '.join(left.identifiers)}: now customer {left.customer_id}")
    if not done.leaving:
        say("the link is taken back; other links still connect the two")


def _named_two(installation: Installation, one: str, other: str) -> tuple[Identifier, Identifier]:
    a, b = installation.named(one), installation.named(other)
    if a.hash == b.hash:
        raise UsageError("this is one identifier, named twice: name two")
    return a, b


def _no_link(installation: Installation, at: Identifier, one: str, other: str | None) -> str:
    """Return the reason why no link can be taken back."""
    from cjo_stream.core.answer import Unlinked
    from cjo_stream.core.message import Find, Unlink

    if other is None:
        return f"{one} has no link"
    all_ = installation.look(at, lambda command_id: Find(Unlink(command_id, at.hash)), Unlinked)
    others = sorted({name for pair in all_.links for name in pair} - {f"{at.type}:{at.value}"})
    linked = f"{one} is linked with {', '.join(others)}" if others else f"{one} has no link"
    return f"{one} and {other} are not linked with each other; {linked}"


def _note_unlink(would: Unlinked) -> None:
    note(f"customer {would.customer_id}")
    for one, other in would.links:
        note(f"  taken back: {one} - {other}")
    for left in would.leaving:
        note(f"  leaves:     {', '.join(left.identifiers)}")
        journeys = ", ".join(f"{i.journey} in {i.state}" for i in left.instances)
        facts = ", ".join(left.facts)
        note(f"              instances: {journeys or 'none'}; facts: {facts or 'none'}")
        note(f"              commands: {left.commands}")
    if not would.leaving:
        note("  no identifier leaves: other links connect them")


@app.command()
def erase(
    context: typer.Context,
    identifier: Named,
    yes: Yes = False,
    state: State = None,
    json: Json = False,
) -> int:
    """Erase a customer: state, identifiers and history.

    It prints what still holds older records, and for how long. --json prints a proof without
    personal data. With CJO_ARCHIVE it also takes the customer's events out of the archive; until
    that is done, the command may be given again. If it was cut off and nobody has the identifier
    any more, it ends what is left, and says so. Exit 1 if a partition did not answer, or the
    archive is not done.
    """
    from cjo_stream.errors import NobodyError

    erasing = erasing_of(context)
    installation = installation_of(context, state)
    at = installation.named(identifier)
    try:
        would = _would_erase(installation, at, erasing)
    except NobodyError:
        _end_cut_off(installation, json)
        raise
    confirm("Erase all of this, for good?", yes)
    erased = [] if erasing is None else [one.answer for one in erasing.earlier]
    if would is not None:
        erased.append(_erase_found(installation, at, identifier, would, erasing))
    elif erasing is not None:
        erasing.begin()
    silent = installation.sweep()
    if erasing is not None:
        erasing.end(installation)
    kept = installation.kept()
    if json:
        *earlier, proof = map(_proof, erased)
        archive = {} if erasing is None else {"earlier": earlier, "archive": erasing.proof()}
        say_json({**proof, "partitions_not_swept": silent, **archive, "kept": kept})
    else:
        _say_erased(erased, kept, "" if erasing is None else erasing.sentence())
    _warn_silent(silent)
    left = 0 if erasing is None else erasing.close(is_whole=not silent)
    return 1 if silent else left


def _end_cut_off(installation: Installation, json: bool) -> None:
    """End what an erasure that was cut off behind its order has left, if there was one."""
    silent, kept = installation.sweep(), installation.kept()
    if json:
        say_json({"partitions_not_swept": silent, "kept": kept})
    else:
        say("if an erasure was cut off, it is carried out, and now ended: the topic of identity")
        say("changes has its record of kind erased")
        _say_kept(kept)
    _warn_silent(silent)


def _warn_silent(partitions: list[int]) -> None:
    if partitions:
        warn(
            f"partitions {partitions} did not answer: their stores may keep overwritten values "
            "for a day. Is a worker down? The customer is erased all the same"
        )


def _erase_found(
    installation: Installation,
    at: Identifier,
    identifier: str,
    would: Erased,
    erasing: Erasing | None,
) -> Erased:
    """Erase the customer who has an identifier, after the archive; return the answer."""
    from cjo_stream.core.answer import Erased

    if erasing is None:
        return installation.order(at, _erase(True), Erased)
    person = _begin(erasing, installation, identifier)
    erasing.keep(person, would)
    done = installation.order(at, _erase(True), Erased)
    erasing.keep(person, done)
    return done


def _erase(confirmed: bool) -> Callable[[str], ActorMessage]:
    from cjo_stream.core.message import Erase, Find

    return lambda command_id: Find(Erase(command_id, confirmed))


def _would_erase(
    installation: Installation, at: Identifier, erasing: Erasing | None
) -> Erased | None:
    """Print and return what an erasure would remove; None if only earlier ones are to be ended.

    `erasing` takes these up. Raises NobodyError if there is neither.
    """
    from cjo_stream.core.answer import Erased
    from cjo_stream.errors import NobodyError, UsageError

    def holder(written: str) -> str | None:
        try:
            one = installation.named(written)
            return installation.look(one, _erase(False), Erased).customer_id
        except UsageError:  # nobody, or the definitions have no such type any more
            return None

    try:
        would = installation.look(at, _erase(False), Erased)
    except NobodyError:
        if erasing is None or not erasing.take_up(at, None, holder):
            raise
        return None
    if erasing is not None:
        erasing.take_up(at, would.customer_id, holder)
    note(f"customer {would.customer_id}: {_numbers(would.removed)}")
    return would


def _begin(erasing: Erasing, installation: Installation, identifier: str) -> Person:
    """Take a customer's events out of the archive; return the person, as of afterwards."""
    known = _person(installation, identifier)
    erasing.begin(known)
    # That takes its time, and the customer may have been linked meanwhile.
    while (linked := _person(installation, identifier)) != known:
        known = linked
        erasing.begin(known)
    return known


def _person(installation: Installation, identifier: str) -> Person:
    """Return the identifiers and ids by which the archive knows the customer's events."""
    import msgspec

    from cjo_stream.ingest.archive.forget import Person

    row = _show(installation, identifier, history=False).customer
    absorbed = [] if row.absorbed is msgspec.UNSET else row.absorbed
    names = ((type_, one) for type_, of in row.identifiers.items() for one in of)
    return Person(frozenset(names), frozenset([row.customer_id, *absorbed]))


def _time(done: Erased) -> int | None:
    """Return when a customer was erased; None if the command was killed before it knew."""
    return done.erased_at if isinstance(done.erased_at, int) else None


def _proof(done: Erased) -> dict[str, object]:
    return {
        "customer_id": done.customer_id,
        "erased_at": _time(done),
        "removed": done.removed,
    }


def _say_erased(erased: Sequence[Erased], kept: Sequence[Kept], archive: str) -> None:
    from cjo_stream.core.text import moment_text

    for done in erased:
        time = _time(done)
        at = "" if time is None else f", at {moment_text(time)}"
        say(f"customer {done.customer_id} is erased{at}")
        say(f"removed: {_numbers(done.removed)}")
    say("the stores hold nothing of this customer any more; nor will any later checkpoint")
    if archive:
        say(archive)
    _say_kept(kept)


def _say_kept(kept: Sequence[Kept]) -> None:
    say("kept, of what was written before the erasure:")
    for one in kept:
        say(f"  {one.place}: {one.holds}; {one.how}")


def _numbers(removed: Removed) -> str:
    import msgspec

    identifiers = ", ".join(f"{number} {type_}" for type_, number in removed.identifiers.items())
    others = [
        f"{number} {name.replace('_', ' ')}"
        for name, number in msgspec.structs.asdict(removed).items()
        if name != "identifiers" and number
    ]
    return "; ".join([f"identifiers: {identifiers or 'none'}", *others])
