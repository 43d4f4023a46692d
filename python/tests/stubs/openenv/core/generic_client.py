"""A client that keeps what it would send."""


class GenericEnvClient:
    def __init__(self, base_url, **options):
        self.base_url, self.options, self.sent = base_url, options, []

    def _step_payload(self, action):
        return action

    async def _reset_async(self, **fields):
        self.sent.append(("reset", fields))

    async def _step_async(self, action):
        self.sent.append(("step", self._step_payload(action)))
