//! An ended episode → its record: what one line of a journal says. Holds no wall times, so that equal runs have equal
//! journals. Fields may be added; what an older journal doesn't have is absent, and a reader passes over what it doesn't know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::completion::{FinishReason, Sampled};
use crate::environment::Terms;
use crate::episode::{Episode, StopReason, Turn};
use crate::judge::Score;
use crate::program::Extraction;
use crate::verdict::{Failure, Grade, Verdict};

/// One turn as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnRecord {
    /// What the policy said.
    pub text: String,
    /// Why it ended; absent in journals that are older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<FinishReason>,
    /// The ids it sampled; absent where it said text alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<u32>>,
    /// Their log-probabilities when they were drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampler_logprobs: Option<Vec<f32>>,
    /// Which block of the text is the program and by which rule, or why there is none; absent in journals that are older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Extraction>,
    /// What the public tests said.
    pub grade: Grade,
    /// Public tests passed.
    pub passed: usize,
    /// Public tests.
    pub total: usize,
    /// Whether none was run after the first that failed, so that `passed` counts those before it alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// Public tests that it failed, the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureRecord>,
    /// What judges besides the tests said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Score>,
    /// What it was worth, by what for; absent where the episode is no data, or was not scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward: Option<RewardRecord>,
    /// What the policy was told next.
    pub feedback: String,
    /// What all tests say of it; only of an earlier answer that passed the public ones without ending the episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Grade>,
}

/// A failing public test as it is written: what it gives and expects stands in the problem, under its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// The test, from zero.
    pub test: usize,
    /// Why it failed.
    pub grade: Grade,
    /// The start of what the program gave, where that is why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub got: String,
    /// The end of its trace or diagnostics, where it crashed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace: String,
}

/// The reward of a turn, by term.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RewardRecord {
    /// For what it came to: solved, failed, without a program, or none of them.
    pub outcome: f64,
    /// For what judges besides the tests said, with their weights.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, f64>,
}

/// One episode as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpisodeRecord {
    /// Policy version that played it.
    pub step: usize,
    /// The problem.
    #[serde(deserialize_with = "crate::problem::id::deserialize")]
    pub problem_id: String,
    /// Which of the group's episodes.
    pub sample: usize,
    /// The first prompt, by a hash of its text; the text stands once in a run's journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Its turns.
    pub turns: Vec<TurnRecord>,
    /// Why it ended.
    pub stop: StopReason,
    /// What all tests say of the last answer; absent where the sandbox failed.
    pub outcome: Option<Grade>,
    /// Tests the last answer passed.
    pub passed: usize,
    /// Tests there are.
    pub total: usize,
    /// The task it was played for, where a run has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Whether its last answer meets each constraint, by the judge's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub constraints: BTreeMap<String, bool>,
    /// What the stored answer to its problem is worth, where its own is compared with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<f64>,
    /// Why nothing is learnt from it although it was played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
}

/// Failing tests that are written of a turn.
const FAILURES: usize = 8;
/// Characters of what a program gave, and of a trace.
const CHARACTERS: usize = 400;
/// The id that ended a text where ids were its bytes.
const MADE_UP_END: u32 = 256;

impl TurnRecord {
    fn of(turn: &Turn, public_tests: usize, terms: Option<&Terms>) -> Self {
        // A problem without public tests is judged by its private ones, of which nothing is told.
        let public = (turn.verdict.failures.iter()).filter(|failure| failure.test < public_tests);
        Self {
            text: turn.text.clone(),
            finish: Some(turn.finish),
            tokens: turn.sampled.as_ref().map(|sampled| sampled.ids.clone()),
            sampler_logprobs: (turn.sampled.as_ref()).map(|sampled| sampled.log_probs.clone()),
            program: turn.found.as_ref().map(Extraction::of),
            grade: turn.verdict.grade,
            passed: turn.verdict.passed,
            total: turn.verdict.total,
            stopped: has_stopped(&turn.verdict),
            failures: public.take(FAILURES).map(FailureRecord::of).collect(),
            scores: turn.scores.clone(),
            reward: terms.map(RewardRecord::of),
            feedback: turn.feedback.clone(),
            full: turn.full.as_ref().map(|verdict| verdict.grade),
        }
    }

