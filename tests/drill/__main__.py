"""`make drill`: cause faults one by one, and see who is woken. Exits with 1 on any miss."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cjo_stream.telemetry.monitoring.alert import ALERTS
from cjo_stream.telemetry.monitoring.rule import seconds
from tests.drill.drilling import Drill, Result, is_page
from tests.drill.fault import Fault
from tests.drill.faults import FAULTS, SHORT
from tests.drill.installation import opened
from tests.drill.panel import NEEDS, Panels
from tests.drill.picture import draw
from tests.drill.traffic import ChannelSystems, Traffic
from tests.drill.watching import missing, watched

FASTER: Final = 20.0
QUIET_S: Final = 15.0
"""Before the first fault nothing is told for so long."""
AFTER_S: Final = max(seconds(one.within) for one in ALERTS if one.severity == "page")
"""So long after the last one, before it is divided: any page that it causes is told by then."""


def main() -> int:
    """Drill, print, say whether all was as it should be."""
    asked = _asked()
    if lacking := missing():
        print(f"NO FIRE IS DRILLED: no {', '.join(lacking)} here; `make drill` brings them")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="cjo-drill-"))
    began_s = time.monotonic()
    try:
        results, silent = _drilled(asked, folder)
    finally:
        if asked.keep:
            print(f"everything is kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{_table(results)}\n\n{(time.monotonic() - began_s) / 60:.0f} minutes")
    for one in results:
        for miss in one.misses:
            print(f"MISS: {one.fault}: {miss}")
    for query in silent:
        print(f"NO DATA: {query}")
    return 1 if silent or any(one.misses for one in results) else 0


def _drilled(asked: argparse.Namespace, folder: Path) -> tuple[list[Result], list[str]]:
    faults: list[Fault] = asked.faults
    begins_s = time.time()
    with contextlib.ExitStack() as stack:
        _say("broker, processes, Prometheus, Alertmanager")
        installation = stack.enter_context(opened(folder, asked.faster))
        traffic = Traffic(installation.broker.bootstrap)
        traffic.mode = faults[0].mode
        systems = ChannelSystems(installation.broker.bootstrap)
        for one in (traffic, systems):
            one.start()
            stack.callback(one.close)
        watching = stack.enter_context(watched(installation, folder / "watch"))
        panels = Panels(watching)
        panels.start()
        stack.callback(panels.close)
        drill = Drill(installation, watching, traffic, systems, _say)
        drill.warm_up()
        results = list(judged(drill, faults))
        caused = {one.name for one in faults}
        silent = [
            str(one) for one in sorted(panels.silent) if NEEDS.get(one.panel, "") in {"", *caused}
        ]
        if asked.pictures is not None:
            for page in draw(watching, asked.pictures, begins_s):
                _say(f"drew {page}")
    return results, silent


def judged(drill: Drill, faults: list[Fault]) -> Iterator[Result]:
    """Yield what each fault showed; before the first and after the last nothing is to be told."""
    yield from _quiet(drill, "nothing", QUIET_S)
    for fault in faults:
        try:
            yield drill.run(fault)
        except KeyboardInterrupt:
            drill.stop()
            yield _missed(fault, "interrupted")
            return
        except Exception as error:
            drill.stop()
            drill.news()  # all that this fault has caused is no other one's
            said = f"{type(error).__name__}: {error}"
            drill.say(f"{fault.name}: {said}")
            yield _missed(fault, said, *drill.failures())
    yield from _quiet(drill, "nothing more", AFTER_S / drill.faster)


def _quiet(drill: Drill, name: str, within_s: float) -> Iterator[Result]:
    """Wait; yield a result only where a page came."""
    time.sleep(within_s)
    told = sorted({one.alert for one in drill.news() if is_page(one)})
    if told:
        yield Result(name, "", None, 0, told, [], None, [f"other pages: {', '.join(told)}"])


def _missed(fault: Fault, *why: str) -> Result:
    return Result(fault.name, fault.alert, None, 0, [], [], None, list(why))


def _table(results: list[Result]) -> str:
    rows = ["| fault | alert | told after | stated | other pages | cleared by | resolved after |"]
    rows.append("|" + " --- |" * 7)
    rows += [
        f"| {one.fault} | {one.alert} | {_seconds(one.told_s)} | {one.stated_s:.0f} s "
        f"| {', '.join(one.other_pages) or 'none'} | {'; '.join(one.cleared_by)} "
        f"| {_seconds(one.resolved_s)} |"
        for one in results
    ]
    return "\n".join(rows)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument(
        "--faults", nargs="+", default=[], help="how many (3: the short drill), or their names"
    )
    parser.add_argument("--faster", type=float, default=FASTER, help="divides all durations")
    parser.add_argument("--keep", action="store_true", help="keep logs and data")
    parser.add_argument("--pictures", type=Path, help="draw each dashboard into this folder")
    asked = parser.parse_args()
    asked.faults = _chosen(parser, asked.faults)
    return asked


def _chosen(parser: argparse.ArgumentParser, words: list[str]) -> list[Fault]:
    if not words:
        return list(FAULTS)
    if len(words) == 1 and words[0].isdecimal():
        short = [one for name in SHORT for one in FAULTS if one.name == name]
        return [*short, *(one for one in FAULTS if one not in short)][: int(words[0])]
    by_name = {one.name: one for one in FAULTS}
    if unknown := [word for word in words if word not in by_name]:
        parser.error(f"no fault {unknown[0]!r}; there are: {', '.join(by_name)}")
    return [by_name[word] for word in words]


if __name__ == "__main__":
    sys.exit(main())
