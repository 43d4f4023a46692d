"""Makes a fork of the interpreter cheap: code in huge pages, which are shared by one entry instead of 512.

A fork loses what it knows of the pages of a file, and finds them again at a fault each; a copy in memory of its
own it keeps. Best effort: where the kernel gives no huge pages, or does not let pages be copied or executed,
everything stays as it is.
"""

import ctypes
import os

from rlef_kernel import libc

HUGE = 2 << 20
READ, WRITE, EXECUTE = 1, 2, 4
PRIVATE_ANONYMOUS = 0x22
MAY_MOVE_TO_FIXED = 3
MADV_COLLAPSE = 25

address, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
libc.mmap.restype = libc.mremap.restype = address
libc.mmap.argtypes = address, size, number, number, number, ctypes.c_long
libc.mremap.argtypes = address, size, size, number, address
libc.munmap.argtypes = address, size
libc.mprotect.argtypes = libc.madvise.argtypes = address, size, number


class Span(ctypes.Structure):
    _fields_ = [("start", address), ("length", size)]


def code_areas():
    """Start and end of what is mapped of each file to be read and not to be written, if there is code in it.

    Between the parts of a library there may be pages that nobody can read: an area ends there.
    """
    areas = []
    try:
        with open("/proc/self/maps") as file:
            lines = file.readlines()
    except OSError:
        lines = []  # A jail may do without /proc.
    for line in lines:
        fields = line.split(None, 5)
        if len(fields) < 6 or fields[5][0] != "/" or fields[1][:2] != "r-" or fields[1][3] == "s":
            continue
        start, end = (int(bound, 16) for bound in fields[0].split("-"))
        if areas and areas[-1][1:3] == [start, fields[5]]:
            areas[-1][1] = end
            areas[-1][3] += fields[1]
        else:
            areas.append([start, end, fields[5], fields[1]])
    return [(start, end) for start, end, _, access in areas if "x" in access]


def copied(target, source, length):
    """Whether all of it could be copied. The kernel reads: a page that the file behind it no longer has is an error
    there, and would be the end of this process here."""
    try:
        read = libc.process_vm_readv
    except AttributeError:
        return False
    read.restype = ctypes.c_ssize_t
    read.argtypes = number, address, ctypes.c_ulong, address, ctypes.c_ulong, ctypes.c_ulong
    spans = ctypes.byref(Span(target, length)), ctypes.byref(Span(source, length))
    return read(os.getpid(), spans[0], 1, spans[1], 1, 0) == length


def move_code():
    """Moves every whole huge page of code, and of the constants beside it, to memory of our own."""
    for start, end in code_areas():
        first = -(-start // HUGE) * HUGE
        length = end // HUGE * HUGE - first
        if length > 0 and not move(first, length):
            return


def move(first, length):
    """Whether to go on: what the kernel does not give for one area it does not give for another."""
    room = libc.mmap(None, length + HUGE, READ | WRITE, PRIVATE_ANONYMOUS, -1, 0)
    if room in (None, address(-1).value):
        return False
    copy = -(-room // HUGE) * HUGE
    whole = copied(copy, first, length)
    ready = whole and libc.madvise(copy, length, MADV_COLLAPSE) == 0
    if not ready or libc.mprotect(copy, length, READ | EXECUTE) != 0:
        libc.munmap(room, length + HUGE)
        return not whole
    # One system call: the next instruction is already read from the copy.
    if libc.mremap(copy, length, length, MAY_MOVE_TO_FIXED, first) != first:
        libc.munmap(room, length + HUGE)
        return False
    # Not in one call: the interpreter may already use the gap between the two.
    libc.munmap(room, copy - room)
    libc.munmap(copy + length, room + HUGE - copy)
    return True
