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
        timers.move(wake[1], None, wake[0])
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
    timers.move("p1", None, 35)
    timers.move("p2", None, 5)
    assert drain(timers) == sorted(
        [*[(due, "p0") for due in range(0, 100, 10)], (35, "p1"), (5, "p2")]
    )


def test_a_wake_that_was_cancelled_or_put_off_is_never_seen() -> None:
    timers = Timers(MemoryStore())
    for key in ("pa", "pb", "pc"):
        timers.move(key, None, 10)
    timers.move("pa", 10, None)
    timers.move("pb", 10, 20)
    timers.move("pc", 10, 20)
    timers.move("pc", 20, 10)
    assert drain(timers) == [(10, "pc"), (20, "pb")]


def test_any_mix_of_moves_pops_writes_and_resets_shows_the_wakes_there_are() -> None:
    for seed in range(60):
        draw = random.Random(seed)
        store = MemoryStore()
        timers = Timers(store, window=draw.choice([1, 2, 5]))
        written: dict[str, int] = {}
        live: dict[str, int] = {}
        clock = 0
        for _ in range(300):
            kind = draw.random()
            if kind < 0.6:
                key = f"p{draw.randrange(9)}"
                after = clock + draw.randrange(1, 40) if draw.random() < 0.8 else None
                if after != live.get(key):
                    timers.move(key, live.pop(key, None), after)
                    if after is not None:
                        live[key] = after
            elif kind < 0.8:
                first = timers.first()
                assert first == min(((due, key) for key, due in live.items()), default=None)
                if first is not None:
                    del live[first[1]]
                    timers.pop()
                    clock = first[0]
            elif kind < 0.95:
                gone = [w for w in written.items() if w not in live.items()]
                store.write([(timer_key(due, key), None) for key, due in gone])
                store.write([(timer_key(due, key), b"") for key, due in live.items()])
                written = dict(live)
                timers.settle()
            else:
                live = dict(written)
                timers.reset()
        assert drain(timers) == sorted((due, key) for key, due in live.items())
