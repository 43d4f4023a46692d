"""Call tests, inside the sandbox: function and arguments on standard input, the packed result on standard
output. Knows nothing of the expected result."""


def class_named(name):
    """No class is known to the judge: an object of one has no form there."""
    return None


def main():
    source, sink = open_channel()
    call = json.loads(source.read())
    function, reply = load(PAYLOAD["source"], call["function"])
    if function is not None:
        try:
            result = function(*call["arguments"])
            reply = {"result": pack([result])[0], "text": brief(result, TRACE_CHARACTERS)}
        except SystemExit:
            raise
        except BaseException as error:
            reply = raised(error)
    sink.write(json.dumps(reply).encode("ascii"))
    sink.flush()
    # The result is in: threads and exit handlers of the program have no say any more.
    os._exit(0)
