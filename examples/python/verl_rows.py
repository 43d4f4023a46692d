"""The problems of the server at RLEF_URL as verl's rows: `python examples/python/verl_rows.py train.parquet [SET]`."""

import sys

import pandas

import rlef


def main():
    judge, wanted = rlef.shared(), sys.argv[2] if len(sys.argv) > 2 else None
    rows = []
    for one in judge.problems():
        if wanted in (None, one["set"]):
            label = {"problem_id": one["id"], "set": one["set"]}
            prompt = [{"role": "user", "content": judge.problem(one["id"], one["set"])["prompt"]}]
            rows.append(
                {
                    "data_source": f"rlef/{one['set']}",
                    "prompt": prompt,
                    "reward_model": {"style": "rule", "ground_truth": one["id"]},
                    "extra_info": {"problem": label},
                }
            )
    pandas.DataFrame(rows).to_parquet(sys.argv[1])


main()
