"""The long fault tests on a real broker: `make chaos`, or one: `python -m tests.kafka.chaos kill`.

Each fault is a function here; the oracle is chain.judge.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from tests.kafka.conftest import make_settings
from tests.kafka.crowd import LIMITS, UNLIMITED, Crowd, Source
from tests.kafka.crowd import topology as crowded
from tests.kafka.kinship import judge_people
from tests.kafka.lateness import late_networks, remember, send_commands
from tests.kafka.proxy import Proxy
from tests.kafka.supervised import Listener, Supervised
from tests.world import TOPOLOGY
from tests.world.broker import Broker, start_broker
from tests.world.capped import Caps
from tests.world.chain import Chain, wait_until_quiet
from tests.world.load import Load
from tests.world.verdict import Verdict, judge


def settle(
    chain: Chain, load: Load, name: str, began: float, topology: Path = TOPOLOGY
) -> Verdict:
    """Wait for the end, judge, and print the row."""
    load.join()
    assert load.failed == 0, f"{load.failed} events were never taken by the broker"
    wait_until_quiet(chain, seconds=180)
    verdict = judge(chain, topology)
    assert verdict.events == load.sent, "events were lost, or counted twice"
    print(
        f"{name}: exact; {sum(load.sent.values())} events, {verdict.commands} commands, "
        f"restarts {dict(chain.restarts)}, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return verdict


def kill(broker: Broker, folder: Path, *, kills: int = 100, seed: int = 1) -> None:
    """kill -9 of any process, every 3 to 8 s under load."""
    draw = random.Random(seed)
    began = time.monotonic()
    pauses = [draw.uniform(3, 8) for _ in range(kills)]
    with running(broker, folder, workers=2) as chain:
        load = Load(chain, rate=300, seconds=sum(pauses) + 5, seed=seed)
        load.start()
        killed: dict[str, int] = {}
        for pause in pauses:
            time.sleep(pause)
            name = draw.choice(chain.names)
            chain.kill(name)
            killed[name] = killed.get(name, 0) + 1
        settle(chain, load, f"kill -9 x {kills} {killed}", began)


def outage(
    broker: Broker, folder: Path, *, downs_s: Sequence[float] = (5, 24, 70), within_s: float = 10
) -> None:
    """Broker kill -9, down, under `up`: all go on by themselves, within 10 s of its answering."""
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    chain = Chain(broker.bootstrap, folder, workers=2)
    chain.create()
    late = []
    with Supervised(chain, workers=2) as up:
        chain.command("apply", str(TOPOLOGY), "--yes", timeout=120)
        listener = Listener(chain, "action.mail.v1")
        load = Load(chain, rate=20, seconds=sum(downs_s) + 40 * len(downs_s))
        load.start()
        listener.first_after(began, within_s=60)
        for down_s in downs_s:
            broker.kill()
            killed_s = time.monotonic()
            while time.monotonic() < killed_s + down_s:
                time.sleep(0.5)
                assert up.all_are("healthz", 200), f"unhealthy: {up.answers('healthz')}"
            if down_s > 15:
                assert up.all_are("readyz", 503), f"ready: {up.answers('readyz')}"
            broker.start()
            back_s = time.monotonic()
            first_s = listener.first_after(back_s, within_s=90)
            late.append(round(first_s, 1) if first_s is not None else None)
            print(f"outage: down {down_s} s, then first command after {late[-1]} s", flush=True)
            time.sleep(8)
            assert up.ready(within_s=60), f"not ready: {up.answers('readyz')}"
        load.join()
        listener.close()
        assert load.failed == 0, f"{load.failed} events were never taken by the broker"
        wait_until_quiet(chain, seconds=180)
        restarts = sum(up.starts().values()) - len(up.names)
    verdict = judge(chain)
    assert verdict.events == load.sent, "events were lost, or counted twice"
    print(
        f"broker kill -9, down {list(downs_s)} s: exact; first commands after {late} s, "
        f"{restarts} restarts, {verdict.commands} commands, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    assert all(one is not None and one <= within_s for one in late), "too late after a return"


def zombie(broker: Broker, folder: Path) -> None:
    """SIGSTOP past the session timeout, then SIGCONT."""
    began = time.monotonic()
    with running(broker, folder, workers=2) as chain:
        load = Load(chain, rate=200, seconds=80)
        load.start()
        for name in ["worker-0", "intake", "dispatch"]:
            time.sleep(5)
            chain.freeze(name)
            time.sleep(17)
            chain.thaw(name)
        settle(chain, load, "SIGSTOP 17 s, SIGCONT", began)


def scale(broker: Broker, folder: Path) -> None:
    """A second worker joins, leaves by SIGTERM, comes back, dies."""
    began = time.monotonic()
    with running(broker, folder) as chain:
        load = Load(chain, rate=200, seconds=75)
        load.start()
        time.sleep(10)
        name = chain.add_worker()
        time.sleep(20)
        chain.hold_down(name, signal.SIGTERM)
        time.sleep(15)
        chain.let_up(name)
        time.sleep(15)
        chain.hold_down(name)
        settle(chain, load, "a second worker joins, leaves, dies", began)


def state(broker: Broker, folder: Path) -> None:
    """The state folder is deleted, then a stale one is found, then only an older checkpoint."""
    began = time.monotonic()
    with running(broker, folder) as chain:
        load = Load(chain, rate=200, seconds=70)
        load.start()
        data = folder / "data"
        time.sleep(10)
        chain.hold_down("worker-0")
        shutil.copytree(data, folder / "stale")
        chain.let_up("worker-0")
        time.sleep(10)
        chain.hold_down("worker-0")
        shutil.rmtree(data)
        chain.let_up("worker-0")
        time.sleep(15)
        chain.hold_down("worker-0")
        shutil.rmtree(data)
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        shutil.copytree(folder / "stale", data)
        chain.let_up("worker-0")
        settle(chain, load, "state deleted, stale, restored", began)


def backlog(broker: Broker, folder: Path) -> None:
    """The worker is down while events pile up faster than it could take them."""
    began = time.monotonic()
    with running(broker, folder) as chain:
        chain.hold_down("worker-0")
        load = Load(chain, rate=4000, seconds=40, users=3000)
        load.start()
        time.sleep(30)
        chain.let_up("worker-0")
        resident = [
            psutil.Process(chain.processes["worker-0"].pid).memory_info().rss >> 20
            for _ in range(40)
            if time.sleep(1) is None
        ]
        print(f"worker while it catches up: {resident[5]} MB, then {resident[-1]} MB", flush=True)
        settle(chain, load, "a backlog", began)


def dirt(broker: Broker, folder: Path) -> None:
    """5 % of events come twice, 5 % are malformed, 5 % are 48 hours late."""
    began = time.monotonic()
    with running(broker, folder) as chain:
        load = Load(chain, rate=300, seconds=30, dirt=0.05)
        load.start()
        settle(chain, load, "twice, malformed, late", began)
        letters = [m for ms in chain.read("dead_letter.v1").values() for m in ms]
        assert len(letters) == load.malformed, "not every malformed event became a dead letter"
        print(f"dead letters: {len(letters)}", flush=True)


def identity(broker: Broker, folder: Path, *, kills: int = 40, seed: int = 1) -> None:
    """kill -9 every 2 to 5 s while customers merge: without limits that bind, and with."""
    for partitions, limits in ((4, UNLIMITED), (16, LIMITS)):
        draw = random.Random(seed)
        began = time.monotonic()
        pauses = [draw.uniform(2, 5) for _ in range(kills)]
        place = crowded(folder / f"people-{partitions}", limits)
        with running(
            broker, folder / f"{partitions}", workers=3, partitions=partitions, topology=place
        ) as chain:
            source = Source(chain)
            crowd = Crowd(source, rate=100, seconds=sum(pauses) + 3, seed=seed)
            crowd.start()
            for pause in pauses:
                time.sleep(pause)
                chain.kill(draw.choice(chain.names))
            crowd.join()
            assert source.failed == 0, f"{source.failed} events were never taken by the broker"
            wait_until_quiet(chain, seconds=180)
            figures = judge_people(judge(chain, place), source.sent, limits)
            print(
                f"identity, {partitions} partitions, kill -9 x {kills}: exact; {figures}, "
                f"restarts {dict(chain.restarts)}, {time.monotonic() - began:.0f} s",
                flush=True,
            )


def caps(
    broker: Broker, folder: Path, *, customers: int = 10_000, seconds: int = 360, seed: int = 1
) -> None:
    """kill -9 every 3 to 8 s: nobody gets more than their caps allow, nor less."""
    draw = random.Random(seed)
    began = time.monotonic()
    rule = Caps(news="cart", nudge="order", wait_s=20, mail=(2, 120), all=(3, 240))
    folder.mkdir()
    place = rule.write(folder / "capped")
    with running(broker, folder, workers=2, topology=place) as chain:
        load = Load(chain, rate=customers / 30, seconds=seconds, users=customers, seed=seed)
        load.start()
        while load.is_alive():
            time.sleep(draw.uniform(3, 8))
            chain.kill(draw.choice(chain.names))
        time.sleep(rule.wait_s)
        verdict = settle(chain, load, f"caps, {customers} customers", began, place)
    refused = 0
    for records in verdict.records.values():
        asked = [
            (record["time"], record["candidates"][0]["channel"])
            for kind, record in records
            if kind == "decision"
        ]
        sent = [
            (record["issued_at"], record["channel"])
            for kind, record in records
            if kind == "action"
        ]
        allowed = rule.allowed(asked)
        assert sent == allowed, f"asked for {asked}, allowed are {allowed}, sent {sent}"
        refused += len(asked) - len(sent)
    assert refused > customers / 10, "hardly a cap was reached"
    print(f"caps: as counted by hand; {refused} refused", flush=True)


def late(broker: Broker, folder: Path, *, transactions: int = 10_000, seed: int = 1) -> None:
    """A network that is late, in front of dispatch, the learner's memory, and every process."""
    folder.mkdir(parents=True)
    settings = make_settings(broker.bootstrap, folder)
    with Proxy(broker.bootstrap, seed, share=0.005) as proxy:
        figures = send_commands(settings, proxy, folder, transactions)
        print(f"late, dispatch: exact; {figures}, {dict(proxy.faults)}", flush=True)
        proxy.faults.clear()
        figures = remember(settings, proxy, transactions // 5)
        print(f"late, memory: exact; {figures}, {dict(proxy.faults)}", flush=True)
    began = time.monotonic()
    chain = Chain(broker.bootstrap, folder, workers=2)
    with late_networks(chain, share=0.01, seed=seed) as proxies:
        chain.create()
        try:
            chain.start()
            load = Load(chain, rate=200, seconds=60, seed=seed)
            load.start()
            settle(chain, load, "late, every process", began)
        finally:
            chain.stop()
        print({n: sum(p.faults.values()) for n, p in zip(chain.names, proxies, strict=True)})


ROWS: dict[str, Callable[[Broker, Path], None]] = {
    "kill": kill,
    "outage": outage,
    "zombie": zombie,
    "scale": scale,
    "state": state,
    "backlog": backlog,
    "dirt": dirt,
    "identity": identity,
    "caps": caps,
    "late": late,
}


class running:  # noqa: N801 (reads as what it is: `with running(broker, folder) as chain`)
    """A chain with its topics and definitions, stopped at the end."""

    def __init__(
        self,
        broker: Broker,
        folder: Path,
        *,
        workers: int = 1,
        partitions: int = 4,
        topology: Path = TOPOLOGY,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._chain = Chain(broker.bootstrap, folder, partitions=partitions, workers=workers)
        self._topology = topology

    def __enter__(self) -> Chain:
        self._chain.create(self._topology)
        self._chain.start(self._topology)
        return self._chain

    def __exit__(self, *_: object) -> None:
        self._chain.stop()


def main() -> int:
    """Run the rows asked for, all by default; return 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="default: all")
    asked = parser.parse_args().rows or list(ROWS)
    failed = []
    for name in asked:
        # A broker of its own: what one row breaks there is not the next one's.
        with tempfile.TemporaryDirectory() as folder, start_broker(Path(folder) / "it") as broker:
            try:
                ROWS[name](broker, Path(folder) / name)
            except AssertionError as error:
                failed.append(name)
                print(f"{name}: FAILED: {error}", flush=True)
    print(f"{len(asked) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
