"""Put defects into the shop: `python -m tests.friction [--worlds N] [--layer DIR]`.

Each seed is a world of four weeks, once clean and once with defects in its events. With `--layer`,
a layer of a run of three weeks of the shop, defects are put into its records as well.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable

from tests.friction.shop import recorded
from tests.friction.trial import Judged, clean_weeks, with_events, with_records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=40, help="seeds 1..N")
    parser.add_argument("--people", type=int, default=3_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--layer", help="of a run of three weeks from 2026-01-05 on")
    parser.add_argument("--records", type=int, default=12, help="worlds of the layer's records")
    asked = parser.parse_args()
    judged, weeks, spoilt = [], 0, 0
    if asked.layer:
        rows, transitions = recorded(asked.layer)
        for seed in range(1, asked.records + 1):
            judged.append(with_records(seed, rows, transitions))
            _tell(f"records {seed}", judged[-1])
    for seed in range(1, asked.worlds + 1):
        for found in clean_weeks(seed, asked.people, asked.days):
            weeks += 1
            spoilt += bool(found)
            for one in found:
                print(f"clean {seed}: {one.sentence}", flush=True)
        judged.append(with_events(seed, asked.people, asked.days))
        _tell(f"events {seed}", judged[-1])
    _sum(judged)
    print(f"clean weeks: {spoilt} of {weeks} have a finding")


def _tell(name: str, one: Judged) -> None:
    for told in one.told:
        late = "not found" if told.delay_h is None else f"after {told.delay_h:.1f} h"
        defect = told.defect
        print(
            f"{name}: {defect.kind} of {defect.of}, share {defect.share:.2f}, {told.affected} "
            f"on the first day: {late}",
            flush=True,
        )
    for false in one.false:
        print(f"{name}: false: {len(false.customers)} in {false.sentence}", flush=True)


def _sum(judged: Iterable[Judged]) -> None:
    by_kind: dict[str, list[float | None]] = defaultdict(list)
    found = false = 0
    for one in judged:
        found += one.found
        false += len(one.false)
        for told in one.told:
            by_kind[told.defect.kind].append(told.delay_h)
    every = [delay for delays in by_kind.values() for delay in delays]
    for kind, delays in sorted([*by_kind.items(), ("all", every)]):
        hours = sorted(delay for delay in delays if delay is not None)
        median = f"{hours[len(hours) // 2]:.1f} h" if hours else "none"
        print(f"{kind}: {len(hours)} of {len(delays)} found, half of them within {median}")
    print(f"false: {false} of {found} findings")


if __name__ == "__main__":
    main()
