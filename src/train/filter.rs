//! What could be learnt from → what is: the objective's choice, without what the configuration leaves out.

use crate::config::TrainConfig;
use crate::objective::{Material, Objective, Unit};

/// The units that are learnt from.
pub(super) fn selected(
    objective: &dyn Objective,
    material: &Material<'_>,
    config: &TrainConfig,
) -> Vec<Unit> {
    let mut units = objective.select(material);
    if config.data.drop_zero_variance {
        let tells: Vec<bool> = (0..material.groups().len())
            .map(|group| material.varies(group))
            .collect();
        let candidates = material.candidates();
        units.retain(|unit| {
            // Examples of a data set have no rewards that could differ.
            let played = |&index: &usize| candidates[index].episode.is_some();
            let told = |&index: &usize| tells[candidates[index].group];
            !unit.iter().all(played) || unit.iter().any(told)
        });
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::tests::played;
    use crate::reward::RewardConfig;
    use crate::rollout::Group;
    use crate::verdict::Grade;

    #[test]
    fn groups_that_all_did_alike_are_left_out_where_that_is_asked_for() {
        let solved = || played(&[Grade::Accepted], true);
        let failed = || played(&[Grade::WrongAnswer], false);
        let groups = [
            vec![solved(), solved()],
            vec![solved(), failed()],
            vec![failed()],
        ];
        let groups = groups.map(|episodes| Group {
            problem_id: "p".to_owned(),
            episodes,
        });
        let material = Material::of_groups(&groups, &RewardConfig::default()).unwrap();
        let mut config = TrainConfig::default();
        let objective = config.objective().unwrap();
        assert_eq!(selected(&*objective, &material, &config).len(), 5);
        config.data.drop_zero_variance = true;
        assert_eq!(
            selected(&*objective, &material, &config),
            [vec![2], vec![3]]
        );
    }
}
