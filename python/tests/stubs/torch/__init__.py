"""A tensor that is a list."""

float32, int64 = "float32", "int64"


class Tensor:
    def __init__(self, data):
        self.data = data

    def tolist(self):
        return self.data

    def item(self):
        return self.data

    def new_tensor(self, data):
        return Tensor(data)


def tensor(data, dtype=None):
    return Tensor(data)
