//! What a server was asked and what it charged, by its own count. What it didn't count is unknown, which isn't nought.

use serde::{Deserialize, Serialize};

/// Price of a million tokens read, and of a million tokens written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// Of tokens read.
    pub read: f64,
    /// Of tokens written.
    pub written: f64,
}

/// What a server was asked and what it charged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Answers received and used.
    pub answers: u64,
    /// Requests sent beyond one an answer.
    pub retries: u64,
    /// Tokens read by the server, by its own count; none where it counted none of its answers.
    pub prompt_tokens: Option<u64>,
    /// Tokens written by the server, by its own count; none where it counted none of its answers.
    pub completion_tokens: Option<u64>,
    /// Answers that came without a count.
    pub uncounted: u64,
    /// What the tokens cost at the prices given; none where some weren't counted. Requests that failed may have been charged
    /// too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

impl Usage {
    /// Of one answer that took some requests, with the tokens read and written where the server said them.
    pub fn of_answer(requests: u64, tokens: Option<(u64, u64)>) -> Self {
        Self {
            answers: 1,
            retries: requests.saturating_sub(1),
            prompt_tokens: tokens.map(|(read, _)| read),
            completion_tokens: tokens.map(|(_, written)| written),
            uncounted: u64::from(tokens.is_none()),
            cost: None,
        }
    }

    /// Of requests that no answer came of.
    pub fn of_failure(requests: u64) -> Self {
        Self {
            retries: requests.saturating_sub(1),
            ..Self::default()
        }
    }

    /// Counts another's in.
    pub fn add(&mut self, other: &Self) {
        // A file written before unknown was told from nought holds 0 for it.
        let counted = other.answers > other.uncounted;
        let sum = |mine: &mut Option<u64>, more: Option<u64>| {
            if let Some(more) = more.filter(|_| counted) {
                *mine = Some(mine.unwrap_or(0) + more);
            }
        };
        sum(&mut self.prompt_tokens, other.prompt_tokens);
        sum(&mut self.completion_tokens, other.completion_tokens);
        self.answers += other.answers;
        self.retries += other.retries;
        self.uncounted += other.uncounted;
    }

    /// The same with what it cost.
    #[must_use]
    pub fn priced(mut self, prices: Option<Prices>) -> Self {
        let tokens = self.prompt_tokens.zip(self.completion_tokens);
        self.cost =
            prices
                .zip(tokens)
                .filter(|_| self.uncounted == 0)
                .map(|(price, (read, written))| {
                    (read as f64 * price.read + written as f64 * price.written) / 1e6
                });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_counted_is_unknown_and_costs_an_unknown_sum() {
        let prices = Some(Prices {
            read: 2.0,
            written: 10.0,
        });
        let mut all = Usage::default();
        all.add(&Usage::of_answer(1, None));
        assert_eq!((all.prompt_tokens, all.uncounted), (None, 1));
        assert_eq!(all.clone().priced(prices).cost, None);
        all.add(&Usage::of_answer(3, Some((100, 7))));
        assert_eq!((all.completion_tokens, all.retries), (Some(7), 2));
        assert_eq!(all.clone().priced(prices).cost, None);
        let mut known = Usage::default();
        known.add(&Usage::of_answer(1, Some((100, 7))));
        known.add(&Usage::of_failure(6));
        assert_eq!((known.answers, known.retries), (1, 5));
        assert_eq!(known.priced(prices).cost, Some((200.0 + 70.0) / 1e6));
    }

    #[test]
    fn a_nought_of_before_is_read_as_unknown() {
        let old =
            r#"{"answers":1,"retries":0,"prompt_tokens":0,"completion_tokens":0,"uncounted":1}"#;
        let mut all = Usage::default();
        all.add(&serde_json::from_str(old).unwrap());
        assert_eq!((all.answers, all.prompt_tokens), (1, None));
    }
}
