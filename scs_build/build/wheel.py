"""Wheels from sdists with C code: compiled once, on the builder's tree, without a network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from scs_build.build.patched import Source, patched_sdist
from scs_build.build.records import Record, make_record
from scs_build.build.workshop import Workshop
from scs_build.engines.spec import StepSpec
from scs_build.errors import StepError
from scs_build.inputs.artefact import Artefact
from scs_build.plan.step import Step
from scs_build.store.store import Store

# 1980-01-01, the first time that a wheel can hold.
PATCHED_AT = 315532800
BUILD = """
uv="/step/uv --offline --no-config --no-cache --quiet"
export UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
$uv venv --python "/usr/bin/python$PYTHON" /tmp/venv
if test -e /step/wheels; then
    $uv pip install --no-index --no-deps --python /tmp/venv/bin/python /step/wheels/*.whl
fi
# A fixed place: compilers write the path of the source into what they make.
mkdir -p /tmp/source /var/tmp/wheel
case $SDIST in
*.zip)
    python$PYTHON -m zipfile --extract "/step/$SDIST" /tmp/zipped
    # That gives every file the time of now, and wheels hold the times of their files.
    find /tmp/zipped -exec touch --date "@$SOURCE_DATE_EPOCH" {} +
    mv /tmp/zipped/*/* /tmp/source ;;
*) tar --extract --file "/step/$SDIST" --directory /tmp/source --strip-components 1 --no-same-owner ;;
esac
if test -e /step/patched; then
    cp --recursive --preserve=mode,timestamps /step/patched/. /tmp/source
fi
if test -e /step/removed; then
    while IFS= read -r path; do rm "/tmp/source/$path"; done < /step/removed
fi
$uv build --wheel --no-build-isolation --no-index --python /tmp/venv/bin/python \\
    --out-dir /var/tmp/wheel /tmp/source
"""


def run_wheel(shop: Workshop, step: Step) -> Record:
    """Compile one sdist; the record names the wheel's file name and blob."""
    sdist, *build = step.artefacts
    contents = {f"wheels/{file_name(a)}": a for a in build} | {file_name(sdist): sdist}
    changed = patched_sdist(shop.store.blob(sdist.sha256), shop.graph.patches_for(step.subject, sdist))
    with shop.folder(contents, {"uv": shop.tools.path / "usr/bin/uv"}) as folder:
        (folder / "uv").chmod(0o755)
        _lay_out(changed, folder)
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


def _lay_out(changed: Mapping[str, Source | None], folder: Path) -> None:
    """Put what patches make of the sources beside them, and the list of what goes."""
    for path, source in changed.items():
        if source is not None:
            target = folder / "patched" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.content)
            target.chmod(source.mode)
            os.utime(target, (PATCHED_AT, PATCHED_AT))  # wheels hold the times of their files
    if gone := [path for path, source in changed.items() if source is None]:
        (folder / "removed").write_text("".join(f"{path}\n" for path in gone))


def file_name(artefact: Artefact) -> str:
    """Return the name under which the index serves a Python artefact."""
    return str(artefact.data["file"])
