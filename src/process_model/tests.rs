//! A process reward model learns which lines are wrong, is what TRL reads, and judges.

use rlef_sandbox::Cancel;

use super::*;
use crate::judge::{Judge, Submission};
use crate::model::decoder::{Extras, ModelConfig};
use crate::preference::{self, Placed};
use crate::problem::Problem;
use crate::prompt::PromptStyle;
use crate::reward_model::{Keep, RewardConfig};
use crate::verdict::{Scope, StopAt};

fn model() -> ProcessModel {
    let texts = ["sum of two", "x = 1\nprint(x)\n", "x = 2", "why"].map(str::to_owned);
    let tokenizer = Tokenizer::train(&texts, 280).unwrap();
    let shape = ModelConfig {
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 8,
        vocab_size: tokenizer.vocab_size(),
        max_position_embeddings: 96,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: None,
        extras: Extras::default(),
        tie_word_embeddings: true,
    };
    let policy = Decoder::random(&shape, 3, &Device::flex());
    ProcessModel::new(&policy, None, tokenizer, 5).unwrap()
}

fn items(lines: &[String]) -> Vec<Placed> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("steps.jsonl");
    std::fs::write(&path, lines.join("\n")).unwrap();
    preference::load(&path, None).unwrap().items
}

/// Answers in which a line with a 2 is wrong, and what follows it is wrong, too.
fn steps(prompts: usize) -> Vec<String> {
    let lines = (0..prompts).flat_map(|number| {
        [("x = 1", "true, true"), ("x = 2", "false, false")].map(|(line, labels)| {
            format!(r#"{{"prompt": "sum of {number}", "completions": ["{line}", "print(x)"], "labels": [{labels}]}}"#)
        })
    });
    lines.collect()
}

fn data(model: &ProcessModel, prompts: usize) -> Data {
    Data::of(&items(&steps(prompts)), model, Neutral::Right).unwrap()
}

fn config() -> RewardConfig {
    let mut config = RewardConfig {
        batch: 4,
        epochs: 40,
        ..RewardConfig::default()
    };
    config.optimizer.learning_rate = 5e-3;
    config
}

#[test]
fn steps_end_where_their_lines_do() {
    let model = model();
    let read = model
        .read(&Said::plain("why"), ["x = 1", "print(x)\n"])
        .unwrap()
        .unwrap();
    let line = |text: &str| model.tokenizer.encode(text).unwrap();
    let lines = [line("x = 1\n"), line("print(x)\n")].concat();
    assert!(read.ids.ends_with(&lines));
    let start = read.ids.len() - lines.len();
    assert_eq!(
        read.ends,
        [start + line("x = 1\n").len() - 1, read.ids.len() - 1]
    );
    let newline = line("\n");
    assert_eq!(read.ids[read.ends[0]], newline[newline.len() - 1]);
}

#[test]
fn marks_and_shares_are_targets_and_the_rest_is_refused() {
    let model = model();
    let line = |more: &str| {
        format!(
            r#"{{"kind": "steps", "prompt": "why", "steps": ["a", "b", "c"], "marks": ["good", "neutral", "bad"]{more}}}"#
        )
    };
    let of = |more: &str, neutral| {
        let data = Data::of(&items(&[line(more)]), &model, neutral).unwrap();
        (
            data.answers[0].shares.clone(),
            data.answers[0].read.ends.len(),
            data.steps(),
        )
    };
    assert_eq!(of("", Neutral::Right), (vec![1.0, 1.0, 0.0], 3, 3));
    assert_eq!(of("", Neutral::Wrong), (vec![1.0, 0.0, 0.0], 3, 3));
    assert_eq!(of("", Neutral::Unlabelled), (vec![1.0, 0.0], 2, 2));
    let counted = r#", "shares": [0.75, 0.5, 0.125]"#;
    assert_eq!(
        of(counted, Neutral::Unlabelled),
        (vec![0.75, 0.5, 0.125], 3, 3)
    );
    let pair = items(&[r#"{"prompt": "why", "chosen": "a", "rejected": "b"}"#.to_owned()]);
    let error = Data::of(&pair, &model, Neutral::Right)
        .unwrap_err()
        .to_string();
    assert!(error.contains("found whole answers"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.jsonl");
    for (more, words) in [
        (r#", "shares": [0.75]"#, "one for each of the 3 steps"),
        (r#", "shares": [0.75, 2.0, 0.0]"#, "numbers from 0 to 1"),
    ] {
        std::fs::write(&path, line(more)).unwrap();
        let error = preference::load(&path, None).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let long = format!(
        r#"{{"prompt": "why", "completions": ["{}"], "labels": [true]}}"#,
        "x = 1 ".repeat(80)
    );
    let error = Data::of(&items(&[long]), &model, Neutral::Right)
        .unwrap_err()
        .to_string();
    assert!(error.contains("1 answers are longer"), "{error}");
}

#[test]
fn it_learns_where_answers_go_wrong_and_comes_back_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let start = model();
    let train = data(&start, 12);
    let mut losses = Vec::new();
    let keep = |folder, resume| Keep {
        folder,
        every: 100,
        resume,
        policy: "toy",
    };
    let first = keep(folder.path(), false);
    let learnt = learn(start.clone(), &train, &config(), first, &mut |seen| {
        losses.push(seen.loss);
    })
    .unwrap();
    // One that was killed goes on to the same bytes.
    let parts = tempfile::tempdir().unwrap();
    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let begun = keep(parts.path(), false);
        learn(start.clone(), &train, &config(), begun, &mut |seen| {
            assert!(seen.update < 150, "killed");
        })
    }));
    assert!(killed.is_err() && !parts.path().join("model.safetensors").exists());
    let mut again = 0;
    let rest = keep(parts.path(), true);
    learn(start, &train, &config(), rest, &mut |_| again += 1).unwrap();
    assert_eq!(again, 140);
    let weights = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert!(weights(folder.path()) == weights(parts.path()));
    assert!(!parts.path().join("training.json").exists());
    assert_eq!(losses.len(), 240);
    // Each is of four answers alone.
    let last = losses[228..].iter().sum::<f64>() / 12.0;
    assert!(last < 0.5 * losses[0], "{losses:?}");
    let report = Report::of(&learnt, &train, 1000);
    assert_eq!(
        (report.answers, report.steps, report.with_wrong),
        (24, 48, 12)
    );
    assert!(
        report.accuracy.mean > 0.9 && report.first_found.mean > 0.8,
        "{report}"
    );

    let read = ProcessModel::load(folder.path(), &Device::flex()).unwrap();
    let answer = read
        .read(&Said::plain("sum of 3"), ["x = 1", "print(x)"])
        .unwrap()
        .unwrap();
    assert_eq!(read.shares(&[&answer], 100), learnt.shares(&[&answer], 100));
    let text = std::fs::read_to_string(folder.path().join("config.json")).unwrap();
    assert!(
        text.contains("ForTokenClassification") && text.contains("\"right\""),
        "{text}"
    );
    // A classifier of another kind is not taken for one.
    let other = tempfile::tempdir().unwrap();
    let outcome = RewardModel::new(&learnt.decoder, learnt.tokenizer.clone(), 1);
    outcome.save(other.path(), Precision::F32).unwrap();
    assert!(ProcessModel::load(other.path(), &Device::flex()).is_err());
    assert!(RewardModel::load(folder.path(), &Device::flex()).is_err());

    let set = Problem {
        id: "p".to_owned(),
        statement: "sum of 3".to_owned(),
        ..Problem::default()
    };
    let said = |aggregate, text: &str| {
        let judge = ProcessJudge::new(
            learnt.clone(),
            aggregate,
            Some(PromptStyle::Compact),
            "test",
        );
        judge.supports(&set, Scope::All).unwrap();
        let submission = Submission {
            text,
            ..Submission::of(&set, None, Scope::All, StopAt::Never)
        };
        judge.judge(&submission, &Cancel::never()).unwrap().scores
    };
    let scores = said(Aggregate::Product, "x = 1\n\nprint(x)\n");
    assert_eq!(scores.len(), 3);
    assert_eq!(
        (scores[1].span.clone(), scores[2].span.clone()),
        (Some(0..5), Some(7..15))
    );
    let product = scores[1].value.unwrap() * scores[2].value.unwrap();
    assert!(
        (scores[0].value.unwrap() - product).abs() < 1e-5,
        "{scores:?}"
    );
    let least = said(Aggregate::Min, "x = 1\nprint(x)");
    assert_eq!(
        least[0].value.unwrap(),
        scores[1].value.unwrap().min(scores[2].value.unwrap())
    );
    assert!(said(Aggregate::Product, "x = 2\nprint(x)")[0].value < scores[0].value);
    assert_eq!(said(Aggregate::Product, "\n\n")[0].value, None);
}

#[test]
fn an_offset_beside_the_head_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let model = ProcessModel {
        offset: 0.75,
        ..model()
    };
    model.save(folder.path(), Precision::F32).unwrap();
    let read = ProcessModel::load(folder.path(), &Device::flex()).unwrap();
    assert!((read.offset - 0.75).abs() < 1e-6);
    let answer = model.read(&Said::plain("why"), ["x = 1"]).unwrap().unwrap();
    assert_eq!(read.shares(&[&answer], 100), model.shares(&[&answer], 100));
}
