"""The examples of channel systems in Java and TypeScript compile, without a warning.

Java needs a JDK, and the jars of the local broker (`deploy/kafka/start.sh` brings them);
TypeScript needs node, and what `make deploy-check` brings. Where these are not, it is said loudly.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest

from tests.deploy.lock import ROOT

CONSUMERS: Final = ROOT / "examples/consumers"
MODULES: Final = ROOT / ".tools/node_modules"
NAMES: Final = ("typescript", "kafkajs", "lz4js", "@types/node")


def _skip(config: pytest.Config, why: str) -> None:
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"\n{why}\n", red=True, bold=True)
    pytest.skip(why)


def run(*call: str | Path, folder: Path) -> str:
    done = subprocess.run(
        [str(one) for one in call], cwd=folder, capture_output=True, text=True, timeout=300
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def kafka_version(pom: Path) -> str:
    """Return the version of a project's first dependency, Kafka."""
    return str(ElementTree.parse(pom).findtext(".//{*}dependency/{*}version"))


def test_java_compiles(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    version = kafka_version(CONSUMERS / "java/pom.xml")
    assert version == kafka_version(ROOT / "deploy/kafka/pom.xml")
    jars = list(ROOT.glob(f".kafka/jars-*/kafka-clients-{version}.jar"))
    javac = shutil.which("javac")
    if javac is None or not jars:
        _skip(pytestconfig, "NO JAVA IS COMPILED: it needs javac, and the local broker's jars")
    source = next(CONSUMERS.glob("java/src/**/*.java"))
    text = source.read_text()

    def compiled(text: str) -> str:
        (tmp_path / source.name).write_text(text)
        path = f"{jars[0].parent}/*"
        return run(
            str(javac), "-Xlint:all", "-Werror", "-d", "out", "-cp", path, source.name,
            folder=tmp_path,
        )  # fmt: skip

    assert compiled(text) == ""
    assert "incompatible types" in compiled(text.replace("private final Acted acted", "int acted"))


def test_typescript_compiles(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    missing = [name for name in NAMES if not (MODULES / name).exists()]
    if shutil.which("node") is None or missing:
        _skip(pytestconfig, "NO TYPESCRIPT IS COMPILED: it needs node, and `make deploy-check`")
    project = tmp_path / "project"
    shutil.copytree(CONSUMERS / "typescript", project)
    (project / "node_modules").symlink_to(MODULES)
    call = ("node", MODULES / "typescript/bin/tsc", "--noEmit", "-p", project)
    assert run(*call, folder=project) == ""
    source = project / "src/channel.ts"
    source.write_text(source.read_text().replace("expires_at: number", "expires_at: string"))
    assert "TS2365" in run(*call, folder=project)
