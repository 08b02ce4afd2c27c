"""``python -m governance.witness``: the witness without Django."""

import sys

from governance.witness.command import main

if __name__ == "__main__":
    sys.exit(main())
