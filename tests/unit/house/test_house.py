"""The house itself: layers, start-up times, the lock, what the wheel holds, what no file says."""

import ast
import os
import re
import resource
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "cjo_stream"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def python(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, **options
    )


def tracked() -> list[Path]:
    """Return the files of the repository; the test is skipped outside of one."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs git and a clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# --- layers


def test_rooms_import_only_what_stands_below_them() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("room", ["core", "engine"])
def test_no_result_depends_on_the_machine(room: str) -> None:
    """Imports are the linter's; this is what comes by a name that may be imported."""
    found = []
    for path in sorted((PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"now", "today", "utcnow"}:
                holder = node.value.attr if isinstance(node.value, ast.Attribute) else None
                holder = node.value.id if isinstance(node.value, ast.Name) else holder
                if holder in {"datetime", "date"}:
                    found.append(f"{path.name}:{node.lineno}: {holder}.{node.attr}")
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id in {"hash", "id", "open", "input"}:
                found.append(f"{path.name}:{called.lineno}: {called.id}()")
    assert not found


# --- start-up


@pytest.mark.parametrize(
    ("arguments", "budget_s"),
    [(["-c", "import cjo_stream"], 0.3), (["-m", "cjo_stream", "--help"], 0.6)],
)
def test_starting_takes_no_time(arguments: list[str], budget_s: float) -> None:
    """Twice the budgets of 150 and 300 ms, of CPU time: other tests run beside this one."""
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert python(*arguments).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(taken) < budget_s


# --- what every file holds to


def test_no_file_names_a_place_of_somebodys_machine() -> None:
    place = re.compile(rb"(?<![\w.~$})/])/(?:work|home|root|Users)/\w")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path.stat().st_size < 1 << 20
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if place.search(line)
    ]
    assert not found


def test_what_a_checker_is_told_to_overlook_has_its_reason_on_the_line() -> None:
    overlooked = re.compile(r"# (?:noqa|type: ignore)\b(?P<rest>.*)")
    reason = re.compile(r"(?::\s*[A-Z]+\d+(?:, ?[A-Z]+\d+)*|\[[a-z, -]+\])\s*(?:-|#|\()\s*\w.{3}")
    found = []
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            told = overlooked.search(line)
            if told and path.name != Path(__file__).name and not reason.match(told["rest"]):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not found


def test_every_test_that_the_makefile_names_is_there() -> None:
    text = (ROOT / "Makefile").read_text()
    paths = re.findall(r"(?<![\w/])tests/[\w/.]+", text)
    modules = [one.replace(".", "/") for one in re.findall(r"-m (tests[\w.]*)", text)]
    assert paths
    assert modules
    known = [one for one in modules if (ROOT / f"{one}.py").exists()]
    known += [one for one in modules if (ROOT / one / "__main__.py").exists()]
    assert [one for one in paths if not (ROOT / one).exists()] == []
    assert set(modules) == set(known)


# --- the lock


def locked() -> Iterator[tuple[str, str]]:
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            requirement, _, rest = line.partition(" ")
            yield requirement, rest


def test_every_line_of_the_lock_is_a_version_with_hashes() -> None:
    for requirement, rest in locked():
        assert re.fullmatch(r"[A-Za-z0-9_.\[\]-]+==\S+", requirement), requirement
        assert "--hash=sha256:" in rest, requirement


def test_the_lock_holds_every_dependency_and_names_no_index() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert "--index" not in text
    names = {normal(re.split(r"[\[=]", requirement)[0]) for requirement, _ in locked()}
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert {normal(re.split(r"[\[<>=!~ ;]", one)[0]) for one in wanted} <= names


# --- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what a wheel of this tree would install."""
    folder = tmp_path_factory.mktemp("wheel")
    built = python(
        "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def from_wheel(wheel: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CJO_")}
    environment["PYTHONPATH"] = str(wheel)
    return python("-P", "-m", "cjo_stream", *arguments, cwd=folder, env=environment)


def test_the_wheel_holds_topologies_licence_and_type_information(wheel: Path) -> None:
    assert (wheel / "cjo_stream" / "py.typed").exists()
    for name in ("shop", "federation", "lending", "telco"):
        assert (wheel / "cjo_stream" / "topologies" / name / "topology.yaml").exists()
    (licence,) = wheel.glob("*.dist-info/licenses/LICENSE")
    assert "Apache License" in licence.read_text()
    (entries,) = wheel.glob("*.dist-info/entry_points.txt")
    assert "cjo-stream = cjo_stream.__main__:main" in entries.read_text()
    assert not [path for path in wheel.iterdir() if path.name == "tests"]


def test_the_wheel_runs_outside_the_repository(wheel: Path, tmp_path: Path) -> None:
    where = python("-P", "-c", "import cjo_stream; print(cjo_stream.__file__)",
                   cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(wheel)})  # fmt: skip
    assert where.stdout.startswith(str(wheel))
    assert from_wheel(wheel, tmp_path, "validate", "shop").returncode == 0
    shutil.copytree(ROOT / "topologies" / "shop", tmp_path / "mine")
    done = from_wheel(wheel, tmp_path, "run", "mine", "mine/events.jsonl", "--out", "results")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "summary.json").exists()
