//! CGPO: rewards that can be hacked, judges that keep them from it, several tasks at once, stored answers, and judges that fail.

use std::path::Path;

use rlef::config::TrainConfig;
use rlef::episode::Episode;
use rlef::journal::{self, EpisodeRecord};
use rlef::judge::{Judge, JudgeConfig, Judgement, Score, Submission};
use rlef::problem::Problem;
use rlef::train::{self, Data, Learner, RoundMetrics, Task, TrainError};
use rlef::verdict::{JudgeError, Scope};
use rlef_sandbox::Cancel;
use serde_json::json;

use crate::cli::{refused, rlef, starter, write};
use crate::learning::{ToyJudge, bits, config, learner, problems};
use crate::objective_seam::continues;
use crate::preferences::done;
use crate::remote::{Deed, serve};

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

fn problem_file(at: &Path) {
    let test = |number: i64| json!({"kind": "stdin", "input": format!("{number}\n"), "expected": format!("{}\n", number.abs())});
    let lines: Vec<String> = ["one", "two"]
        .map(|id| {
            json!({"id": id, "statement": format!("Print the absolute value, {id}."),
                "public_tests": [test(1), test(-2)], "private_tests": [test(3)]})
            .to_string()
        })
        .into();
    write(at, "one.jsonl", &lines[0]);
    write(at, "two.jsonl", &lines[1]);
}

fn run_file(at: &Path, url: &str, more: &str) {
    let starter = starter();
    let text = format!(
        "rounds = 2\nproblems_per_round = 1\nupdates_per_round = 1\npolicy = {starter:?}\nproblems = \"one.jsonl\"\n{more}\n\
        [rollout]\nturns = 1\ngroup = 3\n[rollout.sampling]\nmax_tokens = 30\n[reward]\nsolved = 0.0\nfailed = 0.0\nno_program = 0.0\n\
        [objective]\nalgorithm = \"crpg\"\n[evaluation]\nproblems = \"\"\n[resources]\ncheckpoint_every = 1\nmax_unusable_rate = 1.0\n\
        [[judges]]\nkind = \"tests\"\n[[judges]]\nkind = \"rules\"\nmax_lines = 9\nat_least = 1.0\n\
        [[judges]]\nkind = \"ai_pairwise\"\nurl = \"{url}\"\nmodel = \"m\"\ntries = 1\ntimeout_s = 20.0\nlogprobs = 0\ncache = false\n\
        max_flips = 1.0\nmax_no_opinion = 1.0\n"
    );
    write(at, "run.toml", &text);
}

const TRAIN: [&str; 5] = ["train", "--config", "run.toml", "--run", "run"];

