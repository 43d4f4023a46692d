"""`python -m rlef VERB ...`: the program itself, in place of this interpreter."""

import os
import sys

from rlef import program
from rlef.errors import StartError


def main() -> None:
    try:
        path = program.path()
    except StartError as error:
        sys.exit(f"error: {error}")
    os.execv(path, [path, *sys.argv[1:]])


main()
