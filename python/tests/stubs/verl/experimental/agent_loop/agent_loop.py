"""An agent loop's base: ids are merged by adding them."""

from types import SimpleNamespace

import torch

LOOPS = {}


class AgentLoopMetrics:
    pass


class AgentLoopOutput:
    reward_score = None
    extra_fields: dict = {}

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def as_dict(self):
        output = dict(self.__dict__)
        output["prompts"] = torch.tensor(output.pop("prompt_ids"))
        output["responses"] = torch.tensor(output.pop("response_ids"))
        output["response_mask"] = torch.tensor(output.pop("response_mask"))
        score = output.pop("reward_score", None)
        if score is not None:
            row = [0.0] * len(self.response_mask)
            row[-1] = score
            output["rm_scores"] = torch.tensor(row)
        return output


class AgentLoopBase:
    def __init__(self, trainer_config, server_manager, tokenizer, **_):
        self.rollout_config = trainer_config
        self.server_manager, self.tokenizer = server_manager, tokenizer

    async def ct_build_initial_tokens(self, messages):
        return [ord(letter) for message in messages for letter in message["content"]]

    async def ct_merge_assistant_token(self, ids, said, mask, log_probs=None, said_log_probs=None):
        merged = SimpleNamespace(token_ids=[*ids, *said])
        more = None if log_probs is None else [*log_probs, *said_log_probs]
        return merged, [*mask, *[1] * len(said)], more

    async def ct_merge_context_msg(self, before, after, ids, mask, log_probs=None):
        assert after[: len(before)] == before, (before, after)
        words = [ord(letter) for message in after[len(before) :] for letter in message["content"]]
        more = None if log_probs is None else [*log_probs, *[0.0] * len(words)]
        return SimpleNamespace(token_ids=[*ids, *words]), [*mask, *[0] * len(words)], more


def register(name):
    def told(loop):
        LOOPS[name] = loop
        return loop

    return told
