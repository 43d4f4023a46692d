//! One question to a model, as a judge of its own over the prompt that is asked: so that whatever wraps judges, the cache first of
//! all, knows a question by what was really said, and by whom.

use std::sync::Arc;

use rlef_sandbox::Cancel;

use super::answer::{Choice, Silence, chosen, shortened};
use super::config::AiConfig;
use super::tokens::expected;
use super::watch::Watch;
use crate::dialogue::Message;
use crate::judge::{Judge, JudgeError, Judgement, Score, Submission};
use crate::problem::Problem;
use crate::server::interface::{CHAT, Options, Question as Asked, Reply};
use crate::server::{LostAnswer, Outcome, Server, Usage};
use crate::verdict::Scope;

/// Decimals that a number is told with, so that what is kept as text reads back as it was.
const DECIMALS: f64 = 1e6;

/// Asks a model a question whose answer is one of some choices: the text of a submission is the prompt.
pub(super) struct Question {
    pub(super) name: &'static str,
    server: Server,
    system: Option<String>,
    options: Options,
    choices: Vec<Choice>,
    workers: usize,
    stamp: String,
    watch: Arc<Watch>,
}

impl Question {
    /// Prepares to ask; sends nothing.
    pub(super) fn new(
        name: &'static str,
        config: &AiConfig,
        choices: Vec<Choice>,
        watch: Arc<Watch>,
    ) -> Result<Self, String> {
        let server = config.server()?;
        // An empty key is none.
        let key = std::env::var(&config.api_key_env).ok();
        let key = key.filter(|key| !key.is_empty());
        let words: Vec<&str> = choices.iter().map(|choice| choice.word.as_str()).collect();
        let stamp = format!(
            "{name}/1 {} at {} system {:?} temperature {} tokens {} logprobs {} choices {}",
            server.model,
            server.url,
            config.system,
            config.temperature,
            config.max_tokens,
            config.logprobs,
            words.join(",")
        );
        Ok(Self {
            name,
            server: Server::new(&server, CHAT, key).map_err(|error| error.to_string())?,
            system: config.system.clone(),
            options: Options {
                temperature: Some(config.temperature),
                max_tokens: Some(config.max_tokens),
                top_logprobs: (config.logprobs > 0).then_some(config.logprobs),
                ..Options::default()
            },
            choices,
            workers: config.concurrency,
            stamp,
            watch,
        })
    }

    /// What an answer is worth, and whether tokens said so.
    fn read(&self, reply: &Reply) -> Result<(f64, bool), Silence> {
        if reply.refused {
            return Err(Silence::Refused(shortened(&reply.text)));
        }
        if reply.cut {
            return Err(Silence::Cut);
        }
        let place = chosen(&reply.text, &self.choices)?;
        let by_tokens = expected(&reply.likely, &self.choices, place);
        let value = by_tokens.unwrap_or(self.choices[place].worth);
        Ok(((value * DECIMALS).round() / DECIMALS, by_tokens.is_some()))
    }

    fn said(&self, value: Option<f64>, reason: String) -> Judgement {
        Judgement {
            // What is no opinion may be one another time.
            repeatable: value.is_some() && self.options.temperature == Some(0.0),
            ..Judgement::of_scores(vec![Score {
                judge: self.name.to_owned(),
                value,
                span: None,
                reason,
            }])
        }
    }

    fn failed(&self, problem: &Problem, cause: String) -> JudgeError {
        JudgeError::Failed {
            judge: self.name.to_owned(),
            id: problem.id.clone(),
            cause: Arc::new(std::io::Error::other(cause)),
        }
    }
}

impl Judge for Question {
    fn name(&self) -> &'static str {
        self.name
    }

    fn supports(&self, _problem: &Problem, _scope: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        self.stamp.clone()
    }

    fn workers(&self) -> usize {
        self.workers
    }

    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        if cancel.is_cancelled() {
            return Err(JudgeError::Stopped);
        }
        let system = self.system.iter().map(Message::system);
        let messages: Vec<Message> = system.chain([Message::user(submission.text)]).collect();
        let asked = self
            .server
            .ask(&Asked::of_text(&messages, &self.options, 0));
        let failed = Usage::of_failure(asked.requests);
        match asked.outcome {
            Outcome::Said(reply) => {
                self.watch
                    .asked(&Usage::of_answer(asked.requests, reply.usage));
                match self.read(&reply) {
                    Ok((value, by_tokens)) => {
                        self.watch.said(by_tokens);
                        let how = if by_tokens {
                            ", by token probabilities"
                        } else {
                            ""
                        };
                        let reason = format!("it says {}{how}", shortened(&reply.text));
                        Ok(self.said(Some(value), reason))
                    }
                    Err(silence) => {
                        self.watch.silent(&silence);
                        Ok(self.said(None, silence.to_string()))
                    }
                }
            }
            // Of this very question: to ask again changes nothing.
            Outcome::Lost(lost @ LostAnswer::Refused { .. }) => {
                self.watch.asked(&failed);
                let silence = Silence::Refused(lost.to_string());
                self.watch.silent(&silence);
                Ok(self.said(None, silence.to_string()))
            }
            Outcome::Lost(lost) | Outcome::Unanswered(lost) => {
                self.watch.asked(&failed);
                Err(self.failed(submission.problem, lost.to_string()))
            }
            Outcome::Fatal(error) => {
                self.watch.asked(&failed);
                let hint = if self.options.top_logprobs.is_some() {
                    " (a server that tells no log-probabilities may need logprobs = 0)"
                } else {
                    ""
                };
                Err(self.failed(submission.problem, format!("{error}{hint}")))
            }
        }
    }
}
