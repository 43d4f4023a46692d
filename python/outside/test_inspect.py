"""inspect_ai itself, with its model that says what it is told to: run by `.ci/outside trainers`."""

import os
import sys
import tempfile
import unittest

os.environ["RLEF_PROBLEMS"] = "contest:test"

from inspect_ai import Task, eval as evaluate  # noqa: E402
from inspect_ai.dataset import Sample  # noqa: E402
from inspect_ai.model import ModelOutput, ModelUsage, get_model  # noqa: E402

import rlef  # noqa: E402
from rlef.adapters.inspect_ai import passes_tests  # noqa: E402

SUM = {"question": "Add two numbers.", "input_output": {"inputs": ["1 2\n", "5 6\n"], "outputs": ["3\n", "11\n"]}}
RIGHT = "print(sum(map(int, input().split())))"


def run(task, answers, **more):
    outputs = [ModelOutput.from_content("mockllm/model", f"```python\n{answer}\n```") for answer in answers]
    for output in outputs:
        # Else they are counted by an encoding that is fetched.
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    model = get_model("mockllm/model", custom_outputs=outputs)
    # A log is read while it is looked at.
    logs = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(logs.cleanup)
    [log] = evaluate(task, model=model, log_dir=logs.name, display="none", max_samples=1, **more)
    return log


class Inspect(unittest.TestCase):
    def task(self, count):
        samples = [Sample(input="Add.", target="", id=number, metadata={"problem": SUM}) for number in range(count)]
        return Task(dataset=samples, scorer=passes_tests(metadata="problem"))

    def test_right_wrong_and_slow(self):
        log = run(self.task(3), [RIGHT, "print(3)", "1/0"])
        self.assertEqual(log.status, "success", log.error)
        scores = [sample.scores["passes_tests"] for sample in log.samples]
        self.assertEqual([score.value for score in scores], ["C", "I", "I"])
        self.assertEqual([score.metadata["verdict"] for score in scores], ["accepted", "wrong_answer", "runtime_error"])
        self.assertAlmostEqual(log.results.scores[0].metrics["accuracy"].value, 1 / 3)

    def test_a_judge_that_failed_is_an_error_and_no_score(self):
        gone = rlef.AsyncJudge("http://127.0.0.1:9", patience=1)
        samples = [Sample(input="Add.", target="", id="lost", metadata={"problem": SUM})]
        log = run(Task(dataset=samples, scorer=passes_tests(gone, metadata="problem")), [RIGHT], fail_on_error=False)
        [sample] = log.samples
        self.assertIn("InfrastructureError", sample.error.traceback)
        self.assertFalse(sample.scores)

    def test_the_example(self):
        sys.path.insert(0, os.environ["RLEF_EXAMPLES"])
        from inspect_task import served

        log = run(served(), ["print(1)"] * 2, limit=2)
        self.assertEqual((log.status, len(log.samples)), ("success", 2))
        self.assertIn("contest", log.samples[0].id)
        self.assertEqual({sample.scores["passes_tests"].value for sample in log.samples}, {"I"})


if __name__ == "__main__":
    unittest.main()
