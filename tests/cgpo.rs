//! CGPO: rewards that can be hacked, judges that keep them from it, several tasks at once, stored answers, and judges that fail.

mod files;

use rlef::config::TrainConfig;
use rlef::episode::Episode;
use rlef::judge::{Judge, JudgeConfig, Judgement, Score, Submission};
use rlef::problem::Problem;
use rlef::train::{self, Data, Learner, RoundMetrics, Task, TrainError};
use rlef::verdict::{JudgeError, Scope};
use rlef_sandbox::Cancel;

use crate::learning::{ToyJudge, bits, config, learner, problems};
use crate::objective_seam::continues;

/// The toy's tests, and a reward that likes one digit whatever is asked for. Whether an answer is polite it does not know where it
/// holds another digit.
struct Likes(char);

impl Judge for Likes {
    fn name(&self) -> &'static str {
        "likes"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        String::new()
    }

    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        let has = |digit: char| submission.text.contains(digit);
        let score = |judge: &str, value| Score {
            judge: judge.to_owned(),
            value,
            span: None,
            reason: format!("on {:?}", submission.text),
        };
        let liked = f64::from(u8::from(has(self.0)));
        let scores = vec![
            score("likes", Some(liked)),
            score("polite", (!has('0')).then_some(1.0)),
        ];
        Ok(Judgement {
            scores,
            ..ToyJudge.judge(submission, cancel)?
        })
    }

    fn gives_verdicts(&self) -> bool {
        true
    }
}

fn constraint(kind: &str) -> JudgeConfig {
    JudgeConfig {
        weight: 0.0,
        at_least: Some(1.0),
        ..JudgeConfig::of(kind)
    }
}

/// One turn a problem whose digit is always 2, rewarded by what is liked alone.
fn hackable(algorithm: &str, constraints: &[&str]) -> TrainConfig {
    let mut config = config();
    config.rollout.group = 16;
    config.rollout.turns = 1;
    config.updates_per_round = 2;
    config.rounds = 25;
    config.reward.solved = 0.0;
    config.reward.failed = 0.0;
    config.reward.no_program = 0.0;
    config.objective.algorithm = algorithm.into();
    config.judges = vec![JudgeConfig::of("likes")];
    config
        .judges
        .extend(constraints.iter().map(|kind| constraint(kind)));
    config.check().unwrap();
    config.resolved().unwrap()
}

fn twos() -> Vec<Problem> {
    let all = problems().into_iter();
    all.filter(|problem| problem.id.ends_with('2')).collect()
}

/// The share of answers in the last rounds that hold a digit.
fn share(said: &[Vec<String>], digit: char) -> f64 {
    let last: Vec<&String> = said[said.len() - 5..].iter().flatten().collect();
    last.iter().filter(|text| text.contains(digit)).count() as f64 / last.len() as f64
}

/// Trains, and gives the answers and the metrics of each round.
fn trained(config: &TrainConfig, judge: &dyn Judge) -> (Vec<Vec<String>>, Vec<RoundMetrics>) {
    let mut learner = learner(config);
    let problems = twos();
    let rounds = (0..config.rounds).map(|round| {
        let played = train::round(&mut learner, judge, &problems, config, round).unwrap();
        let episodes = played.0.iter().flat_map(|group| &group.episodes);
        let texts = episodes.map(|episode| episode.turns[0].text.clone());
        (texts.collect(), played.1)
    });
    rounds.unzip()
}

/// A reward that likes a wrong digit is followed where nothing else judges, and the right one is found where an answer must also
/// pass its tests (the ablation of the paper's section 5.3, in the small).
#[test]
fn judges_keep_a_reward_from_being_hacked() {
    let (free, metrics) = trained(&hackable("crpg", &[]), &Likes('3'));
    assert!(
        share(&free, '3') > 0.6 && share(&free, '2') < 0.3,
        "{}",
        share(&free, '3')
    );
    assert!(metrics.iter().all(|one| one.own.get("met").is_none()));
    for algorithm in ["crpg", "codpo", "crraft"] {
        let (held, metrics) = trained(&hackable(algorithm, &["tests"]), &Likes('3'));
        let right = share(&held, '2');
        assert!(right > 0.6, "{algorithm}: {right}");
        let (first, last) = (&metrics[0].own, &metrics[metrics.len() - 1].own);
        assert!(
            last.get("met/tests") > first.get("met/tests"),
            "{algorithm}: {first:?} {last:?}"
        );
        assert_eq!(last.get("met"), last.get("met/tests"));
        assert!(metrics.iter().all(|one| one.first_ratio_gap == 0.0));
    }
}

/// What a judge does not know of an answer is neither a violation nor met: such episodes are counted and move nothing.
#[test]
fn an_answer_of_which_a_constraint_is_not_known_moves_nothing() {
    let config = TrainConfig {
        rounds: 1,
        ..hackable("crpg", &["polite"])
    };
    let play = |judge: &dyn Judge, keep: fn(&Episode) -> bool| {
        let mut learner = learner(&config);
        let (groups, metrics, _) = train::round(&mut learner, judge, &twos(), &config, 0).unwrap();
        let episodes = groups.iter().flat_map(|group| &group.episodes);
        let (known, unknown): (Vec<_>, Vec<_>) = episodes.partition(|one| keep(one));
        assert_eq!(metrics.no_opinion, unknown.len());
        assert!(known.iter().all(|one| one.standing.withheld.is_none()));
        for episode in &unknown {
            let said = episode.standing.withheld.as_deref().unwrap();
            assert!(said.contains("`polite` is not known: on \""), "{said}");
        }
        // Where the answer that others are compared with is not known, no other is.
        let stored = learner.stored.all();
        assert!(known.iter().all(|one| stored.contains_key(&one.problem_id)));
        (
            metrics.own.get("met/polite"),
            unknown.len(),
            bits(&learner.policy),
        )
    };
    let (met, unknown, moved) = play(&Likes('3'), |one| {
        !one.turns[0].text.contains('0') && one.standing.stored.is_some()
    });
    assert!(met == Some(1.0) && unknown > 0, "{met:?} {unknown}");
    assert!(moved != bits(&learner(&config).policy));
}

