//! What several schemas have in common beside tests: limits, statements, labels and rules.

use std::collections::BTreeMap;

use rlef_sandbox::{Language, Limits};
use serde_json::Value;

use super::python_literal::json;
use super::row::{Fields, unwrap_json};
use super::{ProblemError, TestCase};
use crate::comparator::Comparison;
use crate::program::language_of_tag;

/// The numeric step of the reference graders: `numpy.allclose` with its defaults.
pub(super) const COMPARISON: Comparison = Comparison::Floats {
    absolute: 1e-8,
    relative: 1e-5,
};

/// What LeetCode's editor imports; put before programs whose tests call a function.
pub(super) const IMPORTS: &str = "import bisect, collections, functools, heapq, itertools, math, operator, random, re, string, sys\n\
    from bisect import *\nfrom collections import *\nfrom functools import *\nfrom heapq import *\n\
    from itertools import *\nfrom math import ceil, floor, gcd, inf, log, log2, sqrt\nfrom typing import *\n\n";

/// How much longer than its CPU time a program may take on the clock, and the least it is given.
const WALL_PER_CPU: u64 = 3;
const LEAST_WALL_MS: u64 = 10_000;

/// Default limits with the CPU time and memory a problem states; zero means not stated.
pub(super) fn limits_of(cpu_ms: Option<u64>, memory_bytes: Option<u64>) -> Limits {
    let mut limits = Limits::default();
    if let Some(cpu_ms) = cpu_ms.filter(|&cpu_ms| cpu_ms > 0) {
        limits.cpu_ms = cpu_ms;
        limits.wall_ms = cpu_ms.saturating_mul(WALL_PER_CPU).max(LEAST_WALL_MS);
    }
    if let Some(memory_bytes) = memory_bytes.filter(|&memory_bytes| memory_bytes > 0) {
        limits.memory_bytes = memory_bytes;
    }
    limits
}

/// The statement, and below it the head of the function where one is given.
pub(super) fn with_starter(question: &str, starter: &str) -> String {
    if starter.trim().is_empty() {
        return question.to_owned();
    }
    format!(
        "{}\n\nStart from this:\n{}\n",
        question.trim_end(),
        starter.trim_matches('\n')
    )
}

/// The words of a text, each followed by one space; the headings `Input:` and `Output:` without their colon.
pub(super) fn words(text: &str) -> String {
    let plain = |word| match word {
        "Input:" => "Input",
        "Output:" => "Output",
        other => other,
    };
    text.split_whitespace()
        .flat_map(|word| [plain(word), " "])
        .collect()
}

/// Whether the statement, as [`words`], prints this test as an example.
pub(super) fn is_shown(test: &TestCase, statement: &str) -> bool {
    let TestCase::Stdin { input, expected } = test else {
        return false;
    };
    let (input, expected) = (words(input), words(expected));
    let needle = format!("Input {input}Output {expected}");
    !input.is_empty() && !expected.is_empty() && statement.contains(&needle)
}

/// The text of the user's messages: a string, or a list of `{"role", "content"}`.
pub(super) fn prompt(fields: &Fields<'_>) -> Result<String, ProblemError> {
    let unwrapped;
    let messages = if let Some(Value::Array(messages)) = fields.get("prompt") {
        messages
    } else {
        let text = fields.text("prompt")?;
        // A column of texts may hold the list as JSON.
        let is_list = text.trim_start().starts_with("[{") && text.contains("\"role\"");
        unwrapped = if is_list { json(text).ok() } else { None };
        match &unwrapped {
            Some(Value::Array(messages)) => messages,
            _ => return Ok(text.to_owned()),
        }
    };
    let mut texts = Vec::new();
    for message in messages {
        let message = fields.below("prompt", message)?;
        if message.text("role")? == "user" {
            texts.push(message.text("content")?.to_owned());
        }
    }
    if texts.is_empty() {
        return Err(fields.wrong_text("prompt", "a message of the user", "none"));
    }
    Ok(texts.join("\n\n"))
}

/// What the field `labels` says of a problem.
pub(super) fn labels(fields: &Fields<'_>) -> Result<BTreeMap<String, String>, ProblemError> {
    let Some(value) = fields.get("labels") else {
        return Ok(BTreeMap::new());
    };
    let value = unwrap_json(fields, "labels", value)?;
    let object = value
        .as_object()
        .ok_or_else(|| fields.wrong("labels", "an object", &value))?;
    fields.check_labels("labels", &value)?;
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let mut labels: BTreeMap<String, String> = object
        .iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect();
    // What programs are to be in.
    for name in ["programming_language", "execution_language"] {
        let Some(tag) = labels.get(name).filter(|tag| !tag.is_empty()) else {
            continue;
        };
        let language = language_of_tag(tag, Language::Python).ok_or_else(|| {
            let expected = "a supported language";
            fields.wrong_text(&format!("labels.{name}"), expected, &format!("`{tag}`"))
        })?;
        if language != Language::Python && !labels.contains_key("language") {
            labels.insert("language".to_owned(), language.name().to_owned());
        }
    }
    Ok(labels)
}
