"""``python -m litesmith``."""

import sys

from litesmith.cli import main

sys.exit(main())