/// Two tasks of the toy world, each with some of its words.
fn two_tasks() -> TrainConfig {
    let text = "[[tasks]]\nname = \"code\"\nweight = 2.0\n[tasks.objective]\nalgorithm = \"crpg\"\n\
        [[tasks.judges]]\nkind = \"tests\"\nat_least = 1.0\n\
        [[tasks]]\nname = \"style\"\nmax_gradient_norm = 0.5\nproblems_per_round = 6\n[tasks.rollout]\ngroup = 3\n\
        [tasks.objective]\nalgorithm = \"crraft\"\n[[tasks.judges]]\nkind = \"tests\"\nat_least = 1.0\n";
    let mut base = config();
    base.rounds = 3;
    base.updates_per_round = 2;
    base.tasks = toml::from_str::<TrainConfig>(text).unwrap().tasks;
    base.check().unwrap();
    base.resolved().unwrap()
}

/// The problems of a task of the toy world.
pub(crate) fn of_task(name: &str) -> Vec<Problem> {
    let is_code = |problem: &Problem| {
        ["apple", "stone", "river"]
            .iter()
            .any(|word| problem.id.starts_with(word))
    };
    let all = problems().into_iter();
    all.filter(|problem| is_code(problem) == (name == "code"))
        .collect()
}

#[test]
fn a_stopped_run_of_several_tasks_continues_with_the_answers_that_were_stored() {
    let config = two_tasks();
    continues(&config, Data::default());
}

/// The step of two tasks is the weighed sum of theirs: a task whose gradient counts next to nothing leaves the other's as it was.
#[test]
fn tasks_share_one_step_and_keep_their_own_metrics() {
    let config = two_tasks();
    let configs: Vec<TrainConfig> = config
        .tasks
        .iter()
        .map(|task| config.of_task(task).unwrap())
        .collect();
    let sets: Vec<Vec<Problem>> = config
        .tasks
        .iter()
        .map(|task| of_task(&task.name))
        .collect();
    let all = |weights: [f64; 2]| -> Vec<Task<'_>> {
        let each = configs.iter().zip(&sets).zip(&config.tasks).zip(weights);
        each.map(|(((config, problems), named), weight)| {
            let objective = config.objective().unwrap().into();
            let task = Task::whole(config, objective, &ToyJudge, problems.into()).named(named);
            Task { weight, ..task }
        })
        .collect()
    };
    let round = |tasks: &[Task<'_>]| {
        let mut learner: Learner = learner(&config);
        let played = train::tasks_round(&mut learner, tasks, 0).unwrap();
        (bits(&learner.policy), played.0, played.1)
    };
    let (moved, groups, metrics) = round(&all([1.0, 1.0]));
    let task = |one: &Episode| one.standing.task.as_deref().unwrap_or_default().to_owned();
    let count = |name: &str| {
        let episodes = groups.iter().flat_map(|group| &group.episodes);
        episodes.filter(|one| task(one) == name).count()
    };
    assert_eq!((count("code"), count("style")), (12 * 4, 6 * 3));
    for name in [
        "code/solve_rate",
        "style/solve_rate",
        "code/met/tests",
        "style/crraft/stored",
    ] {
        assert!(metrics.own.get(name).is_some(), "{name}: {:?}", metrics.own);
    }
    let rate = |name: &str| metrics.own.get(&format!("{name}/solve_rate")).unwrap();
    let mean = (48.0 * rate("code") + 18.0 * rate("style")) / 66.0;
    assert!((metrics.solve_rate - mean).abs() < 1e-9, "{metrics:?}");
    assert!(metrics.gradient_norm > 0.0 && metrics.step == 2);
    // Which of them counts decides where the step goes.
    let (code, ..) = round(&all([1.0, 1e-30]));
    let (alone, ..) = round(&all([1.0, 1.0])[..1]);
    assert!(code == alone && code != moved);
}

/// A judge that fails as a constraint loses the round and no weight is moved.
struct Broken;

impl Judge for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        String::new()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        Err(JudgeError::Failed {
            judge: "broken".to_owned(),
            id: submission.problem.id.clone(),
            cause: std::sync::Arc::new(std::io::Error::other("no route to host")),
        })
    }

    fn gives_verdicts(&self) -> bool {
        true
    }
}

#[test]
fn a_judge_that_is_down_scores_nothing() {
    let config = hackable("crraft", &["tests"]);
    let mut learner = learner(&config);
    let before = bits(&learner.policy);
    let lost = train::round(&mut learner, &Broken, &twos(), &config, 0).unwrap_err();
    assert!(matches!(lost, TrainError::Lost { .. }), "{lost}");
    assert!(bits(&learner.policy) == before && learner.stored.all().is_empty());
}
