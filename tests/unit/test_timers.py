import random

from cjo_stream.engine.codec import timer_key
from cjo_stream.engine.timers import Timers
from cjo_stream.store.memory import MemoryStore


def drain(timers: Timers) -> list[tuple[int, str]]:
    popped = []
    while (first := timers.first()) is not None:
        popped.append(first)
        timers.pop()
    return popped


def test_wakes_come_in_order_of_due_time_then_customer() -> None:
    timers = Timers(MemoryStore())
    for wake in [(30, "pb"), (10, "pz"), (30, "pa"), (20, "pa")]:
        timers.push(*wake)
    assert drain(timers) == [(10, "pz"), (20, "pa"), (30, "pa"), (30, "pb")]


def test_what_is_written_comes_back_from_the_store_beyond_any_window() -> None:
    store = MemoryStore()
    wakes = [(due, f"p{due % 7}") for due in range(-5, 95)]
    store.write([(timer_key(*wake), b"") for wake in wakes])
    assert drain(Timers(store, window=8)) == sorted(wakes)


def test_a_wake_pushed_beyond_the_window_is_not_lost_before_it_is_written() -> None:
    store = MemoryStore()
    store.write([(timer_key(due, "p0"), b"") for due in range(0, 100, 10)])
    timers = Timers(store, window=3)
    assert timers.first() == (0, "p0")
    timers.push(35, "p1")
    timers.push(5, "p1")
    assert drain(timers) == sorted(
        [*[(due, "p0") for due in range(0, 100, 10)], (35, "p1"), (5, "p1")]
    )


def test_any_mix_of_pushes_pops_writes_and_resets_keeps_every_wake() -> None:
    for seed in range(50):
        draw = random.Random(seed)
        store = MemoryStore()
        timers = Timers(store, window=draw.choice([1, 2, 5]))
        written: set[tuple[int, str]] = set()
        live: set[tuple[int, str]] = set()
        clock = 0
        for _ in range(200):
            kind = draw.random()
            if kind < 0.5:
                wake = (clock + draw.randrange(1, 60), f"p{draw.randrange(4)}")
                if wake not in live:
                    live.add(wake)
                    timers.push(*wake)
            elif kind < 0.8:
                first = timers.first()
                assert first == min(live, default=None)
                if first is not None:
                    live.discard(first)
                    timers.pop()
                    clock = first[0]
            elif kind < 0.95:
                puts = [(timer_key(*w), b"") for w in live - written]
                store.write(puts + [(timer_key(*w), None) for w in written - live])
                written = set(live)
                timers.settle()
            else:
                live = set(written)
                timers.reset()
        assert drain(timers) == sorted(live)
