"""All cases of a topology: read, chosen, played; definitions are loaded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cjo_stream.core.likeness import nearest
from cjo_stream.definition import DefinitionSet, load, succeed
from cjo_stream.definition.case import Case, read_cases
from cjo_stream.definition.rule import rules
from cjo_stream.definition.tracer import Tracer
from cjo_stream.errors import Diagnostic, UsageError
from cjo_stream.testing.coverage import Coverage, coverage
from cjo_stream.testing.play import Result, play
from cjo_stream.testing.update import Written, update


@dataclass
class Report:
    """What came of the cases. `written`: the files that `--update` changed."""

    results: list[Result]
    coverage: list[Coverage]
    warnings: list[Diagnostic]
    written: Written

    @property
    def failed(self) -> list[Result]:
        """The cases that failed."""
        return [result for result in self.results if result.failed]


def run_cases(folder: Path, chosen: Sequence[str] = (), *, updates: bool = False) -> Report:
    """Play the cases of a folder; of those `chosen` only if their name or file contains a text.

    `updates`: expectations that are not met are written anew, and the cases played again. Raises
    UsageError if there is no case, and DefinitionError if definitions or cases do not load.
    """
    definitions = load(folder)
    found = read_cases(folder, definitions.program, may_be_bare=updates)
    results, tracer = _play(choose(found.cases, chosen), definitions)
    written = Written([], 0)
    if updates:
        written = update(results)
        if written.files:
            found = read_cases(folder, definitions.program, may_be_bare=True)
            results, tracer = _play(choose(found.cases, chosen), definitions)
    return Report(
        results,
        coverage(rules(folder), tracer.reached),
        [*definitions.warnings, *found.warnings],
        written,
    )


def choose(cases: Sequence[Case], texts: Sequence[str]) -> list[Case]:
    """Return the cases whose name or file contains one of the texts, in any letter case.

    All cases without a text; raises UsageError for a text that none contains.
    """
    if not texts:
        return list(cases)
    kept: dict[int, Case] = {}
    for text in texts:
        fitting = [
            number
            for number, case in enumerate(cases)
            if text.lower() in case.name.lower() or text.lower() in case.at.file.lower()
        ]
        if not fitting:
            near = nearest(text, [case.name for case in cases])
            told = f"; did you mean '{near}'?" if near else f"; there are {len(cases)} cases"
            raise UsageError(f"-k {text}: no case has that in its name{told}")
        kept |= {number: cases[number] for number in fitting}
    return [kept[number] for number in sorted(kept)]


def _play(cases: Sequence[Case], definitions: DefinitionSet) -> tuple[list[Result], Tracer]:
    tracer, content = Tracer(), succeed(definitions, None)
    return [play(case, definitions, content, tracer) for case in cases], tracer
