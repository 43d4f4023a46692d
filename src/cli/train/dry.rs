//! What a run would do, said before it begins: policy, problems, sizes, memory, and what the policy would be asked first.

use std::fmt::Write as _;

use super::check::{Checked, plan};
use super::folders;
use crate::checkpoint::tokenizer::Place;
use crate::cli::source;
use crate::config::TrainConfig;
use crate::judge::Judge as _;
use crate::memory::{self, Size};
use crate::problem::Problem;
use crate::prompt;
use rlef_judge::counted::counted;

/// In a line each, and the first prompt as the policy reads it.
pub(super) fn told(args: &super::Args, checked: &Checked) -> anyhow::Result<String> {
    let config = &checked.config;
    let facts = source::facts(&config.policy, config.chat_template.as_deref())?;
    let facts = facts.map_or_else(|| "not in a folder".to_owned(), |facts| facts.words());
    let asked = match checked.tasks.first().and_then(|task| task.problems.first()) {
        Some(problem) => problem_asked(checked, problem)?,
        None => example_shown(checked)?,
    };
    let lines = [
        ("policy", format!("{}: {facts}", config.policy.display())),
        ("learns", learnt(config)),
        ("data", plan(config, &checked.sets, &checked.tasks)),
        ("episodes", played(config)),
        ("evaluation", evaluated(checked)),
        ("validation", validated(checked)),
        ("judged by", judged(checked)),
        ("memory", remembered(checked)),
        (
            "would be in",
            folders::next(args.run.as_deref())?.display().to_string(),
        ),
    ];
    let mut text = String::new();
    for (name, said) in lines.iter().filter(|(_, said)| !said.is_empty()) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{name:<11}  {said}");
    }
    Ok(format!("{text}{asked}\nno run was begun"))
}

fn learnt(config: &TrainConfig) -> String {
    let what = match &config.lora {
        Some(lora) => format!("an adapter of rank {}", lora.rank),
        None => "all weights".to_owned(),
    };
    let rate = config.policy_optimizer.learning_rate;
    let (name, seed) = (config.objective.algorithm.name(), config.seed);
    format!("{what} by {name}, learning rate {rate:e}, seed {seed}")
}

fn played(config: &TrainConfig) -> String {
    if config.objective.data.is_some() {
        return String::new();
    }
    let rollout = &config.rollout;
    format!(
        "{} at most, of {} tokens at most, {} of each problem",
        counted(rollout.turns, "turn"),
        rollout.sampling.max_tokens,
        rollout.group
    )
}

fn evaluated(checked: &Checked) -> String {
    let evaluation = &checked.config.evaluation;
    if checked.held_out.is_empty() {
        return "none".to_owned();
    }
    format!(
        "{} ({}), {} of each, before and after",
        evaluation.problems,
        counted(checked.held_out.len(), "problem"),
        counted(evaluation.rollouts, "episode")
    )
}

fn validated(checked: &Checked) -> String {
    let validation = &checked.config.validation;
    if checked.validation.is_empty() || !validation.is_on() {
        return "none".to_owned();
    }
    format!(
        "{} ({}), after every {}",
        validation.problems,
        counted(checked.validation.len(), "problem"),
        counted(validation.every, "round")
    )
}

fn judged(checked: &Checked) -> String {
    let protection = checked.host.protection();
    format!(
        "{}, in isolation by {}, Python of {}",
        checked.judge.name(),
        protection.isolation,
        protection.interpreter
    )
}

fn remembered(checked: &Checked) -> String {
    let Some(estimate) = &checked.estimate else {
        return "not known".to_owned();
    };
    let free =
        memory::available().map_or(String::new(), |free| format!("; {} are free", Size(free)));
    format!("{} at its peak{free}", Size(estimate.peak()))
}

fn problem_asked(checked: &Checked, problem: &Problem) -> anyhow::Result<String> {
    let style = checked.tasks[0].config.rollout.style;
    let text = prompt::statement(style, problem.language(), &problem.statement);
    let ids = checked.tokenizer.message(Place::Opening, &text)?;
    let name = format!("the prompt of {}", problem.id.escape_debug());
    shown(checked, &name, &ids)
}

fn example_shown(checked: &Checked) -> anyhow::Result<String> {
    let first = checked.sets.first.kept.first();
    let row = first.and_then(|example| example.rows().next());
    row.map_or(Ok(String::new()), |row| {
        shown(checked, "the first example", row.tokens)
    })
}

fn shown(checked: &Checked, name: &str, ids: &[u32]) -> anyhow::Result<String> {
    let text = checked.tokenizer.shown(ids)?;
    let lines: Vec<String> = text.lines().map(|line| format!("  | {line}")).collect();
    Ok(format!(
        "\n{name}, {}:\n{}\n",
        counted(ids.len(), "token"),
        lines.join("\n")
    ))
}
