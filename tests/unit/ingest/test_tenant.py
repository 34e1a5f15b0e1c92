import pytest

from cjo_stream.errors import RefusalError
from cjo_stream.ingest.identifier import identifier_hash
from cjo_stream.ingest.tenant import check_fingerprint, fingerprint

KEY = b"a key for this test alone"


def test_a_fingerprint_names_the_key_and_is_no_identifiers_hash() -> None:
    assert fingerprint(KEY) == fingerprint(KEY)
    assert fingerprint(KEY) != fingerprint(KEY + b"!")
    assert len(fingerprint(KEY)) == 16
    label = "cjo-stream: the fingerprint of a tenant's key"
    for type_, value in ((label, ""), ("", label)):
        assert not identifier_hash(KEY, type_, value).startswith(fingerprint(KEY))


def test_another_key_is_refused_and_neither_is_shown() -> None:
    check_fingerprint(KEY, fingerprint(KEY), "this installation")
    with pytest.raises(RefusalError, match="the key that it was made with") as refused:
        check_fingerprint(b"some other key", fingerprint(KEY), "this installation")
    assert "some other" not in str(refused.value)
    assert KEY.decode() not in str(refused.value)
