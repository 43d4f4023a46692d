"""The places a program may write to, found clean by every test.

Whether anything changed shows in what the kernel says of each directory, the change time among it, which no
program can set.
"""

import ctypes
import errno
import os
import stat

from rlef_kernel import libc, quick, system

SCRATCH = ("/box", "/tmp", "/dev/shm")
# Where a fresh file system is prepared; an empty directory of the root.
SITE = b"/scratch"
# Inodes are numbered. A program that finds a higher number than this knows no more than that some of those before it made
# files; a fresh file system for each would cost them milliseconds.
MOST_NUMBERS = 128
REMOUNT, BIND, DETACH = 32, 4096, 2
GUARDED = 2 | 4 | 8 | 1024  # nosuid, nodev, noexec, noatime
STATE_SIZE = 256
STATES = ctypes.create_string_buffer(STATE_SIZE * len(SCRATCH))
# statx(2) of each: AT_FDCWD, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS.
ASKED = [(-100, path.encode(), 0x100, 0x7FF, ctypes.byref(STATES, STATE_SIZE * at)) for at, path in enumerate(SCRATCH)]


def marks():
    for arguments in ASKED:
        if quick.statx(*arguments) != 0:
            raise OSError(errno.EIO, "look at a scratch directory")
    return STATES.raw


def wipe_directory(top):
    """Empties `top` without recursion or long paths: nested directories are first moved up."""
    os.chmod(top, 0o755)
    fresh = 0
    names = os.listdir(top)
    while names:
        for name in names:
            path = top + "/" + name
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for inner in os.listdir(path):
                inside = path + "/" + inner
                if stat.S_ISDIR(os.lstat(inside).st_mode):
                    # A directory that its owner may not write to cannot be moved.
                    os.chmod(inside, 0o700)
                    while os.path.lexists("%s/%d" % (top, fresh)):
                        fresh += 1
                    os.rename(inside, "%s/%d" % (top, fresh))
                else:
                    os.unlink(inside)
            os.rmdir(path)
        names = os.listdir(top)
    os.utime(top, (0, 0))


def next_number():
    """The number of the next inode, which it uses up and which leaves no trace in the directories."""
    try:
        descriptor = os.open("/box", os.O_TMPFILE | os.O_WRONLY, 0o600)
    except OSError:
        return MOST_NUMBERS + 1  # Full of what a program has left that was ended.
    try:
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def resize(size):
    options = b"size=%d" % size
    system(libc.mount(b"none", b"/box", None, REMOUNT | GUARDED, options), "resize the scratch space")


def renew(size):
    """A fresh file system in place of this one: its inodes are numbered from the start, so that the numbers tell nothing of
    the programs before. Nobody but the caller may be left in the old one."""
    inodes = os.statvfs("/box").f_files
    options = b"mode=755,size=%d,nr_inodes=%d" % (size, inodes)
    system(libc.mount(b"tmpfs", SITE, b"tmpfs", GUARDED, options), "make a fresh scratch space")
    for place in SCRATCH:
        place = place.encode()
        source = SITE + b"/" + os.path.basename(place)
        os.mkdir(source)
        system(libc.umount2(place, DETACH), "let go of the old scratch space")
        system(libc.mount(source, place, None, BIND, None), "show the fresh scratch space")
        system(libc.mount(None, place, None, BIND | REMOUNT | GUARDED, None), "guard the fresh scratch space")
    # The name under which all three are seen at once must not stay.
    system(libc.umount2(SITE, DETACH), "hide the fresh scratch space")
    os.chdir("/box")


def wipe():
    for path in SCRATCH:
        wipe_directory(path)
    return marks()
