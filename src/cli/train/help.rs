//! What `rlef train --help` says beside its options.

use crate::objective;

/// Under both helps.
pub(super) const EXAMPLES: &str = "Examples:\n\
    \x20\x20rlef train\n\
    \x20\x20rlef train --config run.toml --run runs/second --seed 2\n\
    \x20\x20rlef train --objective grpo\n\
    \x20\x20rlef train --policy Qwen2.5-Coder-0.5B-Instruct --problems own.jsonl \\\n\
    \x20\x20\x20\x20\x20\x20--set rollout.group=8\n\
    \x20\x20rlef train --policy Qwen2.5-Coder-0.5B-Instruct --print-config > run.toml\n\
    \x20\x20rlef train --resume --run runs/second\n\
    \x20\x20rlef train --resume --run runs/second --rounds 60";

/// Under the long one: with the objectives there are.
pub(super) fn long_help() -> String {
    let lines = objective::names().into_iter();
    let lines: Vec<String> = lines
        .map(|(name, about)| format!("  {name:<12}  {about}"))
        .collect();
    format!(
        "Objectives (objective.algorithm):\n{}\n\n{EXAMPLES}",
        lines.join("\n")
    )
}
