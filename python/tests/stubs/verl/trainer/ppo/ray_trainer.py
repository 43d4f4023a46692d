"""Where advantages are computed: estimators of others are given neither values nor the batch."""

from verl.trainer.ppo import core_algos


def compute_advantage(data, adv_estimator, gamma=1.0, lam=1.0, num_repeat=1, norm_adv_by_std_in_grpo=True, config=None):
    given = {"token_level_rewards": data.batch["token_level_rewards"], "response_mask": data.batch["response_mask"]}
    advantages, returns = core_algos.ESTIMATORS[adv_estimator](**given, config=config, index=None)
    data.batch["advantages"], data.batch["returns"] = advantages, returns
    return data
