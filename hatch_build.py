"""The build step of the compiled wheel, which is optional: `make compiled`, docs/operations.md.

The wheel that is built by default is pure Python, and this step has no part in it. Where it is
switched on, mypyc compiles `modules()`; each module's source stays in the wheel beside it. So what
runs is the same source, and Python falls back on it wherever the compiled file does not fit.

Compiled is what every event passes through, of the rooms of `ROOMS`. Left out are modules that
define structs (msgspec makes their classes from annotations, at import), and those of `LEFT_OUT`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
ROOMS = ("cjo_stream/core", "cjo_stream/engine")
AT_LOAD = "runs when definitions are loaded, and not for events"
RARE = "runs for few events in a thousand: compiled it would gain nothing"
RECURSIVE = "calls itself as deep as a value goes: only Python's own calls have a bound"
LEFT_OUT = {
    "core/cut.py": RECURSIVE,
    "core/decision/explain.py": RARE,
    "core/expression/advice.py": AT_LOAD,
    "core/expression/code.py": AT_LOAD,
    "core/expression/literal.py": AT_LOAD,
    "core/expression/parser.py": AT_LOAD,
    "core/expression/path.py": RARE,
    "core/expression/pattern.py": AT_LOAD,
    "core/expression/reader.py": AT_LOAD,
    "core/expression/scope.py": "ingest has a subclass of its class; a compiled one can have none",
    "core/expression/translator.py": AT_LOAD,
    "core/expression/zone_name.py": AT_LOAD,
    "core/identity/absent.py": RARE,
    "core/identity/change.py": RARE,
    "core/identity/erasure.py": RARE,
    "core/identity/member/apart.py": RARE,
    "core/identity/member/evidence.py": RARE,
    "core/identity/member/origin.py": RARE,
    "core/identity/merge.py": RARE,
    "core/identity/refusal.py": RARE,
    "core/learning/calibration.py": RARE,
    "core/learning/vector.py": "its arithmetic is numpy's",
    "core/snapshot.py": RARE,
    "core/word.py": "names alone",
    "engine/failure.py": RARE,
    "engine/description.py": AT_LOAD,
    "engine/models.py": RARE,
    "engine/schema.py": RARE,
    "engine/sets.py": RARE,
}
"""By path in the package: why a module without structs is not compiled."""

_COMPILE = """
import sys
from mypyc.build import mypycify
from setuptools import setup

paths = ["--follow-imports=silent", *sys.argv[3:]]
setup(
    name="compiled",
    packages=[],
    ext_modules=mypycify(paths, target_dir=sys.argv[2], opt_level="2", debug_level="0"),
    script_args=["build_ext", "--build-lib", sys.argv[1], "--build-temp", sys.argv[2]],
)
"""


class CompiledHook(BuildHookInterface):
    """Adds the compiled modules to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have the wheel take along what came out; an editable one stays pure."""
        if self.target_name != "wheel" or version != "standard":
            return
        self._folder = tempfile.TemporaryDirectory()
        built, left = Path(self._folder.name, "built"), Path(self._folder.name, "left")
        subprocess.run(  # noqa: S603
            [sys.executable, "-c", _COMPILE, str(built), str(left), *modules()],
            cwd=self.root,
            check=True,
        )
        for path in sorted(built.rglob("*.*")):
            build_data["force_include"][str(path)] = str(path.relative_to(built))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what the compiler left."""
        del version, build_data, artifact_path
        self._folder.cleanup()


def modules() -> list[str]:
    """Return the paths of the modules that are compiled."""
    return [
        name
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if (name := path.relative_to(ROOT).as_posix()).partition("/")[2] not in LEFT_OUT
        and path.name != "__init__.py"
        and not defines_structs(path)
    ]


def defines_structs(path: Path) -> bool:
    """Return whether a module defines a struct of msgspec."""
    classes = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]
    return any("Struct" in ast.unparse(base) for one in classes for base in one.bases)
