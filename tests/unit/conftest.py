"""Property-based tests: no time limits, and on request many more examples."""

from __future__ import annotations

import os

from hypothesis import settings

# A loaded machine is slow and right.
settings.register_profile("default", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
