//! Prompts as templates (Jinja, by minijinja): built-in ones, or a person's own file. What is put into one is never read as a
//! template itself.

use minijinja::{Environment, UndefinedBehavior, context};

use super::config::{AiConfig, Kind};
use crate::problem::Problem;

/// Steps of one rendering at most.
const FUEL: u64 = 1 << 20;

/// The name of the one template.
const NAME: &str = "prompt";

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) enum About<'a> {
    /// Two answers, in the order in which they are shown.
    Two(&'a str, &'a str),
    /// An answer.
    One(&'a str),
    /// An answer and what it is to meet.
    Requirement(&'a str, &'a str),
}

/// A prompt's template.
#[derive(Debug)]
pub(super) struct Prompt {
    environment: Environment<'static>,
    text: String,
    scale: (u32, u32),
}

impl Prompt {
    /// The template of a kind of judge, or the reason why it can't be used: each is tried.
    pub(super) fn of(kind: Kind, config: &AiConfig) -> Result<Self, String> {
        let built_in = match kind {
            Kind::Pairwise => include_str!("prompts/pairwise.txt"),
            Kind::Rating => include_str!("prompts/rating.txt"),
            Kind::Rubric | Kind::Constraint => include_str!("prompts/constraint.txt"),
        };
        let text = match &config.prompt {
            None => built_in.to_owned(),
            Some(path) => crate::files::read_to_string(path)
                .map_err(|error| format!("failed to read prompt {}: {error}", path.display()))?,
        };
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        let wrong = |error: minijinja::Error| format!("prompt is no template: {error}");
        environment
            .add_template_owned(NAME, text.clone())
            .map_err(wrong)?;
        let prompt = Self {
            environment,
            text,
            scale: (config.lowest, config.highest),
        };
        prompt.tried(kind)?;
        Ok(prompt)
    }

    /// Whether everything that is asked about comes to stand in it, once and in its order.
    fn tried(&self, kind: Kind) -> Result<(), String> {
        let problem = Problem {
            statement: "MARK-PROBLEM".to_owned(),
            ..Problem::default()
        };
        let (about, wanted): (About<'_>, &[(&str, &str)]) = match kind {
            Kind::Pairwise => (
                About::Two("MARK-FIRST", "MARK-SECOND"),
                &[("first", "MARK-FIRST"), ("second", "MARK-SECOND")],
            ),
            Kind::Rating => (About::One("MARK-ANSWER"), &[("answer", "MARK-ANSWER")]),
            Kind::Rubric | Kind::Constraint => (
                About::Requirement("MARK-ANSWER", "MARK-REQUIREMENT"),
                &[
                    ("answer", "MARK-ANSWER"),
                    ("requirement", "MARK-REQUIREMENT"),
                ],
            ),
        };
        let said = self.filled(&problem, about)?;
        for (name, mark) in wanted.iter().chain(&[("problem", "MARK-PROBLEM")]) {
            if !said.contains(mark) {
                return Err(format!(
                    "prompt never says {{{{ {name} }}}}, so that the judge would not see it"
                ));
            }
        }
        if kind == Kind::Pairwise && said.find("MARK-FIRST") > said.find("MARK-SECOND") {
            return Err("prompt shows {{ second }} before {{ first }}; exchange them".to_owned());
        }
        Ok(())
    }

    /// The prompt about an answer, or two.
    pub(super) fn filled(&self, problem: &Problem, about: About<'_>) -> Result<String, String> {
        let plain = problem.statement.as_str();
        let language = problem.language().name();
        let (lowest, highest) = self.scale;
        let values = match about {
            About::Two(first, second) => {
                context! { problem => plain, language, first, second, lowest, highest }
            }
            About::One(answer) => context! { problem => plain, language, answer, lowest, highest },
            About::Requirement(answer, requirement) => {
                context! { problem => plain, language, answer, requirement, lowest, highest }
            }
        };
        let template = self.environment.get_template(NAME);
        let said = template.and_then(|template| template.render(values));
        said.map_err(|error| format!("failed to fill the prompt in: {error}"))
    }

    /// The template as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}
