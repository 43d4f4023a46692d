"""RLEF's advantages against numbers worked by hand."""

import unittest

from support import rlef
from rlef.advantage import turn_advantages, turns_of


class Advantages(unittest.TestCase):
    # Two turns of 2 and 3 tokens with feedback of 2 between, padding behind: rewards -0.2 and 1.
    MASK = [1, 1, 0, 0, 1, 1, 1, 0]
    REWARDS = [0, -0.2, 0, 0, 0, 0, 1.0, 0]
    VALUES = [0.3, 9, 9, 9, 0.6, 9, 9, 9]

    def test_turns_are_the_runs_of_own_tokens(self):
        self.assertEqual(turns_of(self.MASK), [(0, 2), (4, 7)])
        self.assertEqual(turns_of([0, 0]), [])
        self.assertEqual(turns_of([]), [])
        self.assertEqual(turns_of([1]), [(0, 1)])
        self.assertEqual(turns_of([0, 1, 0, 1]), [(1, 2), (3, 4)])

    def close(self, found, expected):
        self.assertEqual(len(found), len(expected))
        for one, other in zip(found, expected):
            self.assertEqual(len(one), len(other))
            for value, wanted in zip(one, other):
                self.assertAlmostEqual(value, wanted, places=6)

    def test_returns_go_to_the_end_and_values_are_read_where_a_turn_begins(self):
        advantages, returns = turn_advantages([self.REWARDS], [self.MASK], [self.VALUES], normalise=False)
        # R1 = -0.2 + 1 = 0.8, R2 = 1; A1 = 0.8 - 0.3, A2 = 1 - 0.6.
        self.close(returns, [[0.8, 0.8, 0, 0, 1, 1, 1, 0]])
        self.close(advantages, [[0.5, 0.5, 0, 0, 0.4, 0.4, 0.4, 0]])

    def test_turns_are_normalised_together_each_counting_once(self):
        other = [1, 1, 1, 1, 1, 1, 1, 1]
        lost = [0, 0, 0, 0, 0, 0, 0, -1.0]
        rows = turn_advantages([self.REWARDS, lost], [self.MASK, other], [self.VALUES, [0.5] * 8])
        # Raw: 0.5, 0.4, -1.5. Mean -0.2; deviations 0.7, 0.6, -1.3; variance (0.49 + 0.36 + 1.69) / 3.
        deviation = ((0.49 + 0.36 + 1.69) / 3) ** 0.5
        one, two, three = 0.7 / deviation, 0.6 / deviation, -1.3 / deviation
        self.close(rows[0], [[one, one, 0, 0, two, two, two, 0], [three] * 8])
        self.close(rows[1], [[0.8, 0.8, 0, 0, 1, 1, 1, 0], [-1.0] * 8])

    def test_without_a_critic_the_baseline_is_nought(self):
        advantages, returns = turn_advantages([self.REWARDS], [self.MASK], normalise=False)
        self.close(advantages, returns)

    def test_rewards_beside_the_own_tokens_are_of_the_turn_before(self):
        # As a penalty on a token of feedback, and the outcome on padding.
        rewards = [0, 0, 0, -0.2, 0, 0, 0, 1.0]
        _, returns = turn_advantages([rewards], [self.MASK], normalise=False)
        self.close(returns, [[0.8, 0.8, 0, 0, 1, 1, 1, 0]])
        # A row that begins with what is not its own loses nothing.
        _, returns = turn_advantages([[-0.5, 1.0]], [[0, 1]], normalise=False)
        self.close(returns, [[0, 0.5]])

    def test_what_is_all_the_same_teaches_nothing(self):
        advantages, _ = turn_advantages([[1.0], [1.0]], [[1], [1]])
        self.close(advantages, [[0.0], [0.0]])
        self.assertEqual(turn_advantages([], []), ([], []))
        self.close(turn_advantages([[1.0, 2.0]], [[0, 0]])[0], [[0.0, 0.0]])

    def test_it_is_what_the_package_gives(self):
        self.assertIs(rlef.turn_advantages, turn_advantages)


if __name__ == "__main__":
    unittest.main()
