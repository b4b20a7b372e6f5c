"""`python -m scs_build` is `scs-build`."""

import sys

from scs_build.cli.main import main

sys.exit(main())
