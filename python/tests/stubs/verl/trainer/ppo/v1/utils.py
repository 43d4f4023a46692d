"""Takes it by name."""

from verl.trainer.ppo.ray_trainer import compute_advantage


def compute_advantage_for_multi_trajectories(data, batch_keys, adv_estimator, **options):
    return compute_advantage(data, adv_estimator=adv_estimator, **options)
