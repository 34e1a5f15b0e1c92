"""What `hold`, `release` and `status` say of where a hold is not known to be in force."""

import pytest

from cjo_stream.cli.hold import warn_behind
from cjo_stream.installation.answer import Holding


def test_a_hold_is_not_said_to_be_in_force_before_dispatch_and_webhook_heed_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    warn_behind(Holding())
    assert capsys.readouterr().err == ""
    warn_behind(Holding(behind=[1, 3]))
    assert "not known to be in force in partitions 1, 3: no dispatch" in said(capsys)
    warn_behind(Holding(unheeding=["cjo.action.mail.v1/0"]))
    assert "not known to be in force in cjo.action.mail.v1/0: webhook has read" in said(capsys)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())
