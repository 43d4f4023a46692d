//! What `tokenizer.ggml.pre` names → how a text is cut before bytes are merged, in the words of a `tokenizer.json`: one row a
//! name, each as the models' own files have it.

use serde_json::{Value, json};

/// How a text is cut.
#[derive(Debug)]
pub(super) struct Splitting {
    name: &'static str,
    /// What is cut off first; bytes alone, where there is none.
    pattern: Option<&'static str>,
    /// Whether every digit stands alone, before the rest is cut as GPT-2 does.
    digits: bool,
    /// Whether letters and their marks become one.
    composed: bool,
    /// Whether a piece that is a token is taken as it is.
    whole: bool,
}

/// Letters, single digits, signs and blanks (Qwen2).
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same with up to three digits together (Llama 3).
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The names that are known, some of them for the same.
static KNOWN: [Splitting; 4] = [
    Splitting {
        name: "smollm",
        pattern: None,
        digits: true,
        composed: false,
        whole: false,
    },
    Splitting {
        name: "gpt-2",
        pattern: None,
        digits: false,
        composed: false,
        whole: false,
    },
    Splitting {
        name: "qwen2",
        pattern: Some(QWEN2),
        digits: false,
        composed: true,
        whole: false,
    },
    Splitting {
        name: "llama-bpe",
        pattern: Some(LLAMA3),
        digits: false,
        composed: false,
        whole: true,
    },
];

/// Other names of `llama-bpe`.
const LLAMA3_NAMES: [&str; 2] = ["llama3", "llama-v3"];

/// The splitting of a name.
pub(super) fn named(name: &str) -> Result<&'static Splitting, String> {
    let canonical = if LLAMA3_NAMES.contains(&name) {
        "llama-bpe"
    } else {
        name
    };
    KNOWN
        .iter()
        .find(|known| known.name == canonical)
        .ok_or_else(|| {
            let names: Vec<_> = KNOWN.iter().map(|known| format!("{:?}", known.name)).collect();
            format!(
                "field tokenizer.ggml.pre: expected {}, found {name:?}; a text cut otherwise has other ids: use the model's own folder",
                names.join(", ")
            )
        })
}

impl Splitting {
    pub(super) const fn ignores_merges(&self) -> bool {
        self.whole
    }

    /// Whether a text begins with a token of its own where a file doesn't say.
    pub(super) const fn begins_texts(&self) -> bool {
        self.whole
    }

    pub(super) fn normalizer(&self) -> Value {
        if self.composed {
            json!({"type": "NFC"})
        } else {
            Value::Null
        }
    }

    pub(super) fn pre_tokenizer(&self) -> Value {
        let bytes = |by_gpt2: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": by_gpt2});
        let first = match self.pattern {
            Some(pattern) => {
                json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false})
            }
            None if self.digits => json!({"type": "Digits", "individual_digits": true}),
            None => return bytes(true),
        };
        json!({"type": "Sequence", "pretokenizers": [first, bytes(self.pattern.is_none())]})
    }
}
