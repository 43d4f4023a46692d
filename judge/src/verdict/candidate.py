"""Asserted tests, the sandbox of the program: loads it and answers calls that come through the pipe."""

COMPACT = True


def serve(function, source, sink):
    while True:
        line = source.readline()
        if not line:
            return
        (arguments, named), containers = unpack(json.loads(line))
        try:
            result = function(*arguments, **named)
            reply = {"result": pack([result], containers)[0]}
        except SystemExit:
            raise
        except BaseException as error:
            reply = raised(error)
            try:
                reply["after"] = pack([], containers)[0]
            except BaseException:
                pass
        sink.write(json.dumps(reply).encode("ascii") + b"\n")
        sink.flush()


def main():
    source, sink = open_channel()
    function, message = load(PAYLOAD["source"], PAYLOAD["entry_point"])
    sink.write(json.dumps(message or {"ready": True}).encode("ascii") + b"\n")
    sink.flush()
    if function is not None:
        serve(function, source, sink)
    os._exit(0)


main()
