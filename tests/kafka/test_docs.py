"""The commands and programs of docs/ that need a broker, in the order of their page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from cjo_stream.kafka.local.broker import free_port
from tests.docs import example
from tests.docs.page import ROOT, Block, blocks

PAGE = (ROOT / "docs" / "getting-started.md").read_text()
pytestmark = pytest.mark.kafka

BIN = Path(sys.executable).parent
COMMAND_S = 120.0
RUNS_ON = ("cjo-stream up",)
"""Commands that the reader leaves running."""


def test_getting_started_on_kafka(bootstrap: str, tmp_path: Path) -> None:
    example.write_files(PAGE, tmp_path)
    prefix = f"t{uuid.uuid4().hex[:8]}."
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "CJO_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "CJO_TOPIC_PREFIX": prefix,
        "CJO_GROUP": prefix.strip("."),
        "CJO_TENANT_KEY": "a key that only this page has",
        "CJO_PARTITIONS": "2",
        "CJO_METRICS_PORT": str(free_port()),
    }
    running: list[subprocess.Popen[bytes]] = []
    try:
        for block in blocks(PAGE):
            if block.mark.startswith("edit: "):
                example.edit(block, tmp_path)
            if block.mark != "kafka":
                continue
            if block.kind == "python":
                text = block.text.replace("127.0.0.1:9092", bootstrap)
                text = re.sub(r"\bcjo\.(event|action)\.", rf"{prefix}\1.", text)
                printed = _do([sys.executable, "-c", text], tmp_path, environment)
            else:
                printed = _do_lines(block, tmp_path, environment, running)
            if "poll" in block.text:
                assert printed.split()[-1] == "ada@example.com"
    finally:
        for process in running:
            process.send_signal(signal.SIGINT)
            assert process.wait(COMMAND_S) == 0


def _do_lines(
    block: Block, folder: Path, environment: dict[str, str], running: list[subprocess.Popen[bytes]]
) -> str:
    printed = ""
    for line in block.text.splitlines():
        if line.startswith("export "):
            continue  # this test has settings of its own
        if line.startswith(RUNS_ON):
            with (folder / "up.log").open("ab") as log:
                running.append(
                    subprocess.Popen(
                        line.split(), cwd=folder, env=environment, stdout=log, stderr=log
                    )
                )
        else:
            printed += _do(line.split(), folder, environment)
    return printed


def _do(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=COMMAND_S
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
