"""`python -m humansense.cli`."""

import sys

from humansense.cli.app import main

sys.exit(main())
