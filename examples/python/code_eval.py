"""pass@k as Hugging Face's metric gives it: `python examples/python/code_eval.py`."""

import rlef
from rlef.adapters.code_eval import CodeEval


def main():
    with rlef.Judge() as judge:
        shares, results = CodeEval(judge).compute(
            references=["assert add(2, 3) == 5"],
            predictions=[["def add(a, b): return a + b", "def add(a, b): return a * b"]],
            k=[1, 2],
        )
    print(shares)
    print(results)


main()
