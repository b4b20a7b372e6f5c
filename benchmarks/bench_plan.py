"""A plan with nothing to do for 60 images, and `--help`, as ratios to the imports that nobody can avoid.

Usage: python -m benchmarks.bench_plan [--json]. The graph is this checkout's with copies of keystone, each
with a recipe and locks of its own; the store holds a result of every step.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.timing import ROOT, SCS_BUILD, paired, show
from scs_build.plan.graph import Graph
from scs_build.plan.history import remember, result_of
from scs_build.plan.plan import make_plan
from scs_build.recipes.catalogue import Catalogue
from scs_build.store.store import Store

SERIES = "2026.1"
IMAGES = 60
IMPORTS = [sys.executable, "-c", "import click, pydantic, yaml"]
CLICK = [sys.executable, "-c", "import click"]


def generate(root: Path) -> None:
    """Write the recipes and locks of 60 images."""
    shutil.copytree(ROOT / "images", root / "images")
    keystone = root / "images/iaas/keystone"
    there = len(graph_of(root).catalogue.images(graph_of(root).series))
    for number in range(IMAGES - there):
        copy = keystone.with_name(f"service{number:02}")
        shutil.copytree(keystone, copy)
        recipe = copy / "recipe.yaml"
        recipe.write_text(recipe.read_text().replace("OpenStack Identity", f"Service {number} of OpenStack"))
        for lock in (copy / "lock").iterdir():
            lock.write_text(lock.read_text().replace('"image": "keystone"', f'"image": "{copy.name}"'))


def graph_of(root: Path) -> Graph:
    catalogue = Catalogue.load(root)
    return Graph(catalogue, catalogue.series(SERIES), "linux/amd64")


def fill(store: Store, target: Store, graph: Graph) -> None:
    """Give a store a result for every step: that of keystone, or the step's own."""
    target.prepare()
    for kind in ("blobs", "trees"):
        (target.root / kind).rename(target.root / f"{kind}-empty")
        (target.root / kind).symlink_to(store.root / kind)
    for name in graph.catalogue.images(graph.series):
        model = "keystone" if name.startswith("service") else name
        models = graph.image(model).closure()
        for step in graph.image(name).closure().values():
            record = result_of(store, models[step.name.replace(name, model)])
            assert record is not None, "build all images first: scs-build build"
            remember(target, SERIES, step, record)


def main() -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder, "checkout")
        generate(root)
        target = Store(Path(folder, "store"))
        graph = graph_of(root)
        fill(Store.default(), target, graph)
        names = graph.catalogue.images(graph.series)
        assert len(names) == IMAGES
        assert not any(image.steps for image in make_plan(graph, target, names).images)
        command = [*SCS_BUILD, "plan", "--series", SERIES, "--root", root, "--store", target.root]
        plan, imports = paired(command, IMPORTS)
    page, click = paired([*SCS_BUILD, "--help"], CLICK)
    show(
        "nothing to do for 60 images, and --help",
        {
            "plan_seconds": plan,
            "imports_seconds": imports,
            "plan_ratio (limit 3)": plan / imports,
            "help_seconds": page,
            "click_seconds": click,
            "help_ratio (limit 2)": page / click,
        },
    )


if __name__ == "__main__":
    main()
