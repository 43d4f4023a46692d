"""What nearly every program does, done before the first fork, so that each test finds the interpreter's caches filled.

A method that is looked up for the first time, or code that runs for the first time, writes to memory, and each page
that a test writes to is copied.
"""

import gc
import io
import os
import sys

# More often than an interpreter wants to have seen a piece of code before it optimises it.
OFTEN = 20


def rehearse(way_out):
    """Reads, prints and ends as programs do, on streams of its own."""
    genuine = sys.stdin, sys.stdout, sys.__stdout__
    planned = way_out.quick, way_out.clear, way_out.main
    # As after the last line of a script.
    way_out.quick, way_out.clear, way_out.main = True, False, {"__name__": "__main__"}
    file = os.memfd_create("rehearsal")
    try:
        os.write(file, b"1 2\n" * OFTEN)
        os.lseek(file, 0, os.SEEK_SET)
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(file, "rb", False)), "utf-8")
        sys.stdout = sys.__stdout__ = io.TextIOWrapper(io.BufferedWriter(io.FileIO(os.dup(file), "wb")), "utf-8")
        for _ in range(OFTEN // 2):
            print(sum(map(int, input().split())), end="\n")
            list(map(int, sys.stdin.readline().split()))
            sys.stdout.flush()
            way_out.leave()
        sys.stdin.read()
        sys.stdout.close()
    finally:
        sys.stdin, sys.stdout, sys.__stdout__ = genuine
        way_out.quick, way_out.clear, way_out.main = planned
        os.close(file)
    gc.collect()
