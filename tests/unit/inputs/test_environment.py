from packaging.tags import parse_tag

from scs_build.inputs.python.environment import environment, tags, uv_platform
from scs_build.recipes.models import PythonChannel

CHANNEL = PythonChannel(version="3.13", manylinux="2_41", prefix="/venv")


def accepted(tag: str, platform: str = "linux/amd64") -> bool:
    return bool(parse_tag(tag) & set(tags(CHANNEL, platform)))


def test_the_series_interpreter_decides_which_wheels_fit() -> None:
    for tag in ("cp313-cp313-manylinux_2_41_x86_64", "cp38-abi3-manylinux2014_x86_64", "py2.py3-none-any"):
        assert accepted(tag), tag
    for tag in ("cp312-cp312-manylinux_2_17_x86_64", "cp313-cp313-musllinux_1_2_x86_64",
                "cp313-cp313-manylinux_2_42_x86_64", "cp313-cp313t-manylinux_2_17_x86_64"):  # fmt: skip
        assert not accepted(tag), tag


def test_the_architecture_decides_too() -> None:
    assert accepted("cp313-cp313-manylinux_2_17_aarch64", "linux/arm64")
    assert not accepted("cp313-cp313-manylinux_2_17_x86_64", "linux/arm64")


def test_the_newest_platform_that_uv_knows_is_used() -> None:
    assert uv_platform(CHANNEL, "linux/amd64") == "x86_64-manylinux_2_40"
    assert environment(CHANNEL, "linux/amd64")["platform_machine"] == "x86_64"
