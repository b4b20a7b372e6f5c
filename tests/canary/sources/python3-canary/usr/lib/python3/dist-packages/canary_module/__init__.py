"""Compiled to byte code in the layer of packages."""

NAMES = frozenset({"atlantic", "domestic", "gloster"})
PAIRS = {name: (name, len(name)) for name in sorted(NAMES)}


def sing(times: int = 3) -> str:
    """Sets, constants and nested functions: what byte code writes as references."""

    def note(number: int) -> str:
        return "tweet" if number % 2 else "chirp"

    return " ".join(note(number) for number in range(times) if "atlantic" in {"atlantic", "gloster"})
