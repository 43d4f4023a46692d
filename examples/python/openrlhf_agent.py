"""For OpenRLHF (0.11): `--train.agent_func_path examples/python/openrlhf_agent.py`, with the server's URL in RLEF_URL."""

from rlef.adapters.openrlhf import AgentInstance, MultiTurnAgentExecutor


class Chat(AgentInstance):
    """With the words between turns in ChatML."""

    def feedback(self, observation):
        return f"<|im_end|>\n<|im_start|>user\n{observation}<|im_end|>\n<|im_start|>assistant\n"


class AgentExecutor(MultiTurnAgentExecutor):
    """What OpenRLHF looks for."""

    def __init__(self):
        super().__init__(Chat)
