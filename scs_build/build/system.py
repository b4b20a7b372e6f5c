"""The system layer: the small state of the whole image - its users and its index of shared libraries."""

from __future__ import annotations

from pathlib import Path

from scs_build.build.records import Record, layer_record
from scs_build.build.workshop import Workshop, link_or_copy
from scs_build.engines.spec import StepSpec
from scs_build.inputs.artefact import Member
from scs_build.oci.entry import Entry
from scs_build.oci.layer import write_layer
from scs_build.oci.tree import MergedTree
from scs_build.plan.step import Step

LIBRARIES = ("usr/lib/", "usr/local/lib/", "etc/ld.so.conf.d/")
LDCONFIG = """
cp -R /step /image/etc
ln -s usr/lib usr/lib64 /image
ldconfig -X -r /image -f /etc/ld.so.conf -C /etc/ld.so.cache
"""


def run_system(shop: Workshop, step: Step) -> Record:
    """Write the layer of the state that belongs to no package alone."""
    tree = shop.merged(step.needs[0])
    users = [
        Entry(f"etc/{name}", "file", 0o644, content=tree.entry(f"etc/{name}").content)
        for name in ("passwd", "group")
    ]
    cache = Entry("etc/ld.so.cache", "file", 0o644, content=_library_cache(shop, step, tree))
    return layer_record(write_layer(shop.store, [*users, cache], shop.jobs))


def _library_cache(shop: Workshop, step: Step, tree: MergedTree) -> bytes:
    """Run ldconfig on the libraries that the image keeps - and on no others of the tree."""
    kept = [m for need in step.needs[1:] for a in need.artefacts for m in shop.members(a) if _is_library(m)]
    with shop.store.scratch("libraries") as scratch:
        _place(tree, kept, scratch)
        spec = StepSpec(
            name=step.name,
            argv=("/bin/sh", "-euc", LDCONFIG),
            layers=(shop.tools.path,),
            inputs={"/image/usr": scratch / "usr", "/step": scratch / "etc"},
        )
        with shop.run(spec) as changes:
            return (changes / "image/etc/ld.so.cache").read_bytes()


def _is_library(member: Member) -> bool:
    name = member.path.rpartition("/")[2]
    wanted = ".so" in name or name.endswith(".conf")
    return wanted and member.type in ("file", "link", "hardlink") and member.path.startswith(LIBRARIES)


def _place(tree: MergedTree, members: list[Member], root: Path) -> None:
    for folder in ("etc", "usr"):
        (root / folder).mkdir()
    (root / "etc/ld.so.conf").write_text("include /etc/ld.so.conf.d/*.conf\n")
    for member in members:
        target = root / member.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if member.type == "link":
            target.symlink_to(member.link)
        elif (real := tree.lookup(member.path)) is not None:
            link_or_copy(real, target)
