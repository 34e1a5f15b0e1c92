"""The hook and the action of deploy/ci, over a repository of git."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.unit.governance.shop import written
from tests.world.command_line import copied

ROOT = Path(__file__).parents[3]
CI = ROOT / "deploy" / "ci"
LEVER = ("treatments: {email: {template: a}}", "lever: 50\ntreatments: {email: {template: a}}")


class Repository:
    """A repository with a topology in `shop`, its hook installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self) -> None:
        self.git("init", "-q")
        self.git("config", "user.email", "ann@example.com")
        self.git("config", "user.name", "Ann")
        self.git("config", "--add", "cjo.topology", "shop")
        for name in ("plan.sh", "pre-commit"):
            hook = self.folder / ".git" / "hooks" / name
            hook.write_bytes((CI / name).read_bytes())
            hook.chmod(0o755)

    def git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("git", *arguments)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, **variables}
        return subprocess.run(
            arguments,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def commit(self, **edits: tuple[tuple[str, str], ...]) -> subprocess.CompletedProcess[str]:
        """Write the topology with edits, and commit it."""
        written(self.folder / "shop", **edits)
        self.git("add", "-A")
        return self.git("commit", "-q", "-m", "a change")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a repository with its first commit; each test has a copy."""
    found = Repository(tmp_path_factory.mktemp("begun"))
    found.begin()
    done = found.commit()
    assert done.returncode == 0, done.stderr
    return found.folder


@pytest.fixture
def repository(begun: Path, tmp_path: Path) -> Repository:
    copied(begun, tmp_path)
    return Repository(tmp_path)


def test_the_hook_refuses_what_may_not_follow_the_last_commit(repository: Repository) -> None:
    done = repository.commit(carts=(("2h", "3h"),))
    assert done.returncode != 0
    assert "growth/carts.yaml:2: error content_without_version: carts" in done.stderr
    assert repository.commit(carts=(("2h", "3h"), ("version: 1", "version: 2"))).returncode == 0


def test_a_topology_may_be_removed(repository: Repository) -> None:
    repository.git("config", "--add", "cjo.topology", "other")
    repository.git("config", "cjo.team", "growth")
    written(repository.folder / "other")
    repository.git("add", "-A")
    assert repository.git("commit", "-q", "-m", "another").returncode == 0
    repository.git("rm", "-q", "-r", "shop")
    done = repository.git("commit", "-q", "-m", "one less")
    assert done.returncode == 0, done.stderr
    assert "shop is removed" in done.stderr
    plan = str(CI / "plan.sh")
    assert repository.run("sh", plan, "shop", "HEAD~1").returncode == 0
    assert repository.run("sh", plan, "shop", "HEAD~1", "HEAD").returncode == 0
    # The other one is still looked at.
    done = repository.run("sh", plan, "other", "HEAD~2")
    assert done.returncode == 0, done.stderr
    edited = repository.folder / "other" / "growth" / "carts.yaml"
    edited.write_text(edited.read_text().replace("2h", "3h"))
    repository.git("add", "-A")
    assert repository.git("commit", "-q", "-m", "content").returncode != 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shpo", "HEAD"), "there is no folder shpo, nor was there one in HEAD: check its name"),
        (("shpo", "HEAD", "HEAD"), "there is no folder shpo, nor was there one in HEAD"),
        (("shop/shop.yaml", "HEAD"), "there is no folder shop/shop.yaml, nor was there one"),
        (("shop", "nosuch"), "nosuch is no commit of this clone: check its name, or fetch it"),
        (("shop", "HEAD", "nosuch"), "nosuch is no commit of this clone"),
        (("shop", "HEAD", "nosuch", "--", "--as", "growth"), "nosuch is no commit of this clone"),
    ],
)
def test_a_folder_or_a_commit_that_never_was_is_an_error(
    repository: Repository, arguments: tuple[str, ...], said: str
) -> None:
    done = repository.run("sh", str(CI / "plan.sh"), *arguments)
    assert done.returncode == 2, done.stderr
    assert f"error: {said}" in done.stderr


def test_the_hook_looks_at_what_is_staged_alone(repository: Repository) -> None:
    written(repository.folder / "shop", carts=(("version: 1", "version: 2"),))
    repository.git("add", "-A")
    (repository.folder / "shop" / "broken.yaml").write_text("journey: [")
    assert repository.git("commit", "-q", "-m", "a version").returncode == 0


def test_the_hook_knows_the_team(repository: Repository) -> None:
    repository.git("config", "cjo.team", "growth")
    done = repository.commit(carts=(LEVER,))
    assert done.returncode != 0
    assert "levers of growth go up to 20 percent" in done.stderr


def test_the_action_prints_what_a_pull_request_changes(repository: Repository) -> None:
    action = YAML(typ="safe").load((CI / "github" / "action.yml").read_text())
    assert set(action["inputs"]) == {"topology", "base", "options"}
    [step] = action["runs"]["steps"]
    summary = repository.folder / "summary.md"
    repository.commit(carts=(LEVER,))

    def act(options: str) -> int:
        summary.write_text("")
        done = repository.run(
            "bash", "-e", "-c", step["run"],
            TOPOLOGY="shop", BASE="HEAD~1", OPTIONS=options,
            GITHUB_ACTION_PATH=str(CI / "github"), GITHUB_STEP_SUMMARY=str(summary),
        )  # fmt: skip
        return done.returncode

    assert act("") == 0
    assert "action reminder, lever: 50 instead of 0" in summary.read_text()
    assert act("--as growth") == 1
    assert "levers of growth go up to 20 percent" in summary.read_text()
