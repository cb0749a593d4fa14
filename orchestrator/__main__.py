"""`python -m orchestrator` is the console script."""

import sys

from orchestrator.cli import main

sys.exit(main())