    /// The ids that were sampled, where they were. Journals of before held the bytes of a text that had no ids, each with a
    /// log-probability of 0, perhaps with an end behind them.
    pub fn sampled(&self) -> Option<Sampled> {
        let (ids, log_probs) = (self.tokens.clone()?, self.sampler_logprobs.clone()?);
        let bytes = |ids: &[u32]| self.text.bytes().map(u32::from).eq(ids.iter().copied());
        let open = ids.strip_suffix(&[MADE_UP_END]).unwrap_or(&ids);
        let made_up = log_probs.iter().all(|&value| value == 0.0) && bytes(open);
        (!made_up).then_some(Sampled { ids, log_probs })
    }
}

impl FailureRecord {
    /// What a program printed until a limit stopped it differs from run to run, and is left out.
    fn of(failure: &Failure) -> Self {
        let (mut got, mut trace) = (String::new(), String::new());
        match failure.grade {
            Grade::TimeLimit | Grade::MemoryLimit | Grade::OutputLimit => {}
            Grade::WrongAnswer => got = failure.got.chars().take(CHARACTERS).collect(),
            _ => {
                let before = failure.trace.chars().count().saturating_sub(CHARACTERS);
                trace = failure.trace.chars().skip(before).collect();
            }
        }
        Self {
            test: failure.test,
            grade: failure.grade,
            got,
            trace,
        }
    }
}

impl RewardRecord {
    fn of(terms: &Terms) -> Self {
        let mut scores = BTreeMap::new();
        for (judge, value) in &terms.scores {
            *scores.entry(judge.clone()).or_insert(0.0) += value;
        }
        Self {
            outcome: terms.outcome,
            scores,
        }
    }
}

impl EpisodeRecord {
    /// The record of an ended episode.
    pub fn new(step: usize, episode: &Episode) -> Self {
        let opening = &episode.opening;
        let terms = |turn: usize| episode.terms.as_ref().and_then(|terms| terms.get(turn));
        let turns = (episode.turns.iter().enumerate())
            .map(|(turn, said)| TurnRecord::of(said, opening.public_tests, terms(turn)));
        let count = |pick: fn(&Verdict) -> usize| episode.outcome.as_ref().map_or(0, pick);
        Self {
            step,
            problem_id: episode.problem_id.clone(),
            sample: episode.sample,
            prompt: (!opening.text.is_empty()).then(|| name_of(&opening.text)),
            turns: turns.collect(),
            stop: episode.stop.unwrap_or(StopReason::Aborted),
            outcome: episode.outcome.as_ref().map(|verdict| verdict.grade),
            passed: count(|verdict| verdict.passed),
            total: count(|verdict| verdict.total),
            task: episode.standing.task.as_deref().map(str::to_owned),
            constraints: episode.standing.constraints.clone(),
            stored: episode.standing.stored,
            withheld: episode.standing.withheld.clone(),
        }
    }

    /// The same without what the first form of a journal did not hold, for one that goes on in it. How its tests were
    /// counted must be said.
    #[must_use]
    pub(super) fn in_first_form(mut self) -> Self {
        self.prompt = None;
        self.task = None;
        self.constraints.clear();
        (self.stored, self.withheld) = (None, None);
        for turn in &mut self.turns {
            turn.finish = None;
            turn.failures.clear();
            turn.reward = None;
        }
        self
    }
}

/// Whether tests behind the first failure were not run. One that says so of all, as a program that doesn't compile, is the
/// same however many are run.
fn has_stopped(verdict: &Verdict) -> bool {
    verdict.failures.len() == 1 && verdict.passed + 1 < verdict.total
}

