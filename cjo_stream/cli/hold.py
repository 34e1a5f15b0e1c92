"""`cjo-stream hold` and `release`: the emergency stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.option import login
from cjo_stream.cli.place import State, installation_of
from cjo_stream.cli.terminal import moment, note, numbered, say, warn
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.installation.answer import Held, Holding
    from cjo_stream.installation.port import Installation

IN_FORCE_S: Final = 10.0
"""For every dispatch and webhook to heed a hold, or a release."""
ASK_S: Final = 0.5
REPORT_S: Final = 10.0

Channel = Annotated[
    str | None, typer.Option("--channel", metavar="NAME", help="The commands of this channel.")
]
Action = Annotated[
    str | None, typer.Option("--action", metavar="NAME", help="The commands of this action.")
]


def hold(
    context: typer.Context,
    channel: Channel = None,
    action: Action = None,
    everything: Annotated[bool, typer.Option("--all", help="All commands.")] = False,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why, for others to read.")] = "",
    who: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who holds. Default: your login name.")
    ] = None,
    state: State = None,
) -> int:
    """Stop commands: they wait until a release; everything else goes on.

    On Kafka the hold is in force when this returns, and stays so over restarts. In a state folder
    it is in force from the next run on.
    """
    from cjo_stream.engine.hold import Hold, Which

    if (channel is not None or action is not None) == everything:
        raise UsageError("hold what? Name --channel, --action or both; or --all")
    installation = installation_of(context, state)
    _check_names(installation, channel, action)
    which = Which(channel or "", action or "")
    installation.hold(Hold(which, who or login() or "", why, time.time_ns() // 1_000_000))
    holding = _in_force(installation)
    if _is_behind(holding):
        return 1
    say(f"held: {which}")
    return 0


def release(
    context: typer.Context,
    channel: Channel = None,
    action: Action = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that you hold, whatever it is.")
    ] = False,
    who: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Whose hold it is. Default: your login name."),
    ] = None,
    state: State = None,
) -> int:
    """Take a hold back: the commands that waited are sent, in the order in which they came.

    Commands that expired meanwhile are dropped and counted. What another hold is of waits on.
    Exit 1 if a dispatch or a webhook does not answer; it is waited for all that dispatch sends.
    """
    from cjo_stream.engine.hold import Hold, Which

    if (channel is not None or action is not None) == everything:
        raise UsageError("release what? Name --channel, --action or both; or --all")
    installation = installation_of(context, state)
    before = installation.holding()
    whose = who or login() or ""
    taken_back = [
        one
        for one in before.holds
        if one.who == whose
        and (everything or (one.channel, one.action) == (channel or "", action or ""))
    ]
    if not taken_back:
        raise UsageError(f"{whose or 'nobody named'} holds nothing like that. {_told(before)}")
    for one in taken_back:
        installation.release(Hold(Which(one.channel, one.action), one.who, one.why, one.at))
    holding = _in_force(installation)
    if holding.behind:
        return 1
    code = 1 if holding.unheeding else 0
    holding = _drained(installation, holding)
    say(
        f"released: {numbered(holding.sent - before.sent, 'command')} sent, "
        f"{numbered(holding.expired - before.expired, 'expired command')} dropped"
    )
    for sentence in sentences(holding):
        say(sentence)
    return code


def sentences(holding: Holding) -> Iterable[str]:
    """Yield what is held, by whom, since when and why; and what is being sent."""
    for one in holding.holds:
        yield f"held: {_which(one)}, {_by(one)}; waiting: {numbered(one.waiting, 'command')}"
    if holding.leaving:
        yield f"released, still to be sent: {numbered(holding.leaving, 'command')}"


def warn_behind(holding: Holding) -> None:
    """Warn of partitions where holds may not be in force."""
    if holding.behind:
        partitions = ", ".join(map(str, holding.behind))
        warn(
            f"not known to be in force in partitions {partitions}: no dispatch has answered "
            "there. If none runs, nothing is sent, and the next one to start heeds it. If one "
            "runs, look at its log, or end it"
        )
    if holding.unheeding:
        warn(
            f"not known to be in force in {', '.join(holding.unheeding)}: webhook has read there, "
            "and has not answered. If none runs, nothing is posted, and the next one to start "
            "heeds it. If one runs, look at its log, or end it"
        )


def _check_names(installation: Installation, channel: str | None, action: str | None) -> None:
    if channel is None and action is None:
        return
    program = installation.program()
    channels = {one.name for one in program.channels.values() if one.output is not None}
    for what, name, known in (
        ("channel that sends commands", channel, channels),
        ("action", action, set(program.actions)),
    ):
        if name is not None and name not in known:
            raise UsageError(f"there is no {what} {name}: {_nearest(name, known)}")


def _nearest(name: str, known: set[str]) -> str:
    from cjo_stream.core.likeness import nearest

    near = nearest(name, known)
    return f"did you mean {near}?" if near else f"name one of {', '.join(sorted(known))}"


def _in_force(installation: Installation) -> Holding:
    """Return what is held once it is in force, or it takes too long, which is warned of."""
    holding = _until(installation, lambda found: not _is_behind(found), IN_FORCE_S)
    warn_behind(holding)
    return holding


def _is_behind(holding: Holding) -> bool:
    """Return whether a hold or a release is not known to be in force everywhere."""
    return bool(holding.behind or holding.unheeding)


def _drained(installation: Installation, holding: Holding) -> Holding:
    """Return what is held once all that was released is sent; report while it is not."""
    while holding.leaving:
        holding = _until(installation, lambda found: not found.leaving, REPORT_S)
        if holding.leaving:
            note(f"still to be sent: {numbered(holding.leaving, 'command')}")
    return holding


def _until(
    installation: Installation, is_done: Callable[[Holding], bool], within_s: float
) -> Holding:
    until_s = time.monotonic() + within_s
    while True:
        holding = installation.holding()
        if is_done(holding) or time.monotonic() > until_s:
            return holding
        time.sleep(ASK_S)


def _told(holding: Holding) -> str:
    if not holding.holds:
        return "There is nothing to release: no command is held"
    held = "; ".join(f"{_which(one)}, {_by(one)}" for one in holding.holds)
    return f"Held are {held}. Name one of these, and by --who whose it is"


def _which(one: Held) -> str:
    from cjo_stream.engine.hold import Which

    return str(Which(one.channel, one.action))


def _by(one: Held) -> str:
    why = f" ({one.why})" if one.why else ""
    return f"by {one.who or 'nobody named'} since {moment(one.at)}{why}"
