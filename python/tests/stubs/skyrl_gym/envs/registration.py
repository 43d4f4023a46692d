"""Where environments are told of."""

ENVIRONMENTS = {}


def register(id, entry_point):
    ENVIRONMENTS[id] = entry_point
