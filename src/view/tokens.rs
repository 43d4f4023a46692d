//! Ids and their log-probabilities → an answer's text with each token coloured by how unlikely it was when it was drawn.

use std::fmt::Write as _;

use crate::checkpoint::tokenizer::Tokenizer;

use super::visible::escaped;

/// Tokens that are coloured at most.
const MOST: usize = 8192;
/// Probabilities below which a token is one class less likely.
const BOUNDS: [f64; 5] = [0.9, 0.5, 0.2, 0.05, 0.01];

/// What the classes mean, from the likeliest on.
pub(super) const CLASSES: [&str; 6] = ["over 90%", "50–90%", "20–50%", "5–20%", "1–5%", "under 1%"];

/// The class of a token, from 0, the likeliest.
fn class(log_probability: f32) -> usize {
    let probability = f64::from(log_probability).exp();
    BOUNDS
        .iter()
        .take_while(|bound| probability < **bound)
        .count()
}

/// The text as a piece of a page; nothing where an id is none of the tokenizer's.
pub(super) fn coloured(tokenizer: &Tokenizer, ids: &[u32], log_probs: &[f32]) -> Option<String> {
    let mut html = String::new();
    // Tokens that end within a character show it where it ends.
    let mut open: Vec<u32> = Vec::new();
    for (&id, &log_probability) in ids.iter().zip(log_probs).take(MOST) {
        open.push(id);
        let mut text = tokenizer.decode(&open).ok()?;
        if text.ends_with('\u{fffd}') && open.len() < 4 {
            continue;
        }
        open.clear();
        if text.is_empty() {
            // A special one.
            text.push('⏎');
        }
        let percent = 100.0 * f64::from(log_probability).exp();
        // Writing to a String can't fail.
        let _ = write!(
            html,
            "<span class=\"p{}\" title=\"token {id}, log-probability {log_probability:.3} ({percent:.1}%)\">{}</span>",
            class(log_probability),
            escaped(&text)
        );
    }
    if ids.len() > MOST {
        html.push_str("<em> … more tokens are not shown</em>");
    }
    Some(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_by_probability() {
        let of = |probability: f64| class(probability.ln() as f32);
        let found = [1.0, 0.95, 0.6, 0.3, 0.1, 0.02, 0.001].map(of);
        assert_eq!(found, [0, 0, 1, 2, 3, 4, 5]);
        assert_eq!(BOUNDS.len() + 1, CLASSES.len());
    }
}
