"""Trees: the tools, the scaffold, and Debian packages installed by apt on what is there already."""

from __future__ import annotations

from pathlib import Path

from scs_build.build.records import Record, make_record
from scs_build.build.repository import deb_name, repository_files
from scs_build.build.workshop import Workshop
from scs_build.canonical import digest_of
from scs_build.engines.spec import STEP_CAPABILITIES, StepSpec
from scs_build.engines.tools import extract_tools
from scs_build.oci.tree import index, removals
from scs_build.plan.step import Step
from scs_build.recipes.models import User

# Services must not start while packages are installed.
POLICY = b"#!/bin/sh\nexit 101\n"

# What apt and dpkg leave behind: caches, logs and the previous copy of each database.
TIDY = """
rm -rf /var/cache/apt /var/cache/debconf/*-old /var/cache/ldconfig/* /var/lib/dpkg/*-old \\
    /var/lib/apt/lists /var/lib/apt/extended_states /var/log/* \\
    /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/adduser.conf*
"""

SCAFFOLD = """
mmdebstrap --mode=root --variant=apt --format=directory --skip=check/qemu,output/dev \\
    --dpkgopt=force-unsafe-io \\
    "$RELEASE" /scaffold 'deb [trusted=yes] copy:///step ./'
# What mmdebstrap copies or makes depends on the engine: its files of the host, and whether devices work.
rm -rf /scaffold/dev/* /scaffold/etc/hostname /scaffold/etc/resolv.conf /scaffold/etc/apt/sources.list
"""

INSTALL = f"""
for database in passwd group shadow; do
    test ! -e /step/$database || cat /step/$database >> /etc/$database
done
# Maintainer scripts adopt the users of recipes, whose numbers adduser takes for those of people.
echo LAST_SYSTEM_UID=65533 > /etc/adduser.conf
set -- /step/*.deb
if test -e "$1"; then
    apt-get -qq -y --no-install-recommends \\
        -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root \\
        -o DPkg::Options::=--force-unsafe-io -o DPkg::Options::=--force-confold \\
        -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null install "$@"
fi
{TIDY}
"""


def run_tools(shop: Workshop, step: Step) -> Record:
    """Unpack the tools tree."""
    extract_tools(shop.store, step.artefacts, step.key, shop.jobs)
    return make_record(step.key, trees=[step.key])


def run_scaffold(shop: Workshop, step: Step) -> Record:
    """Make the minimal Debian on which packages are installed, with mmdebstrap from a local repository."""
    release = shop.graph.series.debian.release
    with shop.folder(
        {deb_name(a): a for a in step.artefacts}, repository_files(shop.store, step.artefacts, release)
    ) as repository:
        spec = StepSpec(
            name=step.name,
            argv=("/bin/sh", "-euc", SCAFFOLD),
            layers=(shop.tools.path,),
            inputs={"/step": repository},
            environment={"RELEASE": release, "DEBIAN_FRONTEND": "noninteractive"},
            # mmdebstrap mounts /proc and /sys for the maintainer scripts.
            capabilities=(*STEP_CAPABILITIES, "CAP_SYS_ADMIN", "CAP_NET_ADMIN"),
        )
        with shop.run(spec) as changes:
            scaffold = changes / "scaffold"
            policy = scaffold / "usr/sbin/policy-rc.d"
            policy.write_bytes(POLICY)
            policy.chmod(0o755)
            return _keep(shop, step, scaffold)


def run_install(shop: Workshop, step: Step) -> Record:
    """Install Debian packages by apt, on the tree of the step before, with the recipe's users there first."""
    users = {} if step.name.startswith("toolchain:") else shop.component(step).recipe.users
    with shop.folder({deb_name(a): a for a in step.artefacts}, databases(users)) as folder:
        spec = StepSpec(
            name=step.name,
            argv=("/bin/sh", "-euc", INSTALL),
            layers=shop.stack(step.needs[0]),
            inputs={"/step": folder},
            environment={"DEBIAN_FRONTEND": "noninteractive"},
        )
        with shop.run(spec) as changes:
            return _keep(shop, step, changes)


def databases(users: dict[str, User]) -> dict[str, bytes]:
    """Return the lines that these users of recipes have in the databases of users and groups."""
    if not users:
        return {}
    lines: dict[str, list[str]] = {"passwd": [], "group": [], "shadow": []}
    for name, user in sorted(users.items()):
        gid = user.uid if user.gid is None else user.gid
        lines["passwd"].append(f"{name}:x:{user.uid}:{gid}::{user.home}:/usr/sbin/nologin")
        lines["group"].append(f"{name}:x:{gid}:")
        lines["shadow"].append(f"{name}:!:18262::::::")
    return {file: ("\n".join(text) + "\n").encode() for file, text in lines.items()}


def _keep(shop: Workshop, step: Step, tree: Path) -> Record:
    """Move a tree into the store; its result stands for all that it holds and removes, and for what is below.

    Whoever reads it sees the trees below as well: what adds nothing is not the same on another tree.
    """
    below = [shop.records[need.name]["result"] for need in step.needs]
    result = digest_of([*below, tree_digest(tree)]) if below else tree_digest(tree)
    with shop.store.new_tree(step.key) as target:
        target.rmdir()
        tree.rename(target)
    return make_record(result, trees=[step.key])


def tree_digest(tree: Path) -> str:
    """Return the digest of everything in a tree that can become part of an image, and of what it removes."""
    paths = [[m.path, m.type, m.mode, m.uid, m.gid, m.sha256, m.link] for m in index(tree).values()]
    return digest_of([*paths, *([path, "removed"] for path in removals(tree))])
