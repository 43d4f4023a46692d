//! What a configuration says of a model as judge.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::device::Processor;
use crate::server::{Prices, ServerConfig, base_url};

/// What a model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Which of two answers is better.
    Pairwise,
    /// A rating.
    Rating,
    /// Whether the answer meets each point of a rubric.
    Rubric,
    /// Whether the answer meets a requirement.
    Constraint,
}

impl Kind {
    /// The name in configurations and scores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pairwise => "ai_pairwise",
            Self::Rating => "ai_rating",
            Self::Rubric => "ai_rubric",
            Self::Constraint => "ai_constraint",
        }
    }
}

/// In which orders two answers are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orders {
    /// Both, and what is said is averaged.
    #[default]
    Both,
    /// The one in which they were given: half the cost, and a preference for the first or second place goes into every label.
    One,
}

/// A point of a rubric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Point {
    /// One that counts 1.
    Plain(String),
    /// One with a weight.
    Weighed {
        /// The requirement.
        text: String,
        /// What it counts among the points.
        weight: f64,
    },
}

impl Point {
    /// The requirement, and what it counts.
    pub fn parts(&self) -> (&str, f64) {
        match self {
            Self::Plain(text) => (text, 1.0),
            Self::Weighed { text, weight } => (text, *weight),
        }
    }
}

/// Everything that is said of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AiConfig {
    /// Address before `/chat/completions`; where it is empty, what `OPENAI_BASE_URL` names.
    pub url: String,
    /// The model's name there; empty for a server that serves one.
    pub model: String,
    /// Folder of a checkpoint that is asked here, in the place of a server: the probabilities of what it may answer are compared.
    pub policy: Option<PathBuf>,
    /// What that is computed on.
    pub device: Processor,
    /// The variable that holds the key, which is neither printed nor recorded.
    pub api_key_env: String,
    /// A template of the prompt in place of the built-in one.
    pub prompt: Option<PathBuf>,
    /// A message before it.
    pub system: Option<String>,
    /// Tokens told in the place of each, with their log-probabilities; 0 for a server that tells none.
    pub logprobs: usize,
    /// Tokens of what it says at most.
    pub max_tokens: usize,
    /// The temperature. Above 0 asking again says something else, and nothing is kept.
    pub temperature: f64,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Requests made for one answer at most.
    pub tries: u32,
    /// Seconds for one request.
    pub timeout_s: f64,
    /// Price of a million tokens read; with `price_written` the cost is told.
    pub price_read: Option<f64>,
    /// Price of a million tokens written.
    pub price_written: Option<f64>,
    /// Whether what it said is kept on disk, so that the same question is asked once.
    pub cache: bool,
    /// Whether answers that are compared are judged by the tests as well, to say how often the two agree.
    pub check: bool,
    /// In which orders two answers are shown.
    pub orders: Orders,
    /// The lowest rating.
    pub lowest: u32,
    /// The highest rating.
    pub highest: u32,
    /// What an answer must meet.
    pub requirement: String,
    /// The points of a rubric.
    pub points: Vec<Point>,
    /// Share of comparisons that may turn with the order in which the answers are shown.
    pub max_flips: f64,
    /// Share of questions that may come to no opinion.
    pub max_no_opinion: f64,
    /// Share of comparisons that the longer answer may win.
    pub max_longer: f64,
    /// Share of pairs with one right answer in which that one must be preferred.
    pub min_agreement: f64,
}

impl Default for AiConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            model: String::new(),
            policy: None,
            device: Processor::default(),
            api_key_env: "OPENAI_API_KEY".to_owned(),
            prompt: None,
            system: None,
            logprobs: 20,
            max_tokens: 16,
            temperature: 0.0,
            concurrency: 8,
            tries: 4,
            timeout_s: 120.0,
            price_read: None,
            price_written: None,
            cache: true,
            check: true,
            orders: Orders::Both,
            lowest: 1,
            highest: 10,
            requirement: String::new(),
            points: Vec::new(),
            max_flips: 0.4,
            max_no_opinion: 0.5,
            max_longer: 1.0,
            min_agreement: 0.0,
        }
    }
}

impl AiConfig {
    /// The first setting that makes no sense for this kind.
    pub(super) fn fault(&self, kind: Kind) -> Option<String> {
        let of_servers = [
            ("url", !self.url.is_empty()),
            ("model", !self.model.is_empty()),
            ("system", self.system.is_some()),
            ("temperature", self.temperature != 0.0),
            ("price_read", self.price_read.is_some()),
            ("price_written", self.price_written.is_some()),
        ];
        let set = of_servers.iter().find(|(_, is_set)| *is_set);
        if let (Some(_), Some((key, _))) = (&self.policy, set) {
            return Some(format!(
                "{key} is set beside policy; expected it only with a server: a policy in a folder has no use for it"
            ));
        }
        for (key, count) in [
            ("max_tokens", self.max_tokens),
            ("concurrency", self.concurrency),
            ("tries", self.tries as usize),
        ] {
            if count == 0 {
                return Some(format!("{key} is 0; expected at least 1"));
            }
        }
        for (key, share) in [
            ("max_flips", self.max_flips),
            ("max_no_opinion", self.max_no_opinion),
            ("max_longer", self.max_longer),
            ("min_agreement", self.min_agreement),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return Some(format!("{key} is {share}; expected a share from 0 to 1"));
            }
        }
        let (temperature, timeout) = (self.temperature, self.timeout_s);
        if !(temperature >= 0.0 && temperature.is_finite()) {
            return Some(format!(
                "temperature is {temperature}; expected a number of at least 0"
            ));
        }
        if !(timeout > 0.0 && timeout <= 86_400.0) {
            return Some(format!(
                "timeout_s is {timeout}; expected seconds above 0, a day at most"
            ));
        }
        match kind {
            Kind::Rating if self.lowest >= self.highest || self.highest > 100 => Some(format!(
                "lowest is {} and highest {}; expected the first below the second, and 100 at most",
                self.lowest, self.highest
            )),
            Kind::Constraint if self.requirement.trim().is_empty() => {
                Some("requirement is empty; say what an answer must meet".to_owned())
            }
            Kind::Rubric => self.fault_of_points(),
            Kind::Pairwise | Kind::Rating | Kind::Constraint => None,
        }
    }

    fn fault_of_points(&self) -> Option<String> {
        if self.points.is_empty() {
            return Some("points is empty; list what an answer is to meet".to_owned());
        }
        let points = self.points.iter().map(Point::parts).enumerate();
        let mut bad = points.filter_map(|(place, (text, weight))| {
            if text.trim().is_empty() {
                return Some(format!("points[{place}] says nothing"));
            }
            let sound = weight > 0.0 && weight.is_finite();
            (!sound)
                .then(|| format!("points[{place}].weight is {weight}; expected a number above 0"))
        });
        bad.next()
    }

    /// What tokens cost, where it is known.
    pub(super) fn prices(&self) -> Option<Prices> {
        let (read, written) = self.price_read.zip(self.price_written)?;
        Some(Prices { read, written })
    }

    /// Where it is asked, and how patiently.
    pub(super) fn server(&self) -> Result<ServerConfig, String> {
        Ok(ServerConfig {
            url: base_url(&self.url).map_err(|error| error.to_string())?,
            model: self.model.clone(),
            concurrency: self.concurrency,
            tries: self.tries,
            timeout: Duration::from_secs_f64(self.timeout_s),
            backoff: Duration::from_millis(500),
        })
    }
}
