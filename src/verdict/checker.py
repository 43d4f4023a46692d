"""A checker or interactor written in Python: its files, its arguments, then its source as the main program.

A checker finds its three texts on standard input, each announced by its length; an interactor has them in the payload,
as its standard streams belong to the program it talks with. Exit code 3 stands for a failure of its own."""
import base64
import os
import sys
import traceback


def texts():
    if "texts" in PAYLOAD:
        return [base64.b64decode(text) for text in PAYLOAD["texts"]]
    lengths = [int(word) for word in sys.stdin.buffer.readline().split()]
    return [sys.stdin.buffer.read(length) for length in lengths]


def main():
    folder = os.getcwd()
    for name, text in zip(("input.txt", "output.txt", "answer.txt"), texts()):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(text)
    sys.argv = ["checker.py", *PAYLOAD["arguments"]]
    names = {"__name__": "__main__", "__builtins__": __builtins__}
    try:
        exec(compile(PAYLOAD["source"], "checker.py", "exec", dont_inherit=True), names)
    except SystemExit:
        raise
    except (EOFError, BrokenPipeError) as error:
        # The other side went away: what an interactor says of a program that stopped talking.
        if "texts" not in PAYLOAD:
            raise
        sys.stderr.write("the program stopped talking: " + type(error).__name__ + "\n")
        sys.stderr.flush()
        os._exit(1)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(3)


main()
