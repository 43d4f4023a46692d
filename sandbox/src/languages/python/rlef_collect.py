"""What a compiler or a program left in the work directory, handed over after every process of it is dead."""

import errno
import os
import stat
import struct

OUT = "/box/out"
BOX = "/box"
# Before each file of a folder: the length of its name, and its own.
LENGTHS = struct.Struct("<QQ")
# What is brought home begins with one of these, which is written last.
UNFINISHED, WHOLE, TOO_MUCH = b"\0", b"\1", b"\2"


def place(path, descriptor):
    """Puts what the descriptor holds where a program reads it by name."""
    source, size = descriptor, os.fstat(descriptor).st_size
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        at = 0
        while at < size:
            at += os.sendfile(target, source, at, size - at)
    finally:
        os.close(target)


def unpack(descriptor):
    """Puts a folder of files where the program starts."""
    at, size = 0, os.fstat(descriptor).st_size
    while at < size:
        name_size, length = LENGTHS.unpack(os.pread(descriptor, LENGTHS.size, at))
        at += LENGTHS.size
        path = BOX + "/" + os.pread(descriptor, name_size, at).decode()
        at += name_size
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            end = at + length
            while at < end:
                at += os.sendfile(target, descriptor, at, end - at)
        finally:
            os.close(target)


def gather(descriptor, names, most):
    """Hands over the plain files of these names, one after the other; nothing but `TOO_MUCH` where they hold more than `most`
    bytes, for a file that is sparse or has many names is larger than the room that it takes."""
    os.write(descriptor, UNFINISHED)
    left = most
    for name in names:
        source = find(name)
        if source is None:
            continue
        try:
            size = os.fstat(source).st_size
            left -= size
            if left < 0:
                return mark(descriptor, TOO_MUCH)
            text = name.encode()
            os.write(descriptor, LENGTHS.pack(len(text), size) + text)
            at = 0
            while at < size:
                copied = os.sendfile(descriptor, source, at, size - at)
                if copied == 0:
                    # Nobody who could cut it is alive.
                    raise OSError(errno.EIO, "a file is shorter than it was")
                at += copied
        except OSError as problem:
            if problem.errno != errno.EFBIG:
                raise
            # The host lets no file be as large as all of them.
            return mark(descriptor, TOO_MUCH)
        finally:
            os.close(source)
    mark(descriptor, WHOLE)


def mark(descriptor, word):
    if word == TOO_MUCH:
        os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, word, 0)


def find(name):
    """A plain file below the work directory, opened. No link is followed, wherever on the way it lies."""
    place = None
    try:
        place = os.open(BOX, os.O_RDONLY | os.O_DIRECTORY)
        *folders, last = name.split("/")
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = below
        # A pipe would be waited for.
        if not stat.S_ISREG(os.lstat(last, dir_fd=place).st_mode):
            return None
        return os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    except OSError:
        return None  # Not there, or not to be read.
    finally:
        if place is not None:
            os.close(place)


def collect(descriptor, path=None):
    """Writes the file at `path`; without one, what a compiler left: a file, or the directory as an archive. Nothing if
    there is neither. Links are never followed."""
    try:
        state = os.lstat(path or OUT)
        if stat.S_ISREG(state.st_mode):
            copy(path or OUT, state.st_size, descriptor)
        elif stat.S_ISDIR(state.st_mode) and path is None:
            pack(OUT, descriptor)
    except Exception:
        # Too large, unreadable, not there, or of a name that no archive can hold: then the compiler has made no program.
        os.ftruncate(descriptor, 0)


def copy(path, size, descriptor):
    os.chmod(path, 0o600, follow_symlinks=True)
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        at = 0
        while at < size:
            copied = os.sendfile(descriptor, source, at, size - at)
            if copied == 0:
                break
            at += copied
    finally:
        os.close(source)


def pack(top, descriptor):
    import zipfile

    with os.fdopen(os.dup(descriptor), "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for directory, _, names in os.walk(top):
            for name in sorted(names):
                path = directory + "/" + name
                if stat.S_ISREG(os.lstat(path).st_mode):
                    # A fixed time, so that the same source gives the same bytes.
                    entry = zipfile.ZipInfo(os.path.relpath(path, top))
                    with open(path, "rb") as content:
                        archive.writestr(entry, content.read())
