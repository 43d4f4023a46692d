"""tail -n +1 -F runs/train-001/metrics.jsonl | python examples/log_to_wandb.py"""
import json, sys, wandb

run = wandb.init(project="rlef")
for line in map(json.loads, sys.stdin):
    run.log({name: float(value) for name, value in line.items() if name not in ("own", "schema")} | line.get("own", {}), step=line["round"] + 1)
