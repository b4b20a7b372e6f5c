"""Where the site configuration lies; found without reading it."""

from __future__ import annotations

import os
from pathlib import Path

SYSTEM_FILE = Path("/etc/scs-build/site.yaml")


def site_file() -> Path | None:
    """Return the site file that applies: `$SCS_BUILD_SITE`, the user's, the machine's, or none."""
    if named := os.environ.get("SCS_BUILD_SITE"):
        return Path(named)
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "scs-build" / "site.yaml"
    return next((path for path in (own, SYSTEM_FILE) if path.is_file()), None)
