"""A reader of JSON Schemas that shares no code with what writes ours."""

from __future__ import annotations

from typing import Any

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "$") -> list[str]:
    """Return where a value breaks a schema; of JSON Schema only what ours use."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        tried = [faults(value, one, root, at) for one in schema["anyOf"]]
        return [] if any(not one for one in tried) else tried[0]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{at}: {value!r}"]
    types = schema.get("type", list(TYPES))
    types = [types] if isinstance(types, str) else types
    if not any(isinstance(value, TYPES[type_]) for type_ in types):
        return [f"{at}: {value!r} is no {' or '.join(types)}"]
    found = [f"{at}: no {name}" for name in schema.get("required", ()) if name not in value]
    if isinstance(value, dict) and "properties" in schema:
        for name, held in value.items():
            if name not in schema["properties"]:
                found.append(f"{at}: {name} is not in the schema")
            else:
                found += faults(held, schema["properties"][name], root, f"{at}.{name}")
    others = schema.get("additionalProperties")
    if isinstance(value, dict) and isinstance(others, dict) and "properties" not in schema:
        for name, held in value.items():
            found += faults(held, others, root, f"{at}.{name}")
    if isinstance(value, list) and "items" in schema:
        for number, held in enumerate(value):
            found += faults(held, schema["items"], root, f"{at}[{number}]")
    return found
