"""A second module of the same package."""

from canary_module import NAMES

LONGEST = max(NAMES, key=len)
