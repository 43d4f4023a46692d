"""Scores and scorers."""

CORRECT, INCORRECT = "C", "I"


class Score:
    def __init__(self, value, answer=None, explanation=None, metadata=None):
        self.value, self.answer, self.explanation, self.metadata = value, answer, explanation, metadata


def accuracy():
    return "accuracy"


def stderr():
    return "stderr"


def scorer(metrics):
    def registered(make):
        make.metrics = metrics
        return make

    return registered
