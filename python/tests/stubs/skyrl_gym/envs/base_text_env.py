"""An environment's base."""


class BaseTextEnvStepOutput(dict):
    pass


class BaseTextEnv:
    def __init__(self):
        self.turns, self.max_turns = 0, 1

    def init(self, prompt):
        return prompt, {}
