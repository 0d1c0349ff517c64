"""`python -m unlearnkit` is the console script `unlearnkit`."""

import sys

from unlearnkit.cli import main

sys.exit(main())
