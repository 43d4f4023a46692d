"""The places a program may write to, found clean by every test.

Whether anything changed shows in what the kernel says of each directory, the change time among it, which no
program can set.
"""

import ctypes
import errno
import os
import stat

from rlef_kernel import quick

SCRATCH = ("/box", "/tmp", "/dev/shm")


def mounts_in(top):
    device = os.lstat(top).st_dev
    return [name for name in os.listdir(top) if os.lstat(top + "/" + name).st_dev != device]


STATE_SIZE = 256
STATES = ctypes.create_string_buffer(STATE_SIZE * len(SCRATCH))
# Parts of the host that are shown below one of them, such as a virtual environment in /tmp: mounts, which stay.
KEPT = {path: frozenset(mounts_in(path)) for path in SCRATCH}
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
    while names := [name for name in os.listdir(top) if name not in KEPT[top]]:
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
    os.utime(top, (0, 0))


def wipe():
    for path in SCRATCH:
        wipe_directory(path)
    return marks()