/// The name of a prompt's text in a journal.
pub(super) fn name_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let start = digest
        .iter()
        .take(8)
        .fold(0, |value, &byte| value << 8 | u64::from(byte));
    format!("{start:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::tests::{played, verdict};
    use crate::episode::{Opening, Standing};

    /// Lines as version 0.3 wrote them: of a server, whose ids were made up, and of a policy that was sampled here.
    #[test]
    fn lines_of_before_are_read_and_their_made_up_ids_are_none() {
        let line = |tokens: &str, log_probs: &str| {
            format!(
                r#"{{"step":3,"problem_id":"p","sample":1,"turns":[{{"text":"é","tokens":{tokens},"sampler_logprobs":{log_probs},"program":{{"reason":"no_fence"}},"grade":"no_program","passed":0,"total":2,"feedback":""}}],"stop":"max_turns","outcome":"no_program","passed":0,"total":3}}"#
            )
        };
        let read = |tokens: &str, log_probs: &str| {
            let line = line(tokens, log_probs).replace(r#""program":{"reason":"no_fence"},"#, "");
            let record: EpisodeRecord = serde_json::from_str(&line).unwrap();
            assert_eq!((record.step, record.sample), (3, 1));
            // It is written as it was.
            assert_eq!(serde_json::to_string(&record).unwrap(), line);
            record.turns[0].sampled()
        };
        assert_eq!(read("[195,169,256]", "[0.0,0.0,0.0]"), None);
        assert_eq!(read("[195,169]", "[0.0,0.0]"), None);
        let sampled = read("[195,169]", "[-0.5,-0.25]").unwrap();
        assert_eq!(sampled.log_probs, [-0.5, -0.25]);
        // Drawn at temperature 0, of a vocabulary that is not bytes.
        assert_eq!(read("[7,2]", "[0.0,0.0]").unwrap().ids, [7, 2]);
    }

    #[test]
    fn a_text_alone_is_written_without_ids() {
        let mut episode = played(&[Grade::Accepted], true);
        episode.turns[0].sampled = None;
        let record = EpisodeRecord::new(0, &episode);
        let line = serde_json::to_string(&record).unwrap();
        assert!(
            !line.contains("tokens") && !line.contains("logprobs"),
            "{line}"
        );
        assert_eq!(
            serde_json::from_str::<EpisodeRecord>(&line).unwrap(),
            record
        );
    }

    fn failing(grade: Grade, test: usize) -> Failure {
        Failure {
            test,
            grade,
            input: "in".into(),
            expected: "secret".into(),
            got: "g".repeat(999),
            trace: format!("{}end", "t".repeat(999)),
        }
    }

    #[test]
    fn rewards_failures_and_prompts_are_written_and_private_tests_are_not() {
        let mut episode = played(&[Grade::WrongAnswer, Grade::NoProgram], false);
        episode.opening = Opening {
            text: "Add.".into(),
            public_tests: 3,
        };
        let grades = [
            Grade::WrongAnswer,
            Grade::TimeLimit,
            Grade::RuntimeError,
            Grade::WrongAnswer,
        ];
        let failures = grades.into_iter().enumerate();
        episode.turns[0].verdict = Verdict {
            failures: failures.map(|(test, grade)| failing(grade, test)).collect(),
            ..verdict(Grade::WrongAnswer)
        };
        let scores = vec![("rules".to_owned(), 0.5), ("rules".to_owned(), 0.25)];
        let (outcome, last) = (0.0, Terms::of_outcome(-1.0));
        episode.terms = Some(vec![Terms { outcome, scores }, last]);
        episode.standing = Standing {
            task: Some("code".into()),
            constraints: [("rules".to_owned(), false)].into(),
            stored: Some(0.25),
            withheld: None,
        };
        let record = EpisodeRecord::new(4, &episode);
        let told = &record.turns[0].failures;
        // The fourth is a private test.
        assert_eq!(told.len(), 3);
        assert_eq!(told[0].got.len(), CHARACTERS);
        assert_eq!((&*told[1].got, &*told[1].trace), ("", ""));
        assert!(told[2].trace.ends_with("end") && told[2].trace.len() == CHARACTERS);
        let line = serde_json::to_string(&record).unwrap();
        assert!(!line.contains("secret"), "{line}");
        assert!(
            line.contains(r#""reward":{"outcome":0.0,"scores":{"rules":0.75}}"#),
            "{line}"
        );
        assert!(line.contains(r#""reward":{"outcome":-1.0}"#), "{line}");
        assert!(
            line.ends_with(r#""task":"code","constraints":{"rules":false},"stored":0.25}"#),
            "{line}"
        );
        assert_eq!(record.prompt, Some(name_of("Add.")));
        assert_eq!(
            serde_json::from_str::<EpisodeRecord>(&line).unwrap(),
            record
        );
        // A field of a later version is passed over.
        let grown = line.replacen("{\"step\"", "{\"mood\":[1],\"step\"", 1);
        assert_eq!(
            serde_json::from_str::<EpisodeRecord>(&grown).unwrap(),
            record
        );
        let first = serde_json::to_string(&record.in_first_form()).unwrap();
        for name in ["reward", "failures", "prompt", "finish", "constraints"] {
            assert!(!first.contains(name), "{name}: {first}");
        }
    }

    #[test]
    fn no_private_test_is_told_of_a_problem_that_has_no_other() {
        let mut episode = played(&[Grade::WrongAnswer], false);
        episode.turns[0].verdict.failures = vec![failing(Grade::WrongAnswer, 0)];
        assert_eq!(EpisodeRecord::new(0, &episode).turns[0].failures, []);
    }
}
