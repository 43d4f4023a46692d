//! Ids and their log-probabilities → an answer's text with each token coloured by how unlikely it was when it was drawn.

use std::fmt::Write as _;

use crate::checkpoint::tokenizer::Tokenizer;

use super::visible::escaped;
use crate::episode::TurnCredit;

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

/// What tokens are coloured by.
pub(super) struct Colouring {
    /// What it is, in words.
    pub(super) name: &'static str,
    /// The text, marked.
    pub(super) html: String,
}

/// The class of a number that may lie on either side of nothing, beside the largest of its turn.
fn side(value: f64, largest: f64) -> String {
    let share = value.abs() / largest;
    let strength = [0.02, 0.25, 0.6]
        .iter()
        .take_while(|bound| share >= **bound)
        .count();
    match strength {
        0 => "p0".to_owned(),
        _ if value < 0.0 => format!("lo{strength}"),
        _ => format!("hi{strength}"),
    }
}

/// The text of a turn, once for each that is known of its tokens: how likely they were, what they were worth, how far the update
/// moved them, and how far they are from the reference. Nothing where an id is none of the tokenizer's.
pub(super) fn colourings(
    tokenizer: &Tokenizer,
    (ids, log_probs): (&[u32], &[f32]),
    credit: Option<&TurnCredit>,
) -> Vec<Colouring> {
    let none = TurnCredit::default();
    let credit = credit.unwrap_or(&none);
    let title = |token: usize| {
        let log_probability = log_probs[token];
        let percent = 100.0 * f64::from(log_probability).exp();
        let mut title = format!(
            "token {}, log-probability {log_probability:.3} ({percent:.1}%)",
            ids[token]
        );
        for (name, all) in [
            ("advantage", &credit.advantages),
            ("ratio", &credit.ratios),
            ("above the reference by", &credit.reference_gap),
        ] {
            if let Some(value) = TurnCredit::of(all, token) {
                // Writing to a String can't fail.
                let _ = write!(title, ", {name} {value}");
            }
        }
        title
    };
    let mut found = Vec::new();
    let likely = |token: usize| format!("p{}", class(log_probs[token]));
    let html = marked(tokenizer, ids, &title, &likely);
    found.extend(html.map(|html| Colouring {
        name: "probability when they were drawn",
        html,
    }));
    for (name, all, middle) in [
        ("advantage", &credit.advantages, 0.0),
        (
            "ratio of the update that learnt from them",
            &credit.ratios,
            1.0,
        ),
        ("distance from the reference", &credit.reference_gap, 0.0),
    ] {
        if all.is_empty() {
            continue;
        }
        let away = all.iter().map(|value| (value - middle).abs());
        let largest = away.fold(f64::MIN_POSITIVE, f64::max);
        let class = |token: usize| {
            let value = TurnCredit::of(all, token);
            value.map_or_else(|| "p0".to_owned(), |value| side(value - middle, largest))
        };
        let html = marked(tokenizer, ids, &title, &class);
        found.extend(html.map(|html| Colouring { name, html }));
    }
    found
}

/// The text as a piece of a page; nothing where an id is none of the tokenizer's.
fn marked(
    tokenizer: &Tokenizer,
    ids: &[u32],
    title: &dyn Fn(usize) -> String,
    class: &dyn Fn(usize) -> String,
) -> Option<String> {
    let mut html = String::new();
    // Tokens that end within a character show it where it ends.
    let mut open: Vec<u32> = Vec::new();
    for (token, &id) in ids.iter().enumerate().take(MOST) {
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
        // Writing to a String can't fail.
        let _ = write!(
            html,
            "<span class=\"{}\" title=\"{}\">{}</span>",
            class(token),
            title(token),
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
    fn sides_are_by_sign_and_strength() {
        let found = [0.0, 0.01, -0.1, 0.3, -0.7, 1.0].map(|value| side(value, 1.0));
        assert_eq!(found, ["p0", "p0", "lo1", "hi2", "lo3", "hi3"]);
    }

    #[test]
    fn classes_are_by_probability() {
        let of = |probability: f64| class(probability.ln() as f32);
        let found = [1.0, 0.95, 0.6, 0.3, 0.1, 0.02, 0.001].map(of);
        assert_eq!(found, [0, 0, 1, 2, 3, 4, 5]);
        assert_eq!(BOUNDS.len() + 1, CLASSES.len());
    }
}
