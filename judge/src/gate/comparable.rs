//! Two evaluations → what differs between them besides the policy, in words. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::evaluation::record::{Evaluation, ProblemRecord};
use crate::evaluation::stamp::SandboxStamp;

/// Something that must be equal before a difference in scores says anything of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Problems added, removed or changed; when accepted, the unchanged ones are compared.
    Problems,
    /// Limits of time and memory.
    Limits,
    /// Comparison rules.
    Comparison,
    /// Whose feedback was shown.
    Feedback,
    /// Turn limits; when accepted, compare at a turn both have with --turn.
    Turns,
    /// Wording of the prompts.
    Prompt,
    /// Temperature, nucleus or length.
    Sampling,
    /// Version or isolation of the sandbox, or version of its interpreter.
    Sandbox,
    /// Rules that turn answers into verdicts.
    Rules,
}

impl Difference {
    /// All of them, with what they are in words.
    pub const ALL: [(Self, &str); 9] = [
        (
            Self::Problems,
            "Problems added, removed or changed; when accepted, the unchanged ones are compared",
        ),
        (Self::Limits, "Limits of time and memory"),
        (Self::Comparison, "Comparison rules"),
        (Self::Feedback, "Whose feedback was shown"),
        (
            Self::Turns,
            "Turn limits; when accepted, compare at a turn both have with --turn",
        ),
        (Self::Prompt, "Wording of the prompts"),
        (Self::Sampling, "Temperature, nucleus or length"),
        (
            Self::Sandbox,
            "Version or isolation of the sandbox, or version of its interpreter",
        ),
        (Self::Rules, "Rules that turn answers into verdicts"),
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Problems => "problems",
            Self::Limits => "limits",
            Self::Comparison => "comparison",
            Self::Feedback => "feedback",
            Self::Turns => "turns",
            Self::Prompt => "prompt",
            Self::Sampling => "sampling",
            Self::Sandbox => "sandbox",
            Self::Rules => "rules",
        }
    }

    /// What to do about it besides accepting it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Rules => {
                "judge the answers of the older one again with this program (`rlef eval --policy replay:JOURNAL --out FILE` \
                plays the answers that its --journal kept, and asks no policy)"
            }
            _ => "evaluate again",
        }
    }
}

/// What differs, outside the problems in `quarantine`.
pub fn differences(
    baseline: &Evaluation,
    candidate: &Evaluation,
    quarantine: &BTreeSet<String>,
) -> Vec<(Difference, String)> {
    let mut found = of_problems(baseline, candidate, quarantine);
    let (old, new) = (&baseline.provenance.play, &candidate.provenance.play);
    let mut differ = |difference: Difference, what: &str, old: String, new: String| {
        if old != new {
            found.push((
                difference,
                format!("{what} differs: baseline {old}, candidate {new}"),
            ));
        }
    };
    let name = |play: &crate::evaluation::stamp::PlayStamp| play.feedback.name().to_owned();
    differ(Difference::Feedback, "feedback", name(old), name(new));
    differ(
        Difference::Turns,
        "the turn limit",
        old.turns.to_string(),
        new.turns.to_string(),
    );
    let wording = |play: &crate::evaluation::stamp::PlayStamp| {
        format!("{:?} {}", play.style, play.wording).to_lowercase()
    };
    differ(Difference::Prompt, "the prompt", wording(old), wording(new));
    let sampling = |play: &crate::evaluation::stamp::PlayStamp| {
        let sampling = &play.sampling;
        let mut parts = vec![format!(
            "temperature {}, top-p {}, at most {} tokens",
            sampling.temperature, sampling.top_p, sampling.max_tokens
        )];
        if sampling.top_k > 0 {
            parts.push(format!("top-k {}", sampling.top_k));
        }
        if !sampling.stop.is_empty() {
            parts.push(format!("stopped by {:?}", sampling.stop));
        }
        if !play.left_to_server.is_empty() {
            let left = play.left_to_server.join(" and ");
            parts.push(format!("{left} chosen by the server"));
        }
        parts.join(", ")
    };
    differ(
        Difference::Sampling,
        "sampling",
        sampling(old),
        sampling(new),
    );
    let (old, new) = (&baseline.provenance.sandbox, &candidate.provenance.sandbox);
    differ(
        Difference::Sandbox,
        "the sandbox",
        sandbox(old),
        sandbox(new),
    );
    differ(
        Difference::Rules,
        "the stamp of the rules that make verdicts",
        old.rules.to_string(),
        new.rules.to_string(),
    );
    found
}

/// A sandbox without the interpreter's path, which differs between machines that judge alike.
fn sandbox(stamp: &SandboxStamp) -> String {
    let version = stamp
        .interpreter
        .rsplit_once(" (")
        .map_or(stamp.interpreter.as_str(), |(_, version)| {
            version.trim_end_matches(')')
        });
    format!(
        "{} {} with Python {version}",
        stamp.isolation, stamp.version
    )
}

fn of_problems(
    baseline: &Evaluation,
    candidate: &Evaluation,
    quarantine: &BTreeSet<String>,
) -> Vec<(Difference, String)> {
    let index = |side: &'_ Evaluation| -> BTreeMap<String, ProblemRecord> {
        side.problems
            .iter()
            .filter(|record| !quarantine.contains(&record.id))
            .map(|record| (record.id.clone(), record.clone()))
            .collect()
    };
    let (old, new) = (index(baseline), index(candidate));
    let mut found = Vec::new();
    let mut report = |difference, what: &str, ids: Vec<&String>| {
        if let Some(first) = ids.first() {
            let more = if ids.len() > 1 { ", ..." } else { "" };
            let are = if ids.len() == 1 {
                "problem is"
            } else {
                "problems are"
            };
            found.push((
                difference,
                format!("{} {are} {what}: {first}{more}", ids.len()),
            ));
        }
    };
    report(
        Difference::Problems,
        "missing from the candidate",
        old.keys().filter(|id| !new.contains_key(*id)).collect(),
    );
    report(
        Difference::Problems,
        "new in the candidate",
        new.keys().filter(|id| !old.contains_key(*id)).collect(),
    );
    let both = |changed: &dyn Fn(&ProblemRecord, &ProblemRecord) -> bool| -> Vec<&String> {
        old.iter()
            .filter(|(id, record)| new.get(*id).is_some_and(|other| changed(record, other)))
            .map(|(id, _)| id)
            .collect()
    };
    report(
        Difference::Problems,
        "of another text or have other tests in the candidate",
        both(&|one, other| one.hash != other.hash),
    );
    report(
        Difference::Limits,
        "judged under other limits in the candidate",
        both(&|one, other| baseline.rules[one.rules].limits != candidate.rules[other.rules].limits),
    );
    report(
        Difference::Comparison,
        "judged by another comparison rule in the candidate",
        both(&|one, other| {
            baseline.rules[one.rules].comparison != candidate.rules[other.rules].comparison
        }),
    );
    found
}
