"""The bill of materials is as its schema says, and has what the image installs."""

import json
import re
import warnings
from pathlib import Path

from packaging.utils import canonicalize_name

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what validates formats
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

import cjo_stream
from tests.deploy.lock import IMAGE_LOCK
from tests.deploy.sbom import write


def test_the_bill_of_materials_has_every_library_of_the_image_with_its_hashes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "dist" / "sbom.json"
    write(path)
    text = path.read_text()
    check = JsonStrictValidator(SchemaVersion.V1_6).validate_str
    assert check(text) is None
    assert check(text.replace('"components"', '"component"', 1)) is not None
    made = json.loads(text)
    own = made["metadata"]["component"]
    assert (own["name"], own["version"]) == ("cjo-stream", cjo_stream.__version__)
    locked = dict(re.findall(r"(?m)^([A-Za-z0-9_.-]+)==([^\s\\]+)", IMAGE_LOCK.read_text()))
    assert len(locked) > 50
    told = {canonicalize_name(one["name"]): one for one in made["components"]}
    assert {name: one["version"] for name, one in told.items()} == {
        canonicalize_name(name): version for name, version in locked.items()
    }
    for name, one in told.items():
        (source,) = one["externalReferences"]
        assert source["hashes"], name