/// A model that only compares judges a run: each answer beside the stored one, whose text it is shown.
#[test]
fn a_judge_that_compares_says_how_an_answer_stands_beside_the_stored_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problem_file(at);
    let stored = "print(\"stored\")";
    write(
        at,
        "stored.jsonl",
        &json!({"problem_id": "one", "completions": [stored]}).to_string(),
    );
    // It likes whatever is not the stored answer.
    let (url, requests) = serve(move |prompt, _, _| {
        let first = prompt.find(stored).unwrap_or(usize::MAX) < prompt.len() / 2;
        Deed::Say(if first { "2" } else { "1" }, false)
    });
    run_file(at, &url, "baselines = \"stored.jsonl\"");
    let said = done(at, &TRAIN);
    assert!(
        said.contains("ai_pairwise: ") && !requests.lock().unwrap().is_empty(),
        "{said}"
    );
    let records: Vec<EpisodeRecord> = journal::read(&at.join("run/journal.jsonl.zst")).unwrap();
    assert_eq!(records.len(), 6);
    for record in &records {
        let score = |name: &str| {
            let scores = &record.turns[0].scores;
            scores.iter().find(|score| score.judge == name).unwrap()
        };
        assert!(score("ai_pairwise").value.is_some(), "{record:?}");
        assert!(!score("ai_pairwise").reason.is_empty());
        assert_eq!(record.stored, Some(0.5));
        assert_eq!(
            record.constraints["rules"],
            score("rules").value == Some(1.0)
        );
    }
    let kept = std::fs::read_to_string(at.join("run/checkpoints/000002/baselines.json")).unwrap();
    assert!(
        kept.contains("it is the stored answer") && kept.contains("stored\\\""),
        "{kept}"
    );
    let metrics = std::fs::read_to_string(at.join("run/metrics.jsonl")).unwrap();
    for name in ["calibrated_reward", "met/rules", "over_kl_max"] {
        assert!(metrics.contains(name), "{metrics}");
    }
    // Another file is another run.
    write(
        at,
        "stored.jsonl",
        &json!({"problem_id": "one", "completions": ["print(1)"]}).to_string(),
    );
    let resume = ["train", "--resume", "--run", "run", "--rounds", "3"];
    refused(at, &resume, 2, &["examples have changed: stored.jsonl"]);
    write(
        at,
        "stored.jsonl",
        &json!({"problem_id": "two", "completions": ["print(1)"]}).to_string(),
    );
    refused(
        at,
        &["train", "--config", "run.toml", "--run", "other"],
        2,
        &["it has no answer to one"],
    );
}

#[test]
fn a_server_that_is_down_ends_a_run_that_can_be_continued() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problem_file(at);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", free.local_addr().unwrap());
    drop(free);
    run_file(at, &url, "");
    let output = rlef(at, &TRAIN);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("no weight was moved") || said.contains("No weight was moved"),
        "{said}"
    );
    assert!(!at.join("run/checkpoints/000001").exists());
    let lines = std::fs::read_to_string(at.join("run/metrics.jsonl")).unwrap();
    assert!(lines.is_empty(), "{lines}");
}

#[test]
fn tasks_of_a_file_are_played_each_with_its_own_judges() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problem_file(at);
    let starter = starter();
    let text = |second: &str| {
        format!(
            "rounds = 1\nproblems_per_round = 1\nupdates_per_round = 1\npolicy = {starter:?}\n[rollout]\nturns = 1\ngroup = 2\n\
            [rollout.sampling]\nmax_tokens = 30\n[evaluation]\nproblems = \"\"\n[resources]\nmax_unusable_rate = 1.0\n\
            [[tasks]]\nname = \"code\"\nproblems = \"one.jsonl\"\n[tasks.objective]\nalgorithm = \"crpg\"\n\
            [[tasks.judges]]\nkind = \"tests\"\nat_least = 1.0\n\
            [[tasks]]\nname = \"style\"\nproblems = \"{second}\"\n[tasks.objective]\nalgorithm = \"codpo\"\n\
            [[tasks.judges]]\nkind = \"tests\"\n[[tasks.judges]]\nkind = \"rules\"\nmax_lines = 1\nat_least = 1.0\n"
        )
    };
    write(at, "run.toml", &text("two.jsonl"));
    let said = done(at, &TRAIN);
    assert!(said.contains("2 tasks (code: 2 episodes a round"), "{said}");
    let records: Vec<EpisodeRecord> = journal::read(&at.join("run/journal.jsonl.zst")).unwrap();
    let of: Vec<(&str, &str, Vec<&String>)> = (records.iter())
        .map(|record| {
            (
                record.task.as_deref().unwrap(),
                &*record.problem_id,
                record.constraints.keys().collect(),
            )
        })
        .collect();
    let (tests, rules) = ("tests".to_owned(), "rules".to_owned());
    assert_eq!(of[0], ("code", "one", vec![&tests]));
    assert_eq!(of[3], ("style", "two", vec![&rules]));
    write(at, "run.toml", &text("one.jsonl"));
    refused(
        at,
        &["train", "--config", "run.toml", "--run", "other"],
        2,
        &["\"code\" and \"style\"", "a problem one"],
    );
}
