"""Three steps of GRPO with TRL (1.16) over episodes of two turns: `python examples/python/trl_grpo.py MODEL`."""

import sys

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

import rlef
from rlef.adapters.trl import reward, rollout


def generate(prompts, trainer):
    """By `model.generate`, one prompt after the other; a server of vLLM does it faster."""
    model, said = trainer.accelerator.unwrap_model(trainer.model), []
    for ids in prompts:
        given = torch.tensor([ids], device=model.device)
        with torch.no_grad():
            out = model.generate(
                given, max_new_tokens=256, do_sample=True, return_dict_in_generate=True, output_logits=True
            )
        new = out.sequences[0, len(ids) :].tolist()
        log_probs = [logits[0].float().log_softmax(-1)[token].item() for logits, token in zip(out.logits, new)]
        said.append((new, log_probs))
    return said


def main():
    with rlef.Judge(problems=["contest:train"]) as judge:
        problems = [judge.problem(one["id"]) for one, _ in zip(judge.problems(), range(8))]
        by_prompt = {problem["prompt"]: problem["id"] for problem in problems}
        rows = [
            {"prompt": [{"role": "user", "content": problem["prompt"]}], "problem": problem["id"]} for problem in problems
        ]
        trainer = GRPOTrainer(
            model=sys.argv[1],
            reward_funcs=[reward(judge)],
            rollout_func=rollout(generate, lambda prompt: by_prompt[prompt[0]["content"]], judge=judge, turns=2),
            train_dataset=Dataset.from_list(rows),
            args=GRPOConfig(output_dir="runs/trl", max_steps=3, num_generations=4, max_completion_length=1024),
        )
        trainer.train()


main()
