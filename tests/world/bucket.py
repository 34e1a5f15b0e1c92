"""A bucket of a server that speaks S3, on loopback, in this process."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

_NUMBERS = itertools.count()
"""All servers of a process have the same buckets."""
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "anybody",
    "AWS_SECRET_ACCESS_KEY": "anything",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture
def bucket() -> Iterator[str]:
    """Yield the URL of an empty bucket."""
    import fsspec
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as world:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        for name, value in _ENVIRONMENT.items():
            world.setenv(name, value)
        world.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        s3 = fsspec.get_filesystem_class("s3")
        s3.clear_instance_cache()
        try:
            name = f"bucket-{next(_NUMBERS)}"
            fsspec.filesystem("s3").mkdir(name)
            yield f"s3://{name}"
        finally:
            s3.clear_instance_cache()
            server.stop()
