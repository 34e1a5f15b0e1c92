"""All fields and kinds of the structs that a release writes, and those that are met in values.

A field is met where it is not at its default, or, having none, is not empty; a word of a Literal
where a field has it. So a field is in a history only where its place in the bytes can be told.
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

_ROOMS = re.compile(r"\b[a-z_]+\.")


def fields_of(*roots: Any) -> set[str]:
    """Return `Struct.field` and `Struct.field=word` of every struct that the types lead to."""
    found: set[str] = set()
    for struct in structs_of(*roots):
        for name, type_ in hints(struct).items():
            words = _words(type_)
            if len(words) != 1:  # the name of a form, always the same
                found.add(f"{struct.__name__}.{name}")
            found |= {f"{struct.__name__}.{name}={word}" for word in words}
    return found


def drawn(*roots: Any) -> dict[str, list[str]]:
    """Return how each struct that the types lead to is written: its form, then its fields."""
    return {
        f"{struct.__module__.removeprefix('cjo_stream.')}.{struct.__name__}": [
            _form(struct),
            *(
                f"{name}: {_shown(type_)}"
                for name, type_ in zip(
                    struct.__struct_encode_fields__, hints(struct).values(), strict=True
                )
            ),
        ]
        for struct in sorted(structs_of(*roots), key=lambda one: (one.__module__, one.__name__))
    }


def without_rooms(layout: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    """Return a drawing by the names of structs alone: no byte depends on where one is defined."""
    return sorted(
        (_ROOMS.sub("", struct), [_ROOMS.sub("", part) for part in parts])
        for struct, parts in layout.items()
    )


def _form(struct: type[msgspec.Struct]) -> str:
    config = struct.__struct_config__
    shape = "array" if config.array_like else "map"
    tag = f" tagged {config.tag}" if config.tag is not None else ""
    return shape + tag + (" without defaults" if config.omit_defaults else "")


def _shown(type_: Any) -> str:
    if isinstance(type_, type) and not get_args(type_):
        return type_.__name__
    return str(type_).replace("cjo_stream.", "").replace("typing.", "")


def structs_of(*roots: Any) -> list[type[msgspec.Struct]]:
    """Return every struct that the types lead to, themselves included, each once."""
    found: dict[type[msgspec.Struct], None] = {}
    left = list(roots)
    while left:
        type_ = left.pop()
        if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
            if type_ not in found:
                found[type_] = None
                left += hints(type_).values()
        else:
            left += [arg for arg in get_args(type_) if not isinstance(arg, (str, int))]
    return list(found)


def met(value: Any) -> Iterator[str]:
    """Yield what is met in a value, structs in it included; some of it more than once."""
    if isinstance(value, msgspec.Struct):
        struct = type(value)
        for name, default in _defaults(struct):
            field = getattr(value, name)
            if field != default if default is not msgspec.NODEFAULT else field:
                yield f"{struct.__name__}.{name}"
            if name in _worded(struct):
                yield f"{struct.__name__}.{name}={field}"
            yield from met(field)
    elif isinstance(value, dict):
        for one in value.values():
            yield from met(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from met(one)


@functools.cache
def hints(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the types of a struct's fields."""
    return {name: get_type_hints(struct)[name] for name in struct.__struct_fields__}


@functools.cache
def _defaults(struct: type[msgspec.Struct]) -> list[tuple[str, Any]]:
    return [
        (
            field.name,
            field.default_factory()
            if field.default_factory is not msgspec.NODEFAULT
            else field.default,
        )
        for field in msgspec.structs.fields(struct)
    ]


@functools.cache
def _worded(struct: type[msgspec.Struct]) -> set[str]:
    return {name for name, type_ in hints(struct).items() if _words(type_)}


def _words(type_: Any) -> set[Any]:
    """Return the words of a Literal, alone or in a union."""
    if get_origin(type_) is Literal:
        return set(get_args(type_))
    if get_origin(type_) in (Union, types.UnionType):
        return {word for arg in get_args(type_) for word in _words(arg)}
    return set()
