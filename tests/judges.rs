//! Judges beside the tests, built in and from outside: seen by whoever types, kept in journals, and worth a reward.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rlef::environment::RewardRule;
use rlef::episode::{Episode, StopReason};
use rlef::eval::journal::{EvalJournal, Settings};
use rlef::eval::play::{Play, mean_scores};
use rlef::eval::record::problems_hash;
use rlef::eval::stamp::{PolicyStamp, SandboxStamp};
use rlef::judge::{
    Judge, JudgeConfig, JudgeError, Judgement, Judges, Parts, Reads, Settings as JudgeSettings,
    Submission,
};
use rlef::machine;
use rlef::model::device::Processor;
use rlef::policy::replay::ReplayPolicy;
use rlef::problem::{Problem, TestCase};
use rlef::reward::{self, RewardConfig};
use rlef::rollout::{self, FeedbackSource, RolloutConfig};
use rlef::verdict::{Failure, Grade, Scope, Verdict};
use rlef_sandbox::{Cancel, Isolation};

use super::brevity::BREVITY;
use super::cli::{rlef, write};

/// Tests that read: a program passes those whose expected text it holds. "lost" breaks it, "late" where private tests grade it.
#[derive(Default)]
struct Reading(AtomicUsize);

impl Judge for Reading {
    fn name(&self) -> &'static str {
        "tests"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        "reading".to_owned()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        let tests = submission.scope.tests(submission.problem);
        let mut verdict = Verdict::no_program(tests.len());
        let Some(program) = submission.program else {
            return Ok(verdict.into());
        };
        self.0.fetch_add(1, Ordering::Relaxed);
        let late = submission.scope != Scope::Public && program.source.contains("late");
        if late || program.source.contains("lost") {
            return Err(JudgeError::Incomplete {
                id: submission.problem.id.clone(),
                got: 0,
                expected: 1,
            });
        }
        verdict.grade = Grade::Accepted;
        for (test, case) in tests.iter().enumerate() {
            if let TestCase::Stdin { expected, .. } = case
                && !program.source.contains(expected.as_str())
            {
                verdict.grade = Grade::WrongAnswer;
                verdict.failures.push(Failure {
                    test,
                    grade: Grade::WrongAnswer,
                    input: String::new(),
                    expected: expected.clone(),
                    got: program.source.clone(),
                    trace: String::new(),
                });
            } else {
                verdict.passed += 1;
            }
        }
        Ok(verdict.into())
    }

    fn reads(&self) -> Reads {
        Reads::Program
    }

    fn gives_verdicts(&self) -> bool {
        true
    }
}

fn problems() -> Vec<Problem> {
    let test = |expected: &str| TestCase::Stdin {
        input: String::new(),
        expected: expected.to_owned(),
    };
    ["a", "b"]
        .map(|id| Problem {
            id: id.to_owned(),
            statement: format!("Say {id}."),
            public_tests: vec![test("one")],
            private_tests: vec![test("two")],
            ..Problem::default()
        })
        .into()
}

/// What a policy said: a repair, a fall, and nothing at all.
const SAID: &str = r#"{"problem_id": "a", "completions": ["I do not know.", "```python\none two\n```"]}
{"problem_id": "a", "completions": ["```python\none\n```"]}
{"problem_id": "b", "completions": ["```python\nthree\n```", "```python\none\n```", "```python\none two\n```"]}
{"problem_id": "b", "completions": ["nothing"]}
"#;

fn policy(folder: &std::path::Path, said: &str) -> ReplayPolicy {
    write(folder, "said.jsonl", said);
    ReplayPolicy::load(&folder.join("said.jsonl")).unwrap()
}

fn config(feedback: FeedbackSource) -> RolloutConfig {
    RolloutConfig {
        group: 2,
        turns: 3,
        feedback,
        ..RolloutConfig::default()
    }
}

fn with_brevity(weight: f64, scale: f64) -> Vec<JudgeConfig> {
    let named = |kind: &str, weight, settings| JudgeConfig {
        kind: kind.to_owned(),
        weight,
        at_least: None,
        settings,
    };
    let scale = JudgeSettings::from([("scale".to_owned(), scale.into())]);
    vec![
        named("tests", 1.0, JudgeSettings::new()),
        named("brevity", weight, scale),
    ]
}

const ALL: [FeedbackSource; 5] = [
    FeedbackSource::Real,
    FeedbackSource::Silent,
    FeedbackSource::Random,
    FeedbackSource::SelfRepair,
    FeedbackSource::Independent,
];

