//! What is kept of what was said, and settings and prompts that can't be used.

use std::sync::Arc;

use rlef_sandbox::Cancel;

use super::super::*;
use super::fake::serve;
use super::{config, parts, plain, problem, said};
use crate::judge::{Judge, JudgeConfig, Judges};

#[test]
fn what_was_asked_is_kept_by_who_was_asked_and_how() {
    let folder = tempfile::tempdir().unwrap();
    let (url, seen) = serve(|_| plain("7"));
    let set = problem();
    let judged = |config: AiConfig, text: &str| {
        let watch = Arc::new(watch::Watch::new("ai_rating", &config));
        let choices =
            (1..=10).map(|rating: u32| answer::Choice::of(rating.to_string(), f64::from(rating)));
        let question =
            question::Question::new("ai_rating", &config, choices.collect(), watch).unwrap();
        let cache = crate::verdict::VerdictCache::open(folder.path(), 1 << 20).unwrap();
        let cached = crate::judge::Cached::new(question, Arc::new(cache));
        cached.judge(&said(&set, text), &Cancel::never()).unwrap()
    };
    let first = judged(config(&url), "prompt");
    assert_eq!(judged(config(&url), "prompt"), first);
    assert_eq!(seen.lock().unwrap().len(), 1);
    for changed in [
        AiConfig {
            model: "n".to_owned(),
            ..config(&url)
        },
        AiConfig {
            system: Some("Be strict.".to_owned()),
            ..config(&url)
        },
    ] {
        let before = seen.lock().unwrap().len();
        judged(changed, "prompt");
        assert_eq!(seen.lock().unwrap().len(), before + 1);
    }
    judged(config(&url), "another");
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[test]
fn a_prompt_of_ones_own_is_tried_before_anybody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prompt.txt");
    let of = |kind, text: &str| {
        std::fs::write(&path, text).unwrap();
        let config = AiConfig {
            prompt: Some(path.clone()),
            ..config("http://localhost")
        };
        AiJudge::new(kind, config, &parts()).map(|judge| judge.stamp())
    };
    let good = of(Kind::Rating, "{{ problem }} {{ answer }} {{ lowest }}").unwrap();
    assert_ne!(
        good,
        of(Kind::Rating, "{{ problem }}: {{ answer }}").unwrap()
    );
    for (kind, text, words) in [
        (Kind::Rating, "{{ problem }}", "never says {{ answer }}"),
        (Kind::Rating, "{{ answer }}", "never says {{ problem }}"),
        (Kind::Rating, "{{ problem }} {{ answr }}", "undefined"),
        (Kind::Rating, "{{ problem ", "prompt is no template"),
        (
            Kind::Pairwise,
            "{{ problem }} {{ second }} {{ first }}",
            "exchange them",
        ),
        (
            Kind::Constraint,
            "{{ problem }} {{ answer }}",
            "never says {{ requirement }}",
        ),
    ] {
        let config_fault = of(kind, text).unwrap_err();
        let expected = if kind == Kind::Constraint {
            "requirement"
        } else {
            words
        };
        assert!(config_fault.contains(expected), "{text}: {config_fault}");
    }
    // What an answer says is no template.
    let (url, seen) = serve(|_| plain("7"));
    let judge = AiJudge::new(Kind::Rating, config(&url), &parts()).unwrap();
    let set = problem();
    judge
        .judge(
            &said(&set, "{{ highest }} {% for x in y %}"),
            &Cancel::never(),
        )
        .unwrap();
    let body = seen.lock().unwrap()[0]["messages"][0]["content"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(body.contains("{{ highest }} {% for x in y %}"), "{body}");
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let known = ROWS.into_iter().fold(Judges::default(), Judges::or);
    let built = |kind: &str, settings: &str| {
        let config = JudgeConfig {
            kind: kind.to_owned(),
            weight: 1.0,
            at_least: None,
            settings: serde_json::from_str(settings).unwrap(),
        };
        known
            .build(&[config], &parts())
            .map(drop)
            .unwrap_err()
            .to_string()
    };
    for (kind, settings, words) in [
        (
            "ai_rating",
            r#"{"url": "http://h", "lowest": 5, "highest": 5}"#,
            "lowest is 5 and highest 5",
        ),
        (
            "ai_constraint",
            r#"{"url": "http://h"}"#,
            "requirement is empty",
        ),
        ("ai_rubric", r#"{"url": "http://h"}"#, "points is empty"),
        (
            "ai_rubric",
            r#"{"url": "http://h", "points": [{"text": "x", "weight": 0.0}]}"#,
            "points[0].weight is 0",
        ),
        (
            "ai_pairwise",
            r#"{"url": "http://h", "max_flips": 1.5}"#,
            "max_flips is 1.5",
        ),
        (
            "ai_pairwise",
            r#"{"url": "http://h", "timeout_s": 0.0}"#,
            "timeout_s is 0",
        ),
        ("ai_pairwise", r#"{"url": "ftp://h"}"#, "ftp://h"),
        (
            "ai_pairwise",
            r#"{"url": "http://h", "modle": "x"}"#,
            "unknown field `modle`",
        ),
    ] {
        let said = built(kind, settings);
        assert!(said.contains(words) && said.contains(kind), "{said}");
    }
}
