"""The compiled wheel: its list of modules, and what compiled code would take otherwise."""

from __future__ import annotations

import ast
from pathlib import Path

from hatch_build import LEFT_OUT, ROOMS, ROOT, defines_structs, modules

BASES = {"int", "float", "bool"}


def trees(paths: list[Path]) -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text())) for path in paths]


def test_each_module_that_is_left_out_is_there_and_has_a_reason_of_its_own() -> None:
    for name, reason in LEFT_OUT.items():
        path = ROOT / "cjo_stream" / name
        assert path.is_file(), name
        assert not defines_structs(path), f"{name} is left out for its structs already"
        assert reason
    assert len(modules()) > 50
    assert set(modules()) & {f"cjo_stream/{name}" for name in LEFT_OUT} == set()
    assert all(name.startswith(ROOMS) for name in modules())


def test_no_class_is_derived_from_a_compiled_one() -> None:
    """Python refuses it when such a class is made."""
    compiled = [ROOT / name for name in modules()]
    names = {
        node.name
        for _, tree in trees(compiled)
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    others = [path for path in (ROOT / "cjo_stream").rglob("*.py") if path not in compiled]
    derived = [
        f"{path}: {node.name}"
        for path, tree in trees(others)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and names & {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    ]
    assert names >= {"Cascade", "Task", "Expression"}
    assert derived == []
