"""Wheels from sdists with C code: compiled once, on the builder's tree, without a network."""

from __future__ import annotations

from scs_build.build.records import Record, make_record
from scs_build.build.workshop import Workshop
from scs_build.engines.spec import StepSpec
from scs_build.errors import StepError
from scs_build.inputs.artefact import Artefact
from scs_build.plan.step import Step
from scs_build.store.store import Store

BUILD = """
uv="/step/uv --offline --no-config --no-cache --quiet"
export UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
$uv venv --python "/usr/bin/python$PYTHON" /tmp/venv
if test -e /step/wheels; then
    $uv pip install --no-index --no-deps --python /tmp/venv/bin/python /step/wheels/*.whl
fi
# A fixed place: compilers write the path of the source into what they make.
mkdir -p /tmp/source /var/tmp/wheel
tar --extract --file "/step/$SDIST" --directory /tmp/source --strip-components 1 --no-same-owner
$uv build --wheel --no-build-isolation --no-index --python /tmp/venv/bin/python \\
    --out-dir /var/tmp/wheel /tmp/source
"""


def run_wheel(shop: Workshop, step: Step) -> Record:
    """Compile one sdist; the record names the wheel's file name and blob."""
    sdist, *build = step.artefacts
    contents = {f"wheels/{file_name(a)}": a for a in build} | {file_name(sdist): sdist}
    with shop.folder(contents, {"uv": shop.tools.path / "usr/bin/uv"}) as folder:
        (folder / "uv").chmod(0o755)
        spec = StepSpec(
            name=step.name,
            argv=("/bin/sh", "-euc", BUILD),
            layers=shop.stack(step.needs[0]),
            inputs={"/step": folder},
            environment={
                "SDIST": file_name(sdist),
                "PYTHON": shop.graph.series.python.version,
                "PYTHONHASHSEED": "0",
                # As Debian hardens its own packages; without what only debuggers read.
                "CFLAGS": "-g0 -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2",
                "LDFLAGS": "-Wl,-z,relro -Wl,-z,now -Wl,-s",
                # uWSGI would ask the machine; the order in which it links does not depend on it.
                "CPUCOUNT": "2",
            },
        )
        with shop.run(spec) as changes:
            wheels = list((changes / "var/tmp/wheel").glob("*.whl"))
            if len(wheels) != 1:
                raise StepError(f"{step.name} made {len(wheels)} wheels instead of one")
            name, sha256 = wheels[0].name, shop.store.add_file(wheels[0])
    return make_record(sha256, blobs=[sha256], wheel=name)


def compiled_wheel(store: Store, step: Step, record: Record) -> Artefact:
    """Return the wheel that a step compiled from its sdist as an artefact of the store."""
    sdist, sha256 = step.artefacts[0], record["uses"]["blobs"][0]
    size = store.blob(sha256).stat().st_size
    data = {**sdist.data, "file": record["wheel"]}
    return Artefact("wheel", sdist.name, sdist.version, sha256, size, data=data)


def file_name(artefact: Artefact) -> str:
    """Return the name under which the index serves a Python artefact."""
    return str(artefact.data["file"])
