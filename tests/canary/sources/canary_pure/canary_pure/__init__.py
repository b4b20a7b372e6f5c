"""A distribution without code that must be compiled."""


def main() -> None:
    """Say something."""
    print("tweet")  # noqa: T201
