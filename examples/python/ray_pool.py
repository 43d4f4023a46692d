"""Scores a file of answers on a cluster of Ray, with a judge on each of its nodes that has the resource `judge`:

    ray job submit --working-dir examples/python -- python ray_pool.py problems.jsonl answers.jsonl scored

The first file, a set that rlef reads, must be found on every node; a line of the second is {"problem_id": ..., "completion": ...}.
The package `rlef` is installed on every node, in its image or by `--runtime-env-json '{"pip": ["..."]}'`."""

import sys

import ray

from rlef.ray import JudgePool, Scale

problems, answers, out = sys.argv[1:4]
ray.init()
with JudgePool(problems=[problems]) as pool:
    # More nodes while all workers are busy; what Ray's autoscaler sees is an actor that wants the resource.
    pool.autoscale(Scale(least=pool.size, most=2 * pool.size))

    def judged(rows):
        items = [
            {"problem_id": problem, "completion": said, "feedback": "none", "stop": "first_failure"}
            for problem, said in zip(rows["problem_id"], rows["completion"], strict=True)
        ]
        # None where nothing is known of a program: a failure of the judge is no reward.
        rows["reward"] = pool.rewards(items)
        return rows

    # Rows wait in HTTP, not on a core.
    ray.data.read_json(answers, lines=True).map_batches(judged, batch_size=256, num_cpus=0.1).write_json(out)
    for load in pool.loads():
        print(f"node {load.place.node[:8]} {load.place.url} workers {load.place.workers}")
