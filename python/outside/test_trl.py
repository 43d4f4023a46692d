"""TRL itself: three steps of GRPO over episodes of two turns, on a tiny model. Run by `.ci/outside trainers`."""

import tempfile
import unittest

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

import rlef
from rlef.adapters.trl import reward, rollout
from tiny import tiny

LIMIT = 24


def generate(prompts, trainer):
    """One prompt after the other, by `model.generate`."""
    model, said = trainer.accelerator.unwrap_model(trainer.model), []
    for ids in prompts:
        given = torch.tensor([ids], device=model.device)
        with torch.no_grad():
            out = model.generate(
                given, max_new_tokens=LIMIT, do_sample=True, return_dict_in_generate=True, output_logits=True
            )
        new = out.sequences[0, len(ids) :].tolist()
        log_probs = [logits[0].float().log_softmax(-1)[token].item() for logits, token in zip(out.logits, new)]
        said.append((new, log_probs))
    return said


class Flaky:
    """A judge of whom every third episode is lost to the machine."""

    def __init__(self, judge):
        self.judge, self.asked = judge, 0

    def episode(self, **fields):
        self.asked += 1
        if self.asked % 3 == 0:
            raise rlef.InfrastructureError("the sandbox failed", "sandbox")
        return self.judge.episode(**fields)


class Trl(unittest.TestCase):
    def trained(self, judge, wrap=lambda judge: judge):
        """The rollouts, the tokenizer, and what was logged."""
        problems = [judge.problem(one["id"]) for one, _ in zip(judge.problems(), range(4))]
        by_prompt = {problem["prompt"]: problem["id"] for problem in problems}
        rows = [
            {"prompt": [{"role": "user", "content": problem["prompt"]}], "problem": problem["id"]} for problem in problems
        ]
        wrapped = wrap(judge)
        played = []
        play = rollout(generate, lambda prompt: by_prompt[prompt[0]["content"]], judge=wrapped, turns=2)

        def kept(prompts, trainer):
            played.append(play(prompts, trainer))
            return played[-1]

        with tempfile.TemporaryDirectory() as folder:
            model = tiny(f"{folder}/model")
            trainer = GRPOTrainer(
                model=model,
                reward_funcs=[reward(wrapped)],
                rollout_func=kept,
                train_dataset=Dataset.from_list(rows),
                args=GRPOConfig(
                    output_dir=f"{folder}/run",
                    max_steps=3,
                    num_generations=4,
                    per_device_train_batch_size=8,
                    max_completion_length=1024,
                    logging_steps=1,
                    save_strategy="no",
                    report_to="none",
                    use_cpu=True,
                    bf16=False,
                ),
            )
            trainer.train()
            logs = [line for line in trainer.state.log_history if "reward" in line]
            return played, trainer.processing_class, logs

    def test_episodes_with_feedback_are_trained_on(self):
        with rlef.Judge(problems=["contest:train"]) as judge:
            played, tokenizer, logs = self.trained(judge)
        self.assertEqual((len(played), len(logs)), (3, 3))
        for round_, line in zip(played, logs):
            own = []
            for ids, mask in zip(round_["completion_ids"], round_["env_mask"], strict=True):
                given = tokenizer.decode([token for token, mine in zip(ids, mask) if not mine])
                # A random model solves nothing, so each has had its feedback, and both answers are its own.
                self.assertIn("<|im_start|>user", given)
                self.assertIn("<|im_start|>assistant", given)
                own.append(sum(mask))
                self.assertLessEqual(own[-1], 2 * LIMIT)
            # TRL counts what the policy has written alone.
            self.assertAlmostEqual(line["completions/mean_length"], sum(own) / len(own), places=3)
            self.assertEqual(set(round_["rlef_reward"]) - {None}, set(round_["rlef_reward"]))
            self.assertAlmostEqual(line["reward"], sum(round_["rlef_reward"]) / len(own), places=4)

    def test_what_the_judge_has_lost_is_no_reward(self):
        with rlef.Judge(problems=["contest:train"]) as judge:
            played, _, logs = self.trained(judge, Flaky)
        for round_, line in zip(played, logs):
            known = [reward for reward in round_["rlef_reward"] if reward is not None]
            self.assertLess(len(known), len(round_["rlef_reward"]))
            self.assertAlmostEqual(line["reward"], sum(known) / len(known), places=4)


if __name__ == "__main__":
    unittest.main()
