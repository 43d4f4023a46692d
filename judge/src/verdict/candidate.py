"""Asserted tests, the sandbox of the program: loads it and answers calls that come through the pipe."""

COMPACT = True
handles = Later("handles")
# Names of classes that the tests have, too: they stand before program and tests alike.
shared = set()


def serve(function, source, sink):
    while True:
        line = source.readline()
        if not line:
            return
        request = json.loads(line)
        if "next" in request:
            reply = handles.advance(request)
        else:
            reply = answer(function, request)
        sink.write(json.dumps(reply).encode("ascii") + b"\n")
        sink.flush()


def answer(function, request):
    """What a call comes to: a result, or an exception and what became of the arguments."""
    (arguments, named), containers = unpack(request)
    shared.update(request.get("classes", ()))
    if "to" in request:
        function = handles.operation(request["to"], request.get("do"))
    try:
        result = function(*arguments, **named)
    except BaseException as error:
        reply = raised(error)
        try:
            reply["after"] = pack([], containers)[0]
        except BaseException:
            pass
        return reply
    try:
        message, held = pack([result], containers)
    except BaseException as error:
        return odd(error)
    if handles.names is not None:
        handles.note_session(handles.Session(held, len(containers)))
    return {"result": message}


def odd(error):
    """A result that has no form outside: the tests are told so, whatever they would make of an exception."""
    return {"odd": type(error).__name__ + ": " + plain_text(error)}


def is_shared(name):
    return name.partition(".")[0] in shared


def hand_out(value, kind, item):
    """A handle for a generator, an iterator or a function: it stays here and is asked through the pipe."""
    return handles.handle_of(value, kind)


def not_a_number():
    return float("nan")


def hand_back(index, *_):
    return handles.handed_out[index]


def main():
    source, sink = open_channel()
    function, message = load(PAYLOAD["source"], PAYLOAD["entry_point"])
    sink.write(json.dumps(message or {"ready": True}).encode("ascii") + b"\n")
    sink.flush()
    if function is not None:
        serve(function, source, sink)
    os._exit(0)
