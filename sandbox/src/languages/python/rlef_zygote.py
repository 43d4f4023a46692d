"""The first process of the jail: a warm interpreter that forks a process per program.

Knows no source: those go to `rlef_program`. The messages are described in `process/wire.rs`.
"""

import _signal
import _socket
import atexit
import errno
import os
import struct
import sys

import rlef_leave
import rlef_pages
import rlef_rehearse
import rlef_scratch
from rlef_kernel import Filter, fix_thread_stacks, fork_when_there_is_room, libc, receive, reset_signals, system
from rlef_program import DIRECTORY, Program

CONTROL, OWN_NAMESPACE, FILTER = 3, 4, 6
CLONE_NEWPID = 0x20000000
REQUEST = struct.Struct("<cB7Q")


def read_recipe(text):
    # Only jails of other languages need it.
    import json

    return json.loads(text)


class Zygote:
    def __init__(self, main, after_fork):
        self.after_fork = after_fork
        self.kept = self  # Never destroyed, which would cost every test.
        self.filter = Filter(FILTER)
        self.magic = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER
        self.exit = rlef_leave.Exit(main)
        self.image = self.find_image()
        self.scratch_bytes = 0
        atexit.register(self.exit)
        system(libc.prctl(4, 0, 0, 0, 0), "become non-dumpable")
        fix_thread_stacks()
        reset_signals()
        self.marks = rlef_scratch.wipe()
        rlef_rehearse.rehearse(self.exit)
        rlef_pages.move_code()

    @staticmethod
    def find_image():
        """The descriptor from which the interpreter is about to read the program."""
        wanted = os.stat("main.pyc", dir_fd=DIRECTORY)
        for descriptor in range(FILTER + 1, 64):
            try:
                state = os.fstat(descriptor)
            except OSError:
                continue
            if (state.st_dev, state.st_ino) == (wanted.st_dev, wanted.st_ino):
                os.unlink("main.pyc", dir_fd=DIRECTORY)
                return descriptor
        raise OSError(errno.ENOENT, "the interpreter does not hold its script open")

    def resize_scratch(self, size):
        if rlef_scratch.next_number() > rlef_scratch.MOST_NUMBERS:
            rlef_scratch.renew(size)
            self.marks = rlef_scratch.wipe()
        elif size != self.scratch_bytes:
            self.marks = rlef_scratch.wipe()
            rlef_scratch.resize(size)
        self.scratch_bytes = size

    def serve(self):
        """Starts programs until the supervisor goes away; returns only in the process of a test."""
        control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, CONTROL)
        control.send(b"Y" + sys.version.split()[0].encode())
        program = 0
        while True:
            data, descriptors = receive(control, 64)
            if not data:
                os._exit(0)
            if data[:1] == b"K":
                if program == 0:
                    raise OSError(errno.ESRCH, "no program to end")
                os.kill(program, _signal.SIGKILL)
                _, status, usage = os.wait4(program, 0)
                program = 0
                cpu_us = int((usage.ru_utime + usage.ru_stime) * 1e6)
                control.send(struct.pack("<ciQQ", b"D", status, cpu_us, usage.ru_maxrss * 1024))
                continue
            request = REQUEST.unpack_from(data)
            recipe = read_recipe(data[REQUEST.size :]) if len(data) > REQUEST.size else None
            connection, source = descriptors
            self.resize_scratch(request[8])
            system(libc.unshare(CLONE_NEWPID), "make a process namespace for a program")
            program = fork_when_there_is_room()
            if program == 0:
                control.detach()
                os.close(CONTROL)
                os.close(OWN_NAMESPACE)
                socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, connection)
                try:
                    Program(request[1:8], recipe, source, socket, self).serve()
                except BaseException as problem:
                    socket.send(("X%s: %s" % (type(problem).__name__, problem)).encode("utf-8", "replace")[:200])
                    os._exit(1)
                return
            system(libc.setns(OWN_NAMESPACE, CLONE_NEWPID), "return to the jail's process namespace")
            os.close(connection)
            os.close(source)
