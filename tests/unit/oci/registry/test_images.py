"""Of which blobs an image consists is read from bytes that have its digest, or not at all."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.canonical import sha256_bytes
from scs_build.errors import IntegrityError, VerificationError
from scs_build.oci.entry import Entry
from scs_build.oci.image import ImageConfig, write_image
from scs_build.oci.layer import write_layer
from scs_build.oci.layout import blob_path, read_layout, write_layout
from scs_build.oci.registry.archive import image_archive
from scs_build.oci.registry.images import Wanted, parts_in, parts_of, write_pointer
from scs_build.store.store import Store

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["config", "layers", "digest", "size", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(JSON | st.binary(max_size=50))
def test_any_document_is_an_image_or_an_error(document: object) -> None:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    digest = f"sha256:{sha256_bytes(raw)}"
    try:
        parts = parts_of(raw, digest)
    except IntegrityError as error:
        assert digest in error.reason
    else:
        assert parts.sizes[digest] == len(raw)
    with pytest.raises(IntegrityError):
        parts_of(raw + b" ", digest)


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    store = Store(tmp_path / "store")
    layer = write_layer(store, [Entry("a", "file", 0o644, content=b"a" * 5000)], 1)
    image = write_image(store, ImageConfig(created="2026-04-01T00:00:00Z"), [layer, layer])
    write_layout(store, tmp_path / "oci", {"a:1": image})
    return tmp_path / "oci"


def wanted(layout: Path) -> Wanted:
    return Wanted("a", read_layout(layout)["manifests"][0]["digest"], {})


def test_an_image_that_is_not_there_or_damaged_is_told(layout: Path) -> None:
    image = wanted(layout)
    with pytest.raises(VerificationError, match="is not in"):
        parts_in(layout, Wanted("a", f"sha256:{'0' * 64}", {}))
    path = blob_path(layout, image.digest)
    path.unlink()
    path.write_bytes(b"{}")
    with pytest.raises(VerificationError, match=image.digest):
        parts_in(layout, image)


def test_a_pointer_is_a_layout_with_one_image(layout: Path, tmp_path: Path) -> None:
    parts = parts_in(layout, wanted(layout))
    write_pointer(tmp_path / "pointer", parts)
    (descriptor,) = read_layout(tmp_path / "pointer")["manifests"]
    assert (descriptor["digest"], descriptor["size"]) == (parts.digest, parts.sizes[parts.digest])


def test_the_archive_is_a_layout_and_what_docker_save_writes(layout: Path, tmp_path: Path) -> None:
    image = wanted(layout)
    parts = parts_in(layout, image)
    data = b"".join(image_archive(layout, image.digest))
    assert data == b"".join(image_archive(layout, image.digest))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        names = archive.getnames()
        assert len(names) == len(set(names)) == 3 + len(parts.sizes)
        content = {name: archive.extractfile(name).read() for name in names}  # type: ignore[union-attr]
    (listed,) = json.loads(content["manifest.json"])
    assert sha256_bytes(content[listed["Config"]]) == parts.config.removeprefix("sha256:")
    assert [content[name] for name in listed["Layers"]] == [
        blob_path(layout, digest).read_bytes() for digest in layer_digests(layout, image.digest)
    ]
    assert json.loads(content["index.json"])["manifests"][0]["digest"] == image.digest
    for digest in parts.sizes:
        assert (
            content[f"blobs/sha256/{digest.removeprefix('sha256:')}"]
            == blob_path(layout, digest).read_bytes()
        )


def layer_digests(layout: Path, digest: str) -> list[str]:
    return [layer["digest"] for layer in json.loads(blob_path(layout, digest).read_bytes())["layers"]]
