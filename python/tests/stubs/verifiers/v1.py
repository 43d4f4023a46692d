"""Tasks and tasksets."""

from typing import Generic, TypeVar

One, Other = TypeVar("One"), TypeVar("Other")


class TaskData:
    def __init__(self, **fields):
        self.__dict__.update(fields)


class Trace:
    def __init__(self, last_reply):
        self.last_reply, self.metrics = last_reply, {}

    def record_metric(self, name, value):
        self.metrics[name] = float(value)


class TasksetConfig:
    system_prompt = None

    def __init__(self, **fields):
        self.__dict__.update(fields)


class Task(Generic[One]):
    def __init__(self, data, config=None):
        self.data = data


class Taskset(Generic[One, Other]):
    def __init__(self, config):
        self.config = config

    def __iter__(self):
        return iter(self.load())


def reward(function):
    function.is_reward = True
    return function


def metric(function):
    function.is_metric = True
    return function
