#!/usr/bin/env bash
# RLEF's recipe on verl (0.9): episodes with feedback, the turn's value as baseline. Rows have `prompt`, and `extra_info` with
# `problem`: examples/python/verl_rows.py makes them. Further settings are verl's own: MODEL=... examples/python/verl_rlef.sh ...
set -euo pipefail
: "${MODEL:?name the folder of a model}" "${RLEF_URL:?start rlef serve, and say where it is}"
export VERL_USE_EXTERNAL_MODULES=rlef.adapters.verl_plugin
python -m verl.trainer.main_ppo \
    trainer.use_v1=True \
    algorithm.adv_estimator=rlef critic.enable=True critic.model.path="$MODEL" \
    actor_rollout_ref.model.path="$MODEL" \
    actor_rollout_ref.rollout.agent.default_agent_loop=rlef \
    actor_rollout_ref.rollout.multi_turn.max_assistant_turns=3 \
    reward.custom_reward_function.path=pkg://rlef.adapters.verl reward.custom_reward_function.name=compute_score \
    data.train_files=train.parquet data.val_files=validation.parquet data.return_raw_chat=True "$@"
