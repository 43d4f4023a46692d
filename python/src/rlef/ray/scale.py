"""How many nodes a pool should have. Numbers in, a number out; knows no Ray."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Scale"]


@dataclass(slots=True)
class Scale:
    """Grows by one where all workers have had `high` programs each for `grow_after` looks, shrinks by one where they have had
    less than `low` for `shrink_after`. A pool asks its servers what they have to do; Ray's autoscaler is never told of a queue,
    it sees the pool's actors that find no node with the resource, and adds one."""

    least: int
    most: int
    high: float = 3.0
    low: float = 0.25
    grow_after: int = 2
    shrink_after: int = 12
    _looks: list[int] = field(default_factory=lambda: [0, 0], repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ValueError(f"expected 1 <= least <= most, found {self.least} and {self.most}")

    def wanted(self, size: int, ready: int, workers: int, programs: float) -> int:
        """The size to have, of the size it has: `ready` nodes with `workers` in all have `programs` waiting and running."""
        if not self.least <= size <= self.most:
            return max(self.least, min(size, self.most))
        pressure = programs / max(1, workers)
        # While a node is awaited nothing is known of what it will take over.
        busy = ready >= size and pressure >= self.high
        idle = ready >= size and pressure < self.low
        self._looks = [self._looks[0] + 1 if busy else 0, self._looks[1] + 1 if idle else 0]
        if self._looks[0] >= self.grow_after and size < self.most:
            self._looks = [0, 0]
            return size + 1
        if self._looks[1] >= self.shrink_after and size > self.least:
            self._looks = [0, 0]
            return size - 1
        return size
