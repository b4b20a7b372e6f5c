"""Images and layouts: what the specification says, shared blobs, nothing lost, damage found."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.errors import FormatError, StoreError, VerificationError
from scs_build.oci import layout as layout_module
from scs_build.oci.entry import Entry, Layer
from scs_build.oci.image import HealthCheck, Image, ImageConfig, write_image
from scs_build.oci.layer import write_layer
from scs_build.oci.layout import blob_path, read_layout, reference, write_layout
from scs_build.oci.verify import verify_layout
from scs_build.store.store import Store
from tests.unit.mutations import damaged_json

CONFIG = ImageConfig(
    created="2026-04-01T00:00:00Z", user="42:43", env=("PATH=/bin", "A=b"), cmd=("serve", "--now"),
    exposed_ports=(5000,), volumes=("/data",), labels={"org.opencontainers.image.title": "t"},
    stop_signal="SIGTERM", health=HealthCheck(("probe",), interval=3),
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def layer(store: Store, text: bytes) -> Layer:
    return write_layer(store, [Entry("f", "file", 0o644, content=text)], 1)


def image(store: Store, text: bytes = b"x") -> Image:
    return write_image(store, CONFIG, [layer(store, b"base"), layer(store, text)], ["base", "top"])


def references(directory: Path) -> list[str | None]:
    return [reference(entry) for entry in read_layout(directory)["manifests"]]


def test_configuration_and_manifest(store: Store) -> None:
    made = image(store)
    manifest = json.loads(store.read_bytes(made.digest))
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert [x["digest"] for x in manifest["layers"]] == [x.digest for x in made.layers]
    assert {x["mediaType"] for x in manifest["layers"]} == {"application/vnd.oci.image.layer.v1.tar+gzip"}
    assert (manifest["config"]["digest"], made.size) == (
        made.config_digest,
        store.blob(made.digest).stat().st_size,
    )
    config = json.loads(store.read_bytes(made.config_digest))
    assert config == {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-04-01T00:00:00Z",
        "config": {
            "User": "42:43",
            "Env": ["PATH=/bin", "A=b"],
            "Cmd": ["serve", "--now"],
            "ExposedPorts": {"5000/tcp": {}},
            "Volumes": {"/data": {}},
            "WorkingDir": "/",
            "Labels": {"org.opencontainers.image.title": "t"},
            "StopSignal": "SIGTERM",
            "Healthcheck": {
                "Test": ["CMD", "probe"],
                "Interval": 3_000_000_000,
                "Timeout": 5_000_000_000,
                "Retries": 3,
                "StartPeriod": 0,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [x.diff_id for x in made.layers]},
        "history": [
            {"created": "2026-04-01T00:00:00Z", "created_by": "base"},
            {"created": "2026-04-01T00:00:00Z", "created_by": "top"},
        ],
    }


def test_descriptions_fit_the_layers(store: Store) -> None:
    with pytest.raises(ValueError, match="zip"):
        write_image(store, CONFIG, [layer(store, b"1")], ["one", "two"])


def test_a_layout_shares_its_blobs_with_the_store(store: Store, tmp_path: Path) -> None:
    made = image(store)
    write_layout(store, tmp_path / "out", {"b": made, "a": made.digest})
    assert references(tmp_path / "out") == ["a", "b"]
    entry = read_layout(tmp_path / "out")["manifests"][0]
    assert (entry["digest"], entry["size"]) == (made.digest, made.size)
    assert entry["platform"] == {"os": "linux", "architecture": "amd64"}
    assert blob_path(tmp_path / "out", made.layers[0].digest).samefile(store.blob(made.layers[0].digest))
    assert verify_layout(tmp_path / "out") == []
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["blobs", "index.json", "oci-layout"]


def test_blobs_are_copied_where_they_cannot_be_linked(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(layout_module.os, "link", refuse)
    write_layout(store, tmp_path / "out", {"a": image(store)})
    assert verify_layout(tmp_path / "out") == []


def test_other_references_stay_and_the_same_ones_move(store: Store, tmp_path: Path) -> None:
    write_layout(store, tmp_path / "out", {"a": image(store, b"1"), "b": image(store, b"2")})
    new = image(store, b"3")
    write_layout(store, tmp_path / "out", {"b": new})
    assert references(tmp_path / "out") == ["a", "b"]
    assert read_layout(tmp_path / "out")["manifests"][1]["digest"] == new.digest


def test_nothing_is_written_when_nothing_is_to_do(store: Store, tmp_path: Path) -> None:
    out, made = tmp_path / "out", image(store)
    write_layout(store, out, {"a": made})
    before = {path: path.stat().st_ino for path in out.rglob("*")}
    write_layout(store, out, {"a": made})
    assert {path: path.stat().st_ino for path in out.rglob("*")} == before


def test_a_blob_that_is_missing_in_the_store_leaves_the_index_alone(store: Store, tmp_path: Path) -> None:
    out, made = tmp_path / "out", image(store)
    store.blob(made.layers[1].digest).unlink()
    with pytest.raises(StoreError, match=made.layers[1].digest):
        write_layout(store, out, {"a": made})
    assert not (out / "index.json").exists()


def damage(path: Path, data: bytes | None) -> None:
    path.unlink()
    if data is not None:
        path.write_bytes(data)


@pytest.mark.parametrize("what", ["layer", "config", "manifest"])
@pytest.mark.parametrize("how", ["missing", "short", "changed"])
def test_damage_is_named(store: Store, tmp_path: Path, what: str, how: str) -> None:
    out, made = tmp_path / "out", image(store)
    write_layout(store, out, {"a": made})
    digest = {"layer": made.layers[1].digest, "config": made.config_digest, "manifest": made.digest}[what]
    path = blob_path(out, digest)
    data = path.read_bytes()
    damage(path, {"missing": None, "short": data[:-1], "changed": data[:-1] + b" "}[how])
    problems = verify_layout(out)
    assert digest in problems[0]
    write_layout(store, out, {"a": made})
    if how != "changed":
        assert verify_layout(out) == []


def test_a_wrong_number_of_diff_ids_is_named(store: Store, tmp_path: Path) -> None:
    one, two = image(store), write_image(store, CONFIG, [layer(store, b"x")])
    manifest = json.loads(store.read_bytes(one.digest))
    manifest["config"] = json.loads(store.read_bytes(two.digest))["config"]
    forged = f"sha256:{store.add_bytes(json.dumps(manifest).encode())}"
    write_layout(store, tmp_path / "out", {"a": forged})
    assert verify_layout(tmp_path / "out")[0].endswith("names 1 diff ids, the manifest 2 layers")


def test_what_is_no_layout_is_an_error(store: Store, tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="no OCI layout"):
        read_layout(tmp_path)
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}')
    with pytest.raises(FormatError, match=r"2\.0\.0"):
        read_layout(tmp_path)
    (tmp_path / "oci-layout").write_text("[")
    assert "is not JSON" in verify_layout(tmp_path)[0]


def test_what_a_killed_process_left_in_a_layout_goes_and_nothing_else(store: Store, tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    blobs = blob_path(directory, "")
    blobs.mkdir(parents=True)
    left = [directory / f".index.json.{'0' * 32}", blobs / f".{'a' * 64}.{'1' * 32}"]
    others = [directory / ".gitignore", directory / "notes", blobs / ".keep"]
    for path in (*left, *others):
        path.write_text("x")
    write_layout(store, directory, {"a": image(store)})
    assert [path.exists() for path in left] == [False, False]
    assert all(path.read_text() == "x" for path in others)


@given(choice=st.data())
def test_a_damaged_index_is_refused_or_another_index(choice: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        store, directory = Store(Path(folder, "store")), Path(folder, "layout")
        write_layout(store, directory, {"a": image(store)})
        index = directory / "index.json"
        index.write_bytes(choice.draw(damaged_json(index.read_bytes())))
        try:
            write_layout(store, directory, {"b": image(store)})
        except VerificationError as error:
            assert error.where is not None
            assert error.where.path == str(index)
        else:
            assert "b" in references(directory)
