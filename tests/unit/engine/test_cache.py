"""The actors in memory: several tasks share a bound, and no more than cold ones leave it."""

from __future__ import annotations

from collections import Counter

from cjo_stream.core.state import Command, Customer
from cjo_stream.engine import codec
from cjo_stream.engine.cache import ACTOR_BYTES, ENCODED_TIMES, ActorMemory, Cache
from cjo_stream.store.memory import MemoryStore


class Counting(MemoryStore):
    """A store of customers that counts how often each is read."""

    def __init__(self, customers: int) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()
        states = {f"p{n:04}": Customer(id=f"{n:04}") for n in range(customers)}
        self.write([(codec.actor_key_bytes(k), codec.encode_actor(v)) for k, v in states.items()])

    def get(self, key: bytes) -> bytes | None:
        self.reads[codec.read_actor_key(key)] += 1
        return super().get(key)


SIZE_BYTES = Cache(Counting(1)).entry("p0000").size_bytes


def use(cache: Cache, *numbers: int) -> None:
    """Use these customers, as a step does that is committed."""
    for number in numbers:
        entry = cache.entry(f"p{number:04}")
        assert isinstance(entry.state, Customer)
        assert entry.state.id == f"{number:04}"
    cache.batch()
    cache.settle()


def in_memory(caches: list[Cache]) -> int:
    return sum(len({*cache._young, *cache._old}) for cache in caches)


def test_all_caches_together_keep_to_one_bound() -> None:
    memory = ActorMemory(100 * SIZE_BYTES)
    caches = [Cache(Counting(1_000), memory) for _ in range(8)]
    for number in range(1_000):
        for cache in caches:
            use(cache, number)
        assert in_memory(caches) <= 100 + 2 * len(caches)
        assert memory.held_bytes <= 101 * SIZE_BYTES
    assert in_memory(caches) > 45


def test_between_commits_they_keep_to_it_too() -> None:
    memory = ActorMemory(100 * SIZE_BYTES)
    caches = [Cache(Counting(1_000), memory) for _ in range(4)]
    for step in range(200):
        for cache in caches:
            for number in range(5 * step, 5 * step + 5):
                cache.entry(f"p{number:04}")
            if cache.must_settle:
                cache.batch()
                cache.settle()
        assert in_memory(caches) <= 100 + 2 * 5 * len(caches)
    assert in_memory(caches) > 45


def test_a_busy_cache_takes_the_room_of_an_idle_one() -> None:
    memory = ActorMemory(100 * SIZE_BYTES)
    idle, busy = Cache(Counting(100), memory), Cache(Counting(1_000), memory)
    use(idle, *range(40))
    for number in range(1_000):
        use(busy, number)
        idle.settle()  # it has taken a record that only says what time it is
    assert in_memory([idle]) == 0
    assert in_memory([busy]) > 45


def test_a_cache_that_comes_later_or_sleeps_long_drops_what_is_too_old() -> None:
    memory = ActorMemory(100 * SIZE_BYTES)
    asleep, busy = Cache(Counting(100), memory), Cache(Counting(1_000), memory)
    use(asleep, *range(40))
    use(busy, *range(1_000))
    for number in range(1_000):
        use(busy, number)
    asleep.settle()
    assert in_memory([asleep]) == 0
    late = Cache(Counting(10), memory)
    use(late, 1, 2, 1)
    assert in_memory([late]) == 2


def test_customers_in_use_stay_while_others_pass_by() -> None:
    memory = ActorMemory(100 * SIZE_BYTES)
    store = Counting(1_000)
    cache = Cache(store, memory)
    for number in range(10, 1_000):
        use(cache, number % 10, number)
    assert [store.reads[f"p{hot:04}"] for hot in range(10)] == [1] * 10


def test_what_changes_size_is_counted_as_it_is_now() -> None:
    memory = ActorMemory(1 << 20)
    store = Counting(1)
    cache = Cache(store, memory)
    entry = cache.entry("p0000")
    assert isinstance(entry.state, Customer)
    entry.state.redirect = "x" * 1_000
    cache.touch("p0000", entry)
    store.write(cache.batch())
    cache.settle()
    value = store.get(b"sp0000")
    assert value is not None
    whole_bytes = ACTOR_BYTES + ENCODED_TIMES * len(value)
    assert 8_000 < whole_bytes - ENCODED_TIMES < memory.held_bytes <= whole_bytes
    assert entry.size_bytes == memory.held_bytes
    absent = cache.entry("p0001")
    cache.settle()
    assert absent.state is None
    assert memory.held_bytes == entry.size_bytes + ACTOR_BYTES


def test_commands_that_are_not_decoded_count_as_stored() -> None:
    customer = Customer(id="0000")
    customer.commands = [Command(f"a{n}", "act", "web", None, None, "x", n) for n in range(50)]
    store = Counting(1)
    value = codec.encode_actor(customer)
    store.write([(codec.actor_key_bytes("p0000"), value)])
    memory = ActorMemory()
    cache = Cache(store, memory)
    use(cache, 0)
    assert memory.held_bytes < SIZE_BYTES + len(value)
    entry = cache.entry("p0000")
    assert isinstance(entry.state, Customer)
    assert len(entry.state.commands) == 50
    cache.touch("p0000", entry)
    whole_bytes = ACTOR_BYTES + ENCODED_TIMES * len(value)
    assert 0.9 * whole_bytes < memory.held_bytes <= whole_bytes
    use(cache, 0)
    assert memory.held_bytes == whole_bytes


def test_what_changes_without_its_commands_keeps_to_the_bound_too() -> None:
    customer = Customer(id="0000")
    customer.commands = [Command(f"a{n}", "act", "web", None, None, "x", n) for n in range(50)]
    store = Counting(1)
    value = codec.encode_actor(customer)
    store.write([(codec.actor_key_bytes(f"p{n:04}"), value) for n in range(400)])
    memory = ActorMemory(50 * len(value))
    cache = Cache(store, memory)
    for number in range(400):
        entry = cache.entry(f"p{number:04}")
        cache.touch(f"p{number:04}", entry)
        if cache.must_settle:
            store.write(cache.batch())
            cache.settle()
        assert 0 <= memory.held_bytes <= 50 * len(value) + 2 * entry.size_bytes
        assert in_memory([cache]) <= 50
    assert in_memory([cache]) > 10


def test_a_task_that_ends_gives_its_memory_back() -> None:
    memory = ActorMemory(100 * SIZE_BYTES)
    stays, ends, later = (Cache(Counting(100), memory) for _ in range(3))
    use(stays, *range(10))
    use(ends, *range(30))
    ends.release()
    assert memory.held_bytes == 10 * SIZE_BYTES
    use(later, *range(41))
    assert memory.generation == 1
    later.release()
    stays.release()
    assert memory.held_bytes == 0


def test_what_is_rolled_back_is_counted_once() -> None:
    memory = ActorMemory(100 * SIZE_BYTES)
    cache = Cache(Counting(10), memory)
    for _ in range(5):
        cache.touch("p0001", cache.entry("p0001"))
        cache.reset()
    use(cache, 1)
    assert memory.held_bytes == SIZE_BYTES
