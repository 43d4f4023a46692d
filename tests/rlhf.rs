//! The page on RLHF, followed to its end in a few seconds: its own commands, one after the other in an empty folder, labels given
//! over HTTP as a browser gives them, and what came of it looked at.

use std::path::Path;

use rlef::checkpoint;
use rlef::journal::{EpisodeRecord, credit_of};
use rlef::view::{Loaders, Places, View, routes};
use rlef_serve::{Config, pages::Pages};
use serde_json::json;

use super::cli::{rlef, starter};
use super::documents::{commands, words};
use super::labelling::{labelling, say};
use super::viewing::get;

const LOADERS: Loaders = Loaders {
    problems: |name| rlef::problem::load(Path::new(name)).map_err(|error| error.to_string()),
    tokenizer: |_| {
        let found = checkpoint::load(&starter(), &burn::tensor::Device::flex());
        found
            .map(|(_, tokenizer)| tokenizer)
            .map_err(|error| error.to_string())
    },
};

fn done(at: &Path, arguments: &[&str]) {
    let output = rlef(at, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
}

#[test]
fn the_page_on_rlhf_is_followed_to_its_end() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/rlhf.md")).unwrap();
    // The block that the page begins with.
    let block: Vec<&str> = page
        .lines()
        .skip_while(|line| !line.starts_with("    rlef"))
        .take_while(|line| line.starts_with("    "))
        .collect();
    let commands = commands(&block.join("\n"));
    assert_eq!(commands.len(), 5, "{commands:?}");
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // A few of its problems, and little of everything.
    done(
        at,
        &[
            "contest",
            "--split",
            "train",
            "--problems",
            "8",
            "--out",
            "problems.jsonl",
        ],
    );
    let example = root.join("examples/instructgpt.toml").display().to_string();
    let mut verbs = Vec::new();
    for command in commands {
        let mut words: Vec<String> = words(&command).split_off(1);
        for word in &mut words {
            *word = word.replace("contest:train", "problems.jsonl");
            *word = word.replace("examples/instructgpt.toml", &example);
        }
        let verb = words[0].clone();
        let more: &[&str] = match &*verb {
            "reward" => &["--epochs", "1"],
            "train" => &[
                "--set",
                "rounds=2",
                "--set",
                "problems_per_round=4",
                "--set",
                "problems=problems.jsonl",
                "--set",
                "rollout.group=2",
                "--set",
                "updates_per_round=2",
                "--set",
                "evaluation.problems=",
            ],
            _ => &[],
        };
        if verb == "label" && !words.iter().any(|word| word == "--export") {
            label(at);
        } else {
            let all: Vec<&str> = words
                .iter()
                .map(String::as_str)
                .chain(more.iter().copied())
                .collect();
            done(at, &all);
        }
        verbs.push(verb);
    }
    assert_eq!(verbs, ["eval", "label", "label", "reward", "train"]);
    looked_at(at);
}

/// The published settings of both recipes, as `--print-config` resolves them.
#[test]
fn the_two_recipes_have_their_published_settings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    for (name, beta) in [("instructgpt", 0.02), ("summarize", 0.05)] {
        let example = root.join(format!("examples/{name}.toml"));
        let example = example.display().to_string();
        let output = rlef(
            folder.path(),
            &["train", "--config", &example, "--print-config"],
        );
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let config: toml::Table = toml::from_str(&said).unwrap();
        let (objective, settings) = (&config["objective"], &config["objective"]["settings"]);
        let found = (
            &config["reward"]["kl_beta"],
            &objective["clip"],
            &settings["gamma"],
            &settings["lambda"],
        );
        let numbers = [beta, 0.2, 1.0, 0.95].map(toml::Value::Float);
        assert_eq!(
            found,
            (&numbers[0], &numbers[1], &numbers[2], &numbers[3]),
            "{name}"
        );
        assert_eq!(config["reward"]["solved"].as_float(), Some(0.0), "{name}");
        assert_eq!(objective["value_from"].as_str(), Some("reward"), "{name}");
    }
}

/// Two label side by side until nothing is left; they prefer the shorter of what they see first.
fn label(at: &Path) {
    let server = labelling(at, &[]);
    let mut given = 0;
    for turn in 0..400 {
        let (name, better) = if turn % 2 == 0 {
            ("ann", 0)
        } else {
            ("bob", 1)
        };
        let Some(status) = say(&server, name, &json!({"better": better})) else {
            break;
        };
        assert_eq!(status, 200);
        given += 1;
    }
    assert!(given >= 8, "{given} labels");
}

/// What the last command's rounds made of every token is kept, and shown.
fn looked_at(at: &Path) {
    let run = at.join("runs/rlhf");
    let records: Vec<EpisodeRecord> = rlef::journal::read(&run).unwrap();
    assert_eq!(records.len(), 16);
    let mut moved = 0;
    for record in &records {
        let tokens: Vec<usize> = record
            .turns
            .iter()
            .map(|turn| turn.tokens.as_ref().unwrap().len())
            .collect();
        let credit = credit_of(
            &run,
            (record.step, &record.problem_id, record.sample),
            &tokens,
        )
        .unwrap()
        .unwrap();
        for (turn, said) in credit.iter().zip(&record.turns) {
            let of = |all: &[f64]| all.len() == 1 || all.len() == turn.tokens;
            assert!(
                of(&turn.advantages) && of(&turn.ratios) && of(&turn.reference_gap),
                "{turn:?}"
            );
            // β of the page's settings times what the tokens are above the reference, in all.
            let away = (0..turn.tokens)
                .filter_map(|token| rlef::episode::TurnCredit::of(&turn.reference_gap, token));
            let away: f64 = away.sum();
            assert!((turn.terms["kl"] + 0.02 * away).abs() < 0.02, "{turn:?}");
            let is_cut = said.finish == Some(rlef::completion::FinishReason::Length);
            assert!(!is_cut || turn.terms["missing_end"] == -1.0, "{turn:?}");
            moved += usize::from(turn.ratios.iter().any(|ratio| *ratio != 1.0));
        }
    }
    // The second update of a round learns from a policy that the first one has moved.
    assert!(moved > 0);
    let places = Places::of(vec![run.clone()]).unwrap();
    let config = Config::of("127.0.0.1:0".parse().unwrap());
    let pages = Pages::start(config, routes(&View::new(places, LOADERS))).unwrap();
    let found = get(
        pages.address(),
        &format!("/episode?of={}&n=15", run.display()),
    );
    assert_eq!(found.status, 200, "{}", found.body);
    for part in [
        "<dt>kl, of the objective</dt>",
        "<dt>reward_model</dt>",
        "Tokens by their probability when they were drawn",
        "Tokens by their advantage",
        "Tokens by their distance from the reference",
        ", advantage ",
    ] {
        assert!(found.body.contains(part), "{part}: {}", found.body);
    }
    let report = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(
        report.contains("kl, of the objective"),
        "the report is without"
    );
    // Without the file all is as in a run of before.
    std::fs::remove_file(run.join("credit.jsonl.zst")).unwrap();
    let found = get(
        pages.address(),
        &format!("/episode?of={}&n=15", run.display()),
    );
    assert!(found.status == 200 && !found.body.contains("of the objective"));
    // A file that is damaged is said to be, and the rest of the page is shown.
    std::fs::write(run.join("credit.jsonl.zst"), "x".repeat(100)).unwrap();
    let found = get(
        pages.address(),
        &format!("/episode?of={}&n=15", run.display()),
    );
    assert!(
        found.status == 200
            && found
                .body
                .contains("what the round made of it is not shown"),
        "{}",
        found.body
    );
}
