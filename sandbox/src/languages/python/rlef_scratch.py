"""The places a program may write to, found clean by every test.

Whether anything changed shows in six numbers per directory, the change time among them, which no program can set.
"""

import os
import stat

SCRATCH = ("/box", "/tmp", "/dev/shm")


def marks():
    found = []
    for path in SCRATCH:
        state = os.lstat(path)
        found.append((state.st_mode, state.st_nlink, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_atime_ns))
    return found


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


def wipe():
    for path in SCRATCH:
        wipe_directory(path)
    return marks()
