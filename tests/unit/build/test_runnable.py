import json
from pathlib import Path

from scs_build.build.runnable import RunnableImage, unpack_layers
from scs_build.oci.entry import Entry
from scs_build.oci.layer import write_layer
from scs_build.progress import Silent
from scs_build.store.store import Store


def test_a_layer_is_unpacked_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    layer = write_layer(store, [Entry("usr", "dir", 0o755), Entry("usr/a", "file", 0o644, content=b"a")], 1)
    assert layer is not None
    line = {"digest": layer.digest, "diff_id": layer.diff_id, "unpacked": layer.unpacked}
    unpack_layers(store, [line], 2, Silent())
    tree = store.tree(f"layer-{layer.diff_id.removeprefix('sha256:')}")
    assert tree is not None
    assert (tree / "usr/a").read_bytes() == b"a"
    assert tree.stat().st_mode & 0o777 == 0o755
    (tree / "mark").touch()
    unpack_layers(store, [line], 2, Silent())
    assert (tree / "mark").exists()


def test_an_image_survives_the_way_through_json() -> None:
    image = RunnableImage("a", "sha256:0", (Path("/l"),), 1, 2, ("/a",), {"B": "c"}, "/", ("/v",), 3, 4)
    assert RunnableImage.from_json(json.loads(json.dumps(image.to_json()))) == image