/// A row, a file, and nothing else: the judge is listed, its scores are in the journal, a continued evaluation takes them from
/// there, and one with another setting is not continued.
#[test]
fn a_judge_from_outside_is_seen_by_doctor_journal_and_resume() {
    let judges = Judges::default().with(BREVITY);
    let (machine, _) = machine::look(Isolation::Process, None, &judges);
    assert!(machine.to_string().contains("judge brevity"), "{machine}");
    let folder = tempfile::tempdir().unwrap();
    let (set, config) = (problems(), config(FeedbackSource::Real));
    let path = folder.path().join("journal.jsonl");
    let play = |scale: f64, said: &str| {
        let reading = Arc::new(Reading::default());
        let parts = Parts {
            tests: Arc::clone(&reading) as Arc<dyn Judge>,
        };
        let judge = judges.build(&with_brevity(1.0, scale), &parts).unwrap();
        let settings = Settings::new(
            problems_hash(&set),
            PolicyStamp::of("said", None, Processor::Cpu).unwrap(),
            config.stamp(),
            SandboxStamp::of(super::host::judge().runner().protection()),
            config.group,
            1,
            true,
        )
        .with_judges(Some(judge.stamp()));
        let journal = EvalJournal::open(&path, &settings, Arc::default())
            .map_err(|error| error.to_string())?;
        let play = Play {
            judge: &*judge,
            journal: Some(&journal),
            problems: &set,
            config: &config,
            seed: 1,
        };
        let policy = policy(folder.path(), said);
        let (groups, _) = play.with(&policy, &mut |_, _| {}).unwrap();
        Ok::<_, String>((groups, reading.0.load(Ordering::Relaxed)))
    };
    let (groups, ran) = play(10.0, SAID).unwrap();
    assert!(ran > 0);
    let first = &groups[0].episodes[0].turns[0];
    assert_eq!(
        (first.scores[0].judge.as_str(), first.scores[0].value),
        ("brevity", Some(10.0 / 14.0))
    );
    let (_, answers) = mean_scores(&groups)["brevity"];
    let turns = groups
        .iter()
        .flat_map(|group| &group.episodes)
        .map(|one| one.turns.len());
    assert_eq!(answers, turns.sum::<usize>());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(r#""scores":[{"judge":"brevity","value":"#));
    let episodes: Vec<rlef::journal::EpisodeRecord> = rlef::journal::read(&path).unwrap();
    assert_eq!(episodes[0].turns[0].scores, first.scores);
    // Continued: nothing is judged again, and the scores are those of the journal.
    let (again, ran) = play(10.0, SAID).unwrap();
    assert_eq!((again, ran), (groups, 0));
    let error = play(11.0, SAID).unwrap_err();
    assert!(error.contains("judges was"), "{error}");
}

/// However an episode is played, its rewards are those that its turns and verdicts say: they are computed in one place, and
/// whoever asks for them afterwards gets the same.
#[test]
fn episodes_carry_the_rewards_that_their_verdicts_say() {
    let folder = tempfile::tempdir().unwrap();
    let (set, judge) = (problems(), Reading::default());
    let some: Vec<&Problem> = set.iter().collect();
    let scalars = RewardConfig {
        solved: 2.0,
        failed: -3.0,
        no_program: -0.5,
        kl_beta: 0.0,
    };
    for feedback in ALL {
        let policy = policy(folder.path(), SAID);
        let (groups, _) = rollout::play_scored(
            &policy,
            &judge,
            &some,
            &config(feedback),
            &scalars.rule(),
            1,
        )
        .unwrap();
        let episodes: Vec<&Episode> = groups.iter().flat_map(|group| &group.episodes).collect();
        for episode in &episodes {
            let bare = Episode {
                rewards: None,
                ..(*episode).clone()
            };
            assert!(episode.rewards.is_some());
            assert_eq!(
                episode.rewards,
                reward::score(&bare, &scalars),
                "{feedback:?}"
            );
            let rewards = episode.rewards.as_ref().unwrap();
            assert_eq!(rewards.len(), episode.turns.len());
        }
        if feedback == FeedbackSource::Real {
            assert_eq!(episodes[0].rewards, Some(vec![-0.5, 2.0]));
            assert_eq!(episodes[1].rewards, Some(vec![-3.0]));
            assert_eq!(episodes[3].rewards, Some(vec![-0.5, -0.5, -3.0]));
        }
    }
}

/// What the judge lost is no data, whoever asks and however often: none is never taken for no reward.
#[test]
fn an_episode_that_the_judge_lost_carries_no_rewards() {
    let folder = tempfile::tempdir().unwrap();
    let (set, judge) = (problems(), Reading::default());
    let some: Vec<&Problem> = set.iter().collect();
    // The first is lost at once, the other where all tests grade what passed the public ones.
    let lost = SAID
        .replace("I do not know.", "```python\\nlost\\n```")
        .replace("three", "one late");
    for feedback in ALL {
        let policy = policy(folder.path(), &lost);
        let (groups, stats) = rollout::play(&policy, &judge, &some, &config(feedback), 1).unwrap();
        assert!(stats.lost_verdicts >= 2, "{feedback:?}");
        for episode in [&groups[0].episodes[0], &groups[1].episodes[0]] {
            assert_eq!(episode.stop, Some(StopReason::Aborted));
            assert_eq!((&episode.rewards, &episode.outcome), (&None, &None));
            assert_eq!(reward::score(episode, &RewardConfig::default()), None);
        }
    }
}

#[test]
fn what_a_judge_says_counts_by_its_weight() {
    let folder = tempfile::tempdir().unwrap();
    let set = problems();
    let some: Vec<&Problem> = set.iter().collect();
    let configs = with_brevity(0.5, 14.0);
    let parts = Parts {
        tests: Arc::new(Reading::default()),
    };
    let judge = Judges::default()
        .with(BREVITY)
        .build(&configs, &parts)
        .unwrap();
    let rule = RewardRule::default().with_weights(&configs);
    let policy = policy(folder.path(), SAID);
    let config = config(FeedbackSource::Real);
    let (groups, _) = rollout::play_scored(&policy, &*judge, &some, &config, &rule, 1).unwrap();
    // 14 characters and 21.
    let expected = vec![-0.2 + 0.5, 1.0 + 0.5 * 14.0 / 21.0];
    assert_eq!(groups[0].episodes[0].rewards, Some(expected));
}

/// The whole way through the program: rules beside the tests, in what `judge` prints and `eval` keeps, and continued.
#[test]
fn rules_are_named_in_a_file_and_their_scores_are_printed_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(
        at,
        "judges.toml",
        "[[judges]]\nkind = \"tests\"\n[[judges]]\nkind = \"rules\"\nforbid = [\"input()\"]\n",
    );
    write(
        at,
        "set.jsonl",
        r#"{"id": "echo", "statement": "Print the line.", "public_tests": [{"kind": "stdin", "input": "1\n", "expected": "1\n"}], "private_tests": [{"kind": "stdin", "input": "2\n", "expected": "2\n"}]}"#,
    );
    write(
        at,
        "said.jsonl",
        r#"{"problem_id": "echo", "completions": ["```python\nprint(input())\n```"]}"#,
    );
    write(
        at,
        "programs.jsonl",
        r#"{"problem_id": "echo", "program": "print(input())"}"#,
    );
    let ran = |arguments: &[&str], code: i32| {
        let output = rlef(at, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        (String::from_utf8_lossy(&output.stdout).into_owned(), said)
    };
    let judge = [
        "judge",
        "--problems",
        "set.jsonl",
        "--programs",
        "programs.jsonl",
        "--json",
    ];
    let (line, _) = ran(&[&judge[..], &["--judges", "judges.toml"]].concat(), 0);
    assert!(line.contains(r#""verdict":"accepted""#), "{line}");
    assert!(line.contains(r#"{"judge":"rules","value":0.0"#), "{line}");
    let (line, _) = ran(&judge, 0);
    assert!(!line.contains("scores"), "{line}");
    let eval = [
        "eval",
        "--policy",
        "replay:said.jsonl",
        "--problems",
        "set.jsonl",
        "--rollouts",
        "1",
        "--journal",
        "j.jsonl",
    ];
    let named = [&eval[..], &["--judges", "judges.toml"]].concat();
    let (_, said) = ran(&named, 0);
    assert!(
        said.contains("rules: 0.000 on average over 1 answer"),
        "{said}"
    );
    let (_, said) = ran(&named, 0);
    assert!(
        said.contains("continuing j.jsonl: it holds 1 answer and 2 verdicts"),
        "{said}"
    );
    assert!(
        said.contains("rules: 0.000 on average over 1 answer"),
        "{said}"
    );
    // Without them it is another evaluation.
    let (_, said) = ran(&eval, 2);
    assert!(said.contains("judges was"), "{said}");
    for (text, part) in [
        (
            "[[judges]]\nkind = \"rules\"\nprogram = true\n",
            "gives no verdict",
        ),
        (
            "[[judges]]\nkind = \"taste\"\n",
            "expected one of tests, rules, compiles, lints, hard_coded, speed",
        ),
        (
            "[[judges]]\nkind = \"rules\"\nprogramme = true\n",
            "unknown field `programme`",
        ),
        ("[[judges]]\nweight = 1.0\n", "missing field `kind`"),
    ] {
        write(at, "judges.toml", text);
        let (_, said) = ran(&[&judge[..], &["--judges", "judges.toml"]].concat(), 2);
        assert!(said.contains(part), "{said}");
    }
}
