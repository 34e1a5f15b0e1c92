"""What the processes of an installation hold, over time, and a drawing of it."""

from __future__ import annotations

import statistics
import threading
import time
from collections import defaultdict
from pathlib import Path

import psutil

from tests.world.chain import Chain

Series = dict[str, list[tuple[float, float]]]
"""By name: (seconds since the beginning, value)."""
WIDTH, HEIGHT, MARGIN = 720, 110, 56


class Watch(threading.Thread):
    """Looks at the processes every few seconds until `end`."""

    def __init__(self, chain: Chain, every_s: float) -> None:
        super().__init__(daemon=True)
        self._chain, self._every_s = chain, every_s
        self._ending = threading.Event()
        self._began_s = time.time()
        self.found: dict[str, Series] = {
            name: defaultdict(list) for name in ("memory, MB", "handles", "store, MB")
        }

    def run(self) -> None:
        while not self._ending.wait(self._every_s):
            at = time.time() - self._began_s
            for name, process in list(self._chain.processes.items()):
                try:
                    seen = psutil.Process(process.pid)
                    memory, handles = seen.memory_info().rss, seen.num_fds()
                except psutil.Error:
                    continue  # it was killed just now
                self.found["memory, MB"][name].append((at, memory / 1e6))
                self.found["handles"][name].append((at, float(handles)))
            size = sum(_size(path) for path in (self._chain.folder / "data").rglob("*"))
            self.found["store, MB"]["store"].append((at, size / 1e6))

    def end(self) -> None:
        """Look no more."""
        self._ending.set()
        self.join()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0  # a compaction took it


def growth(values: list[tuple[float, float]]) -> float:
    """Return the median of the last quarter of the time over that of the second quarter."""
    end = values[-1][0]
    second = [value for at, value in values if end / 4 <= at < end / 2]
    last = [value for at, value in values if at >= end * 3 / 4]
    return statistics.median(last) / max(statistics.median(second), 1e-9)


def drawing(panels: dict[str, Series]) -> str:
    """Return the panels below each other as SVG; time runs to the right, in minutes."""
    parts = []
    for row, (title, series) in enumerate(panels.items()):
        top = row * (HEIGHT + 40) + 24
        values = [value for line in series.values() for _, value in line]
        end = max((line[-1][0] for line in series.values() if line), default=1.0)
        most = max(values, default=1.0) or 1.0
        parts.append(f'<text x="4" y="{top - 8}" font-weight="bold">{title}</text>')
        for share in (0, 1):
            y = top + HEIGHT * (1 - share)
            parts.append(f'<text x="4" y="{y + 4:.0f}">{most * share:.4g}</text>')
            parts.append(f'<path d="M{MARGIN} {y:.0f}H{WIDTH - 8}" stroke="#ccc"/>')
        parts.append(f'<text x="{WIDTH - 60}" y="{top + HEIGHT + 12}">{end / 60:.0f} min</text>')
        for number, (name, line) in enumerate(series.items()):
            tone = f"hsl({number * 97 % 360} 65% 40%)"
            points = " ".join(
                f"{MARGIN + at / end * (WIDTH - MARGIN - 8):.1f},"
                f"{top + HEIGHT * (1 - value / most):.1f}"
                for at, value in line
            )
            parts.append(f'<polyline points="{points}" fill="none" stroke="{tone}"/>')
            parts.append(
                f'<text x="{150 + number * 110}" y="{top - 8}" fill="{tone}">{name}</text>'
            )
    below = len(panels) * (HEIGHT + 40) + 8
    box = f'viewBox="0 0 {WIDTH} {below}" font-family="sans-serif" font-size="11"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>\n"])
