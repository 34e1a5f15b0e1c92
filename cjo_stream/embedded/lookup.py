"""One customer out of a state folder, read while nobody runs on it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from cjo_stream.core.customer import snapshot
from cjo_stream.core.message import customer_key, identifier_key, partition_of
from cjo_stream.core.program import Program
from cjo_stream.core.state import Customer, Identifier
from cjo_stream.definition import compile_content
from cjo_stream.engine import codec
from cjo_stream.engine.port import Store
from cjo_stream.errors import UsageError
from cjo_stream.ingest import identifier_hash
from cjo_stream.ingest.normalise import normaliser
from cjo_stream.store.rocks import RocksStore


def find(state: Path, type_: str, value: str, tenant_key: bytes) -> list[dict[str, object]]:
    """Return the customer known by this identifier, timers included, or none.

    `value` is written as any producer may write it. Raises UsageError for what is no state
    folder, for an undeclared type and for a value without a normal form, LockedError while a run
    has the folder.
    """
    if not (state / "task-0").is_dir():
        raise UsageError(
            f"{state} holds no state: name the folder that `run` was given with --state, or "
            "DIR/state of a demo"
        )
    with ExitStack() as stack:
        first = stack.enter_context(closing(RocksStore(state / "task-0")))
        meta = _meta(first, state)
        program = _program(first, meta)
        stores: list[Store] = [first]
        for number in range(1, meta.partitions):
            store = RocksStore(state / f"task-{number}")
            stores.append(stack.enter_context(closing(store)))
        normal = _normal(program, type_, value)
        known = _actor(stores, identifier_key(identifier_hash(tenant_key, type_, normal)))
        pointer = known.pointer if isinstance(known, Identifier) else ""
        while pointer:
            customer = _actor(stores, customer_key(pointer))
            if not isinstance(customer, Customer) or customer.erased_at is not None:
                break
            if not customer.redirect:
                return [snapshot(customer, program, meta.clock, timers=True)]
            pointer = customer.redirect
        return []


def _meta(store: Store, state: Path) -> codec.Meta:
    value = store.get(codec.META_KEY)
    meta = codec.decode_meta(value) if value else codec.Meta()
    if not meta.active:
        raise UsageError(f"{state} holds no customers yet: nothing has been run on it")
    return meta


def _program(store: Store, meta: codec.Meta) -> Program:
    content = store.get(codec.set_key(meta.active))
    assert content is not None, "the active definition set is in every store"
    return compile_content(meta.active, codec.decode_set(content))


def _normal(program: Program, type_: str, value: str) -> str:
    declared = program.identifiers.get(type_)
    if declared is None:
        types = ", ".join(program.identifiers)
        raise UsageError(f"topology {program.topology} has no identifier `{type_}`, only {types}")
    normal = normaliser(declared, program.region)(value)
    if not normal:
        raise UsageError(f"this value is no {type_}: look at how it is written")
    return normal


def _actor(stores: Sequence[Store], key: str) -> codec.ActorState | None:
    value = stores[partition_of(key, len(stores))].get(codec.actor_key_bytes(key))
    return codec.decode_actor(key, value) if value is not None else None
