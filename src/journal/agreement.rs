//! One answer, one program, whichever command reads it: the corpus of answer styles through `judge` and through episodes,
//! which is how `eval` and `train` play and what `replay` finds in their journals.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use rlef_sandbox::{Cancel, Language};

use super::again::program_of;
use crate::episode::tests::verdict;
use crate::journal::EpisodeRecord;
use crate::judge::{Judge, JudgeError, Judgement, Reads, Submission};
use crate::policy::replay::ReplayPolicy;
use crate::problem::Problem;
use crate::program::Program;
use crate::programs::{Spoken, read};
use crate::rollout::{self, RolloutConfig};
use crate::verdict::{Grade, Scope};

#[path = "../../judge/src/program/tests/corpus.rs"]
mod corpus;

/// Notes what it is given to run.
#[derive(Default)]
struct Noting(Mutex<HashMap<String, Program>>);

impl Judge for Noting {
    fn name(&self) -> &'static str {
        "noting"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        String::new()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        let Some(program) = submission.program else {
            return Ok(verdict(Grade::NoProgram).into());
        };
        let mut noted = self.0.lock().unwrap();
        noted.insert(submission.problem.id.clone(), program.clone());
        Ok(verdict(Grade::WrongAnswer).into())
    }

    fn reads(&self) -> Reads {
        Reads::Program
    }

    fn gives_verdicts(&self) -> bool {
        true
    }
}

#[test]
fn judge_and_episodes_take_the_same_program_of_every_style() {
    let directory = tempfile::tempdir().unwrap();
    let (mut problems, mut completions, mut episodes) = (Vec::new(), String::new(), String::new());
    for (style, mut problem) in corpus::styles() {
        problem.id = format!("line {}", style.line);
        let (id, said) = (&problem.id, &style.answer);
        completions += &serde_json::json!({"problem_id": id, "completion": said}).to_string();
        completions.push('\n');
        episodes += &serde_json::json!({"problem_id": id, "completions": [said]}).to_string();
        episodes.push('\n');
        problems.push(problem);
    }
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let judged = read(&completions, Path::new("judge.jsonl"), &problems, None).unwrap();
    let policy = ReplayPolicy::load(&write("replay.jsonl", &episodes)).unwrap();
    let judge = Noting::default();
    let config = RolloutConfig {
        group: 1,
        turns: 1,
        ..RolloutConfig::default()
    };
    let asked: Vec<&Problem> = problems.iter().collect();
    let (groups, _) = rollout::play(&policy, &judge, &asked, &config, 0).unwrap();
    let played = judge.0.into_inner().unwrap();
    assert_eq!(judged.len(), groups.len());
    for (submission, group) in judged.iter().zip(&groups) {
        let id = &submission.problem.id;
        let program = submission.found.as_ref().ok().map(|found| &found.program);
        assert_eq!(played.get(id), program, "{id}");
        let record = EpisodeRecord::new(0, &group.episodes[0]);
        let turn = &record.turns[0];
        assert_eq!(turn.program, Some(submission.extraction()), "{id}");
        // What `rlef replay` judges again, from the journal's line alone.
        let line = serde_json::to_string(&record).unwrap();
        let read: EpisodeRecord = serde_json::from_str(&line).unwrap();
        assert_eq!(read, record, "{id}");
        let again = program_of(&read.turns[0].text, submission.problem);
        assert_eq!(again.as_ref(), program, "{id}");
        // A journal that is older than the field still loads.
        let mut old: serde_json::Value = serde_json::from_str(&line).unwrap();
        old["turns"][0].as_object_mut().unwrap().remove("program");
        let old: EpisodeRecord = serde_json::from_value(old).unwrap();
        assert_eq!(old.turns[0].program, None, "{id}");
    }
}

#[test]
fn a_language_is_chosen_by_the_problem_the_user_or_never() {
    let problem = |language: Option<&str>| Problem {
        id: "p".to_owned(),
        private_tests: vec![crate::problem::TestCase::Stdin {
            input: String::new(),
            expected: String::new(),
        }],
        labels: language
            .map(|name| ("language".to_owned(), name.to_owned()))
            .into_iter()
            .collect(),
        ..Problem::default()
    };
    let taken = |line: &str, problem: Problem, spoken: Option<Spoken>| {
        let problems = [problem];
        let read = read(line, Path::new("programs.jsonl"), &problems, spoken).unwrap();
        read[0]
            .found
            .as_ref()
            .ok()
            .map(|found| found.program.language)
    };
    let cpp = r#"{"problem_id": "p", "completion": "```cpp\nint main() {}\n```"}"#;
    let wat = r#"{"problem_id": "p", "completion": "```wat\n(module)\n```"}"#;
    let named =
        r#"{"problem_id": "p", "language": "cpp", "completion": "```cpp\nint main() {}\n```"}"#;
    let bare = r#"{"problem_id": "p", "program": "int main() {}"}"#;
    let one = |language| Some(Spoken::One(language));
    assert_eq!(taken(cpp, problem(None), None), None);
    assert_eq!(
        taken(cpp, problem(None), one(Language::Cpp)),
        Some(Language::Cpp)
    );
    assert_eq!(
        taken(cpp, problem(None), Some(Spoken::Any)),
        Some(Language::Cpp)
    );
    assert_eq!(taken(cpp, problem(Some("cpp")), None), Some(Language::Cpp));
    assert_eq!(taken(cpp, problem(Some("rust")), Some(Spoken::Any)), None);
    assert_eq!(taken(named, problem(None), None), Some(Language::Cpp));
    assert_eq!(taken(wat, problem(None), Some(Spoken::Any)), None);
    assert_eq!(taken(bare, problem(None), None), Some(Language::Python));
    assert_eq!(taken(bare, problem(Some("cpp")), None), Some(Language::Cpp));
}
