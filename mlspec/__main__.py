"""`python -m mlspec` is the command `mlspec`."""

import sys

from mlspec.cli.main import main

sys.exit(main())
