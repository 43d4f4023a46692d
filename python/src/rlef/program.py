"""Where the program is that judges: `rlef-judge`, which came with this package."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from rlef.errors import StartError

__all__ = ["path"]

NAME = "rlef-judge"


def path() -> str:
    """Its path: what the variable RLEF_JUDGE names, else where pip has put it, else on the search path."""
    named = os.environ.get("RLEF_JUDGE")
    if named:
        return named
    schemes = [sysconfig.get_path("scripts")]
    if "posix_user" in sysconfig.get_scheme_names():
        schemes.append(sysconfig.get_path("scripts", "posix_user"))
    folders = [Path(sys.executable).parent, *(Path(scheme) for scheme in schemes if scheme)]
    # Installed into a folder of its own (`pip install --target`).
    folders.append(Path(__file__).resolve().parent.parent / "bin")
    for folder in folders:
        if os.access(folder / NAME, os.X_OK):
            return str(folder / NAME)
    found = shutil.which(NAME)
    if found is None:
        raise StartError(f"failed to find {NAME}: install this package with pip, or name the program in RLEF_JUDGE")
    return found
