"""A program that reads and writes files in place of its standard streams: input to the file, the file to output.

The program runs in a process of its own, so that its answer is brought home however it ends."""
import os
import sys


def main():
    with open(PAYLOAD["input"], "wb") as file:
        file.write(sys.stdin.buffer.read())
    child = os.fork()
    if child == 0:
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.dup2(nowhere, 1)
        names = {"__name__": "__main__", "__builtins__": __builtins__}
        try:
            code = compile(PAYLOAD["source"], "program.py", "exec", dont_inherit=True)
            exec(code, names)
        except SystemExit as error:
            status = error.code if type(error.code) is int else 0 if error.code is None else 1
            os._exit(status & 255)
        except BaseException:
            import traceback

            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    try:
        with open(PAYLOAD["output"], "rb") as file:
            answer = file.read()
    except OSError:
        answer = b""
    sys.stdout.buffer.write(answer)
    sys.stdout.flush()
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


main()
