"""The worth of choices by the hidden model: the engine's choices, and those of simpler rules.

Every choice that a `decide` sent, among candidates that had passed all gates, is compared with the
choices of other rules for the same person at the same moment, with all earlier commands as they
were. Worths are expectations of the hidden model, not draws, so they contain no luck. Rules with
hindsight (`single`, `ranking`) know the worths of the whole run, which no real rule does.

    chosen    the engine's choice
    uniform   any candidate, all equally likely
    single    always the one candidate with the highest worth over the whole run, else nothing
    ranking   the candidate with the highest mean worth over the run
    best      the candidate with the highest worth for this person now: no rule can be better
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from cjo_stream.simulate.answer import Fatigue, Received, person_of
from cjo_stream.simulate.world import Hidden

Option = tuple[str, str]
"""Action and channel."""


class _Candidate(msgspec.Struct):
    action: str
    channel: str
    gate: str | None = None


class _Decision(msgspec.Struct):
    """The fields of a decision record that are read."""

    decision_id: str
    request: dict[str, object]
    candidates: list[_Candidate]


class _Command(msgspec.Struct):
    """The fields of a command that are read in addition to those of Received."""

    decision_id: str


class Worth(msgspec.Struct, kw_only=True):
    """The sums of worths over choices, by rule."""

    choices: int = 0
    chosen: float = 0.0
    uniform: float = 0.0
    single: float = 0.0
    ranking: float = 0.0
    best: float = 0.0


class Payoff(msgspec.Struct):
    """`spans`: the sums for each span of the run, in order; `single`: the choice of that rule."""

    spans: list[Worth]
    single: Option | None

    @property
    def total(self) -> Worth:
        """The sums over the whole run."""
        names = Worth.__struct_fields__
        return Worth(**{name: sum(getattr(span, name) for span in self.spans) for name in names})


class _Choice(msgspec.Struct):
    """One choice: the worth of each option that passed, the option sent, and the time in ms."""

    sent_at: int
    chosen: Option
    worths: dict[Option, float]


def payoff(
    decisions: Iterable[bytes],
    commands: Iterable[bytes],
    hidden: Hidden,
    *,
    begin_ms: int,
    span_ms: int,
    spans: int,
) -> Payoff:
    """Return the worths of the choices in `decisions`; both files are of one run, in order.

    A choice counts if at least two candidates passed. It belongs to the span in which it was sent,
    of `spans` from `begin_ms` on; later choices belong to the last span.
    """
    choices = list(_choices(decisions, commands, hidden))
    totals: dict[Option, float] = {}
    passed: dict[Option, int] = {}
    for choice in choices:
        for option, worth in choice.worths.items():
            totals[option] = totals.get(option, 0.0) + worth
            passed[option] = passed.get(option, 0) + 1
    single = max(sorted(totals), key=totals.__getitem__, default=None)
    means = {option: total / passed[option] for option, total in totals.items()}
    sums_of = [Worth() for _ in range(spans)]
    for choice in choices:
        span = min((choice.sent_at - begin_ms) // span_ms, spans - 1)
        sums, worths = sums_of[span], choice.worths
        sums.choices += 1
        sums.chosen += worths[choice.chosen]
        sums.uniform += sum(worths.values()) / len(worths)
        sums.single += worths.get(single, 0.0) if single is not None else 0.0
        sums.ranking += worths[max(sorted(worths), key=means.__getitem__)]
        sums.best += max(worths.values())
    return Payoff(sums_of, single)


def _choices(
    decisions: Iterable[bytes],
    commands: Iterable[bytes],
    hidden: Hidden,
) -> Iterator[_Choice]:
    """Yield the choices; decisions without a command are skipped."""
    decode = msgspec.json.Decoder(_Decision).decode
    fatigue = Fatigue()
    sent = _sent(commands)
    decision_id, received = next(sent, (None, None))
    for line in decisions:
        if received is None:
            return
        decision = decode(line)
        if decision.decision_id != decision_id:
            continue
        person = person_of(received, hidden.owners)
        if person is not None:
            lately = fatigue.lately(person, received.issued_at)
            worths = {
                (one.action, one.channel): hidden.response.worth(
                    person, one.action, one.channel, lately
                )
                for one in decision.candidates
                if one.gate is None
            }
            fatigue.note(person, received)
            if "act" not in decision.request and len(worths) > 1:
                sent_to = (received.action, received.channel)
                yield _Choice(received.issued_at, sent_to, worths)
        decision_id, received = next(sent, (None, None))


def _sent(commands: Iterable[bytes]) -> Iterator[tuple[str, Received]]:
    read = msgspec.json.Decoder(Received).decode
    name = msgspec.json.Decoder(_Command).decode
    for line in commands:
        yield name(line).decision_id, read(line)
