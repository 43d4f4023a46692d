//! SentencePiece's BPE in the words of a `tokenizer.json`. It keeps no list of merges but a score for every piece: the two that
//! make the piece of the highest score are merged first (Kudo and Richardson 2018, arXiv 1808.06226).

use std::collections::HashMap;

use serde_json::{Value, json};

/// What stands for a blank.
const BLANK: &str = "\u{2581}";

/// Blanks become a letter, and a text begins with one where it does in SentencePiece.
pub(super) fn normalizer(prefixed: bool) -> Value {
    let blanks = json!({"type": "Replace", "pattern": {"String": " "}, "content": BLANK});
    if !prefixed {
        return blanks;
    }
    json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": BLANK}, blanks]})
}

/// The same way back; bytes that stand for themselves become text.
pub(super) fn decoder(prefixed: bool) -> Value {
    let mut steps = vec![
        json!({"type": "Replace", "pattern": {"String": BLANK}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefixed {
        steps.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    json!({"type": "Sequence", "decoders": steps})
}

/// All pairs of pieces that make a piece, the best piece first. Only pieces of text take part: no text becomes a token that
/// steers.
pub(super) fn merges<'a>(
    tokens: &'a [String],
    scores: &[f64],
    is_text: impl Fn(usize) -> bool,
) -> Vec<[&'a str; 2]> {
    let ids: HashMap<&str, usize> = tokens
        .iter()
        .enumerate()
        .filter(|(id, _)| is_text(*id))
        .map(|(id, token)| (token.as_str(), id))
        .collect();
    let mut found: Vec<(f64, usize, [usize; 2], [&str; 2])> = Vec::new();
    for (&token, &id) in &ids {
        for (at, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(at);
            if let (Some(&first), Some(&second)) = (ids.get(left), ids.get(right)) {
                found.push((scores[id], id, [first, second], [left, right]));
            }
        }
    }
    found.sort_by(|a, b| {
        let by_score = b.0.total_cmp(&a.0);
        by_score.then_with(|| (a.1, a.2).cmp(&(b.1, b.2)))
    });
    found.into_iter().map(|(.., pair)| pair).collect()
}
