"""Runs one program on many inputs the way in-process evaluators do: `exec` in a forked process, with no sandbox.

Reads a JSON list of [source, [inputs]] from standard input, prints one line a program: its outputs as JSON. One
process a program, standard streams replaced by files in memory, a wall-clock alarm. What it does not do: bound
memory, hide files, stop children, or keep a program from the comparison.
"""

import io
import json
import multiprocessing
import signal
import sys


def run(source, inputs, answers):
    outputs = []
    code = compile(source, "main.py", "exec")
    for text in inputs:
        sys.stdin, sys.stdout = io.StringIO(text), io.StringIO()
        signal.alarm(10)
        try:
            exec(code, {"__name__": "__main__"})
            outputs.append(sys.stdout.getvalue())
        except BaseException as problem:
            outputs.append(repr(problem))
        signal.alarm(0)
    answers.send(outputs)


def main():
    genuine = sys.stdout
    for source, inputs in json.load(sys.stdin):
        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.Process(target=run, args=(source, inputs, sender))
        process.start()
        sender.close()
        print(json.dumps(receiver.recv()), file=genuine)
        process.join()


if __name__ == "__main__":
    main()
