"""What the interpreter's own library does not offer of the kernel: filters, capabilities, sockets with descriptors."""

import _signal
import _socket
import ctypes
import errno
import os
import resource
import struct
import time

libc = ctypes.CDLL(None, use_errno=True)
# Keeps no errno: its bookkeeping costs more than the short calls that are made for every test.
quick = ctypes.PyDLL(None)


def system(result, step):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, step + ": " + os.strerror(number))


def receive(connection, room):
    """One message and the descriptors that came with it; an empty message is the end."""
    data, ancillary, flags, _ = connection.recvmsg(8192, room)
    descriptors = ()
    for _, _, payload in ancillary:
        descriptors += struct.unpack("%di" % (len(payload) // 4), payload)
    if flags & _socket.MSG_CTRUNC:
        raise OSError(errno.EMFILE, "descriptors lost in a message")
    return data, descriptors


def fork_when_there_is_room():
    """Forks; waits as long as others leave no room. Processes are counted by user, and other jails may be the same user."""
    for _ in range(3000):
        try:
            return os.fork()
        except BlockingIOError:
            time.sleep(0.02)
    return os.fork()


class Reaper:
    """Waits for processes without an object for every number that the kernel reports."""

    def __init__(self):
        self.status, self.usage = ctypes.c_int(), ctypes.create_string_buffer(256)
        self.arguments = ctypes.byref(self.status), 0, self.usage
        self.numbers = struct.Struct("5q").unpack_from

    def wait(self, process):
        """Wait status, CPU microseconds, peak of memory in KiB; nothing if there is no such child."""
        if quick.wait4(process, *self.arguments) < 0:
            return None
        user, user_us, system, system_us, memory = self.numbers(self.usage)
        return self.status.value, (user + system) * 1000000 + user_us + system_us, memory


class Filter:
    """The seccomp program, 8 bytes an instruction; none where the configuration lets it be missing."""

    class Program(ctypes.Structure):
        _fields_ = [("count", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]

    def __init__(self, descriptor):
        code = os.pread(descriptor, 1 << 16, 0)
        self.code = ctypes.create_string_buffer(code, max(1, len(code)))
        self.program = self.Program(len(code) // 8, ctypes.addressof(self.code))

    def install(self):
        if self.program.count:
            system(libc.prctl(22, 2, ctypes.byref(self.program), 0, 0), "install the system call filter")


CAPABILITY_HEADER = (ctypes.c_uint32 * 2)(0x20080522, 0)
NO_CAPABILITIES = (ctypes.c_uint32 * 6)()


def drop_capabilities():
    """Gives up all capabilities; with no_new_privs set they never come back."""
    system(libc.capset(CAPABILITY_HEADER, NO_CAPABILITIES), "drop the capabilities")


def be_chosen_before_the_zygote():
    """When memory runs out, the kernel is to kill a test or this process rather than the whole jail."""
    PR_SET_DUMPABLE = 4
    # A process that cannot be dumped does not own its files in /proc.
    system(libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "become dumpable")
    try:
        with open("/proc/self/oom_score_adj", "wb", 0) as score:
            score.write(b"500")
    except OSError:
        pass  # No /proc here: then the jail may go too, and is replaced.
    system(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "become non-dumpable")


def fix_thread_stacks():
    """Threads get 8 MiB as under an ordinary shell, although the main stack may grow much further."""
    attributes = ctypes.create_string_buffer(256)
    try:
        if libc.pthread_getattr_default_np(attributes) == 0:
            libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(8 << 20))
            libc.pthread_setattr_default_np(attributes)
    except AttributeError:
        pass  # Not glibc: its threads do not take their size from the stack limit.


def reset_signals():
    """Undoes what the supervisor's own parent may have ignored or blocked."""
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    ours = (_signal.SIGKILL, _signal.SIGSTOP, _signal.SIGPIPE, _signal.SIGXFSZ)
    for number in range(1, 32):
        if number not in ours:
            _signal.signal(number, _signal.SIG_DFL)


def bounded(kind, soft, slack=0):
    """Bounds for a limit, lowered to what the host allows."""
    _, most = resource.getrlimit(kind)
    hard = soft + slack
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    return soft, hard
