"""Suites of `unittest` that test code runs by itself: what fails there fails the test, though nobody may look at the result.
Shares the names of tester.py; compiled where the test code speaks of unittest."""
import unittest
from unittest.result import TestResult

# What results were told of: the exceptions, in order.
FAILURES = []


def watch():
    """Every failure that a result is told of is kept, and `unittest.main` finds the cases of the test code."""
    for name, told in (("addError", 2), ("addFailure", 2), ("addSubTest", 3)):
        setattr(TestResult, name, watched(getattr(TestResult, name), told))
    TestResult.addUnexpectedSuccess = watched(TestResult.addUnexpectedSuccess, None)
    unittest.main = unittest.TestProgram = main


def watched(method, told):
    """The method, which also keeps the exception in the argument of this number; what has none is a failure by itself."""
    def keep(*arguments, **named):
        if told is None:
            FAILURES.append(Failed("a test that was to fail has passed"))
        else:
            error = named["err"] if "err" in named else arguments[told]
            FAILURES.extend([error[1]] if error is not None else [])
        return method(*arguments, **named)
    return keep


def main(*_, **__):
    """`unittest.main()` of test code, which is no module that could be looked up: runs all cases that it defines."""
    names = sys._getframe(1).f_globals
    own = [one for one in list(names.values()) if isinstance(one, type) and issubclass(one, unittest.TestCase)
           and one.__module__ == names.get("__name__")]
    load = unittest.defaultTestLoader.loadTestsFromTestCase
    unittest.TestSuite([load(one) for one in own]).run(TestResult())


def settle():
    """Raises the first failure that a result was told of, after all tests."""
    if FAILURES:
        raise FAILURES[0]
