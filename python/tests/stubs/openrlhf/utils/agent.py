"""An agent's base, and who plays it."""


class AgentInstanceBase:
    async def reset(self, states, **_):
        return states


class MultiTurnAgentExecutor:
    def __init__(self, agent_instance_cls):
        assert issubclass(agent_instance_cls, AgentInstanceBase)
        self.agent_instance_cls = agent_instance_cls
