"""`simulate --kafka`: people who act in real time, on a broker that is there or away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest

from cjo_stream.definition import load
from cjo_stream.kafka.topic.check import create
from cjo_stream.settings import Settings
from tests.bench.embedded import ROOT
from tests.kafka.conftest import TENANT_KEY

pytestmark = pytest.mark.kafka

SHOP = ROOT / "topologies" / "shop"
AWAY_S = 30.0


def simulated(bootstrap: str, prefix: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "cjo_stream",
            "simulate",
            str(SHOP),
            "--kafka",
            "--people",
            "1",
            "--duration",
            "30d",
        ],
        env={
            **os.environ,
            "CJO_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "CJO_KAFKA__LOG_LEVEL": "0",
            "CJO_TOPIC_PREFIX": prefix,
            "CJO_TENANT_KEY": TENANT_KEY,
        },
        stderr=subprocess.PIPE,
        text=True,
    )


def test_people_who_do_nothing_for_long_are_waited_for_aloud(settings: Settings) -> None:
    create(settings, load(SHOP).program)
    process = simulated(settings.kafka_properties()["bootstrap.servers"], settings.topic_prefix)
    assert process.stderr is not None
    try:
        told = process.stderr.readline()
        assert re.fullmatch(r"\d+ records? sent; the next one is due in [\d,]+ s\n", told), told
    finally:
        process.kill()
        process.communicate()


def test_a_broker_that_is_away_ends_it_with_what_to_do() -> None:
    process = simulated("127.0.0.1:9", "away.")
    began = time.monotonic()
    _, said = process.communicate(timeout=AWAY_S)
    assert process.returncode == 1
    assert "the broker does not answer" in said, said
    assert time.monotonic() - began < AWAY_S
