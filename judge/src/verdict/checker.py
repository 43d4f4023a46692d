"""A checker or interactor written in Python: its files, its arguments, then its source as the main program.

It finds its three texts on standard input, each announced by its length; what follows is an interactor's, and so none of
it is read here. Exit code 3 stands for a failure of its own."""
import os
import sys
import traceback


def exactly(length):
    parts = []
    while length > 0:
        part = os.read(0, length)
        if not part:
            raise EOFError("the texts end too early")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def texts():
    head = b""
    while not head.endswith(b"\n"):
        head += exactly(1)
    return [exactly(int(word)) for word in head.split()]


def main():
    folder = os.getcwd()
    for name, text in zip(("input.txt", "output.txt", "answer.txt"), texts()):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(text)
    os.makedirs(os.path.join(folder, "feedback"), exist_ok=True)
    if PAYLOAD["reads_output"]:
        os.dup2(os.open(os.path.join(folder, "output.txt"), os.O_RDONLY), 0)
    sys.argv = ["checker.py", *PAYLOAD["arguments"]]
    names = {"__name__": "__main__", "__builtins__": __builtins__}
    try:
        exec(compile(PAYLOAD["source"], "checker.py", "exec", dont_inherit=True), names)
    except SystemExit:
        raise
    except (EOFError, BrokenPipeError) as error:
        # The other side went away: what an interactor says of a program that stopped talking.
        if not PAYLOAD["talks"]:
            raise
        sys.stderr.write("the program stopped talking: " + type(error).__name__ + "\n")
        sys.stderr.flush()
        os._exit(43 if "feedback/" in PAYLOAD["arguments"] else 1)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(3)


main()
