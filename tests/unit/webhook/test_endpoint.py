"""The file of endpoints, and the secrets that it names."""

import time
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML
from standardwebhooks.webhooks import Webhook

from cjo_stream.cli.schema import _schema
from cjo_stream.errors import DefinitionError, UsageError
from cjo_stream.webhook.endpoint import ENDPOINTS_MAX, Endpoint, check_channels, read_endpoints
from cjo_stream.webhook.signature import headers, read_secrets

OLD, NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
FIRST = """\
webhook: email
url: https://mail.example.com/hooks/cjo
secrets: email.secrets
"""


def read(folder: Path, text: str = FIRST, secrets: str = OLD) -> list[Endpoint]:
    (folder / "webhooks.yaml").write_text(text)
    (folder / "email.secrets").write_text(secrets)
    return read_endpoints(folder / "webhooks.yaml")


def findings(folder: Path, text: str, secrets: str = OLD) -> str:
    with pytest.raises(DefinitionError) as caught:
        read(folder, text, secrets)
    return str(caught.value)


def test_an_endpoint_has_defaults(tmp_path: Path) -> None:
    (one,) = read(tmp_path)
    assert (one.channel, one.url) == ("email", "https://mail.example.com/hooks/cjo")
    assert (one.timeout_s, one.limits.parallel, one.limits.rate) == (10.0, 8, None)
    assert one.is_public
    assert one.limits.give_up_ms is None


def test_every_word_counts(tmp_path: Path) -> None:
    more = "timeout: 3s\nparallel: 2\nrate: 0.5\ngive_up: 6h\naddresses: any\n"
    second = "---\nwebhook: push\nurl: http://127.0.0.1:80/x\nsecrets: email.secrets\n"
    one, two = read(tmp_path, f"{FIRST}{more}{second}addresses: any\n")
    assert (one.timeout_s, one.limits.parallel, one.limits.rate) == (3.0, 2, 0.5)
    assert (one.limits.give_up_ms, one.is_public) == (21_600_000, False)
    assert two.channel == "push"


@pytest.mark.parametrize(
    ("more", "is_valid"),
    [
        ("", True),
        ("timeout: 3s\nparallel: 2\nrate: 0.5\ngive_up: 6h\naddresses: any\nca: ca.pem\n", True),
        ("timout: 3s\n", False),
        ("timeout: soon\n", False),
        ("addresses: publik\n", False),
        ("parallel: 0\n", False),
        ("rate: fast\n", False),
    ],
)
def test_an_editor_sees_by_the_schema_what_is_wrong(*, more: str, is_valid: bool) -> None:
    drawn = _schema("webhook")
    jsonschema.Draft202012Validator.check_schema(drawn)
    document = YAML(typ="safe").load(FIRST + more)
    assert jsonschema.Draft202012Validator(drawn).is_valid(document) is is_valid
    del document["url"]
    assert not jsonschema.Draft202012Validator(drawn).is_valid(document)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FIRST + "timout: 3s\n", "4:1: error CJO104: unknown key of an endpoint 'timout'; did"),
        (FIRST + "addresses: publik\n", "did you mean 'public'?"),
        (FIRST + "parallel: 0\n", "at least 1"),
        (FIRST + "rate: fast\n", "must be a number"),
        (FIRST.replace("https", "http"), "write https://"),
        (FIRST.replace("https", "ftp"), "an address, as https://host/path"),
        (FIRST.replace("mail.example.com", "10.0.0.7"), "'10.0.0.7' is no address of the int"),
        (FIRST.replace("mail.example.com", "[::1]"), "is no address of the internet"),
        (FIRST.replace("mail.example.com", "169.254.169.254"), "is no address of the internet"),
        (FIRST.replace("mail.", "ann:secret@mail."), "no name or password"),
        (FIRST.replace("mail.example.com", "mail:99999"), "is no address: Port out of range"),
        (FIRST.replace("mail.example.com", ""), "has no host"),
        (FIRST.replace("email.secrets", "nowhere"), "nowhere: No such file"),
        (FIRST + "ca: email.secrets\n", "email.secrets has no certificates"),
        (FIRST + "---\n" + FIRST, "a second endpoint of 'email'"),
        ("url: https://x/\n", "an endpoint needs 'webhook'"),
        ("", "begin one with `webhook: CHANNEL`"),
        ("webhook: {", "CJO102"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    assert said in findings(tmp_path, text)
    assert read(tmp_path)


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ("", "it holds no secret"),
        ("# a comment\n", "it holds no secret"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "line 1 does not begin with whsec_"),
        (f"{OLD}\nwhsec_***", "line 2 is not base64"),
        ("whsec_c2hvcnQ=", "line 1 has 5 bytes"),
    ],
)
def test_a_secret_that_is_none_is_told_and_not_shown(
    tmp_path: Path, secrets: str, said: str
) -> None:
    found = findings(tmp_path, FIRST, secrets)
    assert said in found
    assert "MfKQ" not in found
    assert "c2hv" not in found


def test_a_request_is_signed_by_each_secret_so_that_they_can_be_rotated() -> None:
    signed = headers(read_secrets(f"# new\n{NEW}\n\n{OLD}\n"), "c1-a3", int(time.time()), b"{}")
    assert len(signed["webhook-signature"].split()) == 2
    for secret in (OLD, NEW):
        assert Webhook(secret).verify(b"{}", signed) == {}


def test_a_file_has_no_more_endpoints_than_a_process_measures(tmp_path: Path) -> None:
    each = [FIRST.replace("webhook: email", f"webhook: c{n}") for n in range(ENDPOINTS_MAX + 1)]
    with pytest.raises(
        UsageError, match=r"51 endpoints, .* at most 50: move some .* another file"
    ):
        read(tmp_path, "---\n".join(each))
    assert len(read(tmp_path, "---\n".join(each[1:]))) == ENDPOINTS_MAX


def test_a_channel_that_sends_no_commands_is_named(tmp_path: Path) -> None:
    endpoints = read(tmp_path)
    check_channels(endpoints, ["email", "push"])
    with pytest.raises(UsageError, match=r"webhooks.yaml:1:10: unknown channel 'email'; did you"):
        check_channels(endpoints, ["e_mail", "push"])
    with pytest.raises(UsageError, match="is no file"):
        read_endpoints(tmp_path / "nowhere.yaml")
