//! Writes GGUF files: fields and tensors as bytes, by the format's own words, apart from the reader.

use std::path::Path;

use super::super::checkpoints::{folder, load};

/// A field's value.
#[derive(Clone)]
pub(super) enum Field {
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    I32s(Vec<i32>),
    F32s(Vec<f32>),
}

/// A tensor: name, sizes from the fastest on, type, bytes.
pub(super) type Stored = (String, Vec<u64>, u32, Vec<u8>);

/// A file in parts.
#[derive(Clone, Default)]
pub(super) struct GgufFile {
    pub(super) fields: Vec<(String, Field)>,
    pub(super) tensors: Vec<Stored>,
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

impl GgufFile {
    pub(super) fn set(&mut self, name: &str, value: Field) {
        self.fields.retain(|(own, _)| own != name);
        self.fields.push((name.to_owned(), value));
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(own, _)| own != name);
        self.tensors.retain(|(own, ..)| own != name);
        self
    }

    pub(super) fn with(mut self, name: &str, value: Field) -> Self {
        self.set(name, value);
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.fields.len() as u64).to_le_bytes());
        for (name, value) in &self.fields {
            text(&mut bytes, name);
            let mut kind = |kind: u32| bytes.extend(kind.to_le_bytes());
            match value {
                Field::U32(number) => {
                    kind(4);
                    bytes.extend(number.to_le_bytes());
                }
                Field::F32(number) => {
                    kind(6);
                    bytes.extend(number.to_le_bytes());
                }
                Field::Bool(truth) => {
                    kind(7);
                    bytes.push((*truth).into());
                }
                Field::Text(own) => {
                    kind(8);
                    text(&mut bytes, own);
                }
                Field::Texts(all) => {
                    kind(9);
                    kind(8);
                    bytes.extend((all.len() as u64).to_le_bytes());
                    for own in all {
                        text(&mut bytes, own);
                    }
                }
                Field::I32s(all) => {
                    kind(9);
                    kind(5);
                    bytes.extend((all.len() as u64).to_le_bytes());
                    bytes.extend(all.iter().flat_map(|number| number.to_le_bytes()));
                }
                Field::F32s(all) => {
                    kind(9);
                    kind(6);
                    bytes.extend((all.len() as u64).to_le_bytes());
                    bytes.extend(all.iter().flat_map(|number| number.to_le_bytes()));
                }
            }
        }
        let mut offset = 0_u64;
        for (name, sizes, kind, data) in &self.tensors {
            text(&mut bytes, name);
            bytes.extend((sizes.len() as u32).to_le_bytes());
            bytes.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            offset += (data.len() as u64).next_multiple_of(32);
        }
        for (.., data) in &self.tensors {
            bytes.resize(bytes.len().next_multiple_of(32), 0);
            bytes.extend(data);
        }
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes
    }

    pub(super) fn write(&self, path: &Path) {
        std::fs::write(path, self.bytes()).unwrap();
    }
}

/// Tokens of bytes, as many as a model has rows.
pub(super) fn vocabulary(file: &mut GgufFile, count: usize) {
    // The letters that stand for bytes in GPT-2's alphabet, from '!' on.
    let letters =
        (0..count as u32).map(|i| char::from_u32(0x21 + i + u32::from(i > 93) * 34).unwrap());
    let tokens: Vec<String> = letters.map(|letter| letter.to_string()).collect();
    file.set("tokenizer.ggml.model", Field::Text("gpt2".to_owned()));
    file.set("tokenizer.ggml.pre", Field::Text("smollm".to_owned()));
    file.set("tokenizer.ggml.token_type", Field::I32s(vec![1; count]));
    file.set("tokenizer.ggml.merges", Field::Texts(Vec::new()));
    file.set("tokenizer.ggml.eos_token_id", Field::U32(2));
    file.set("tokenizer.ggml.tokens", Field::Texts(tokens));
}

/// llama.cpp turns rows of queries and keys: `reshape(heads, 2, width / 2).swapaxes(1, 2)`.
fn turned(numbers: &[f32], heads: usize, columns: usize) -> Vec<f32> {
    let width = numbers.len() / columns / heads;
    let mut found = Vec::new();
    for head in 0..heads {
        for i in 0..width / 2 {
            for half in 0..2 {
                let row = head * width + half * (width / 2) + i;
                found.extend(&numbers[row * columns..(row + 1) * columns]);
            }
        }
    }
    found
}

/// One of the small models of `golden/models`, as llama.cpp's converter writes it in f32.
pub(super) fn of_model(name: &str) -> GgufFile {
    let decoder = load(name);
    let shape = &decoder.config;
    let text = std::fs::read(folder(name).join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let own = config["model_type"].as_str().unwrap();
    let mut file = GgufFile::default();
    file.set("general.architecture", Field::Text(own.to_owned()));
    file.set("general.name", Field::Text("a small model".to_owned()));
    file.set(
        "maker.note",
        Field::Text("what other tools write".to_owned()),
    );
    let mut whole = |name: &str, number: usize| {
        file.set(&format!("{own}.{name}"), Field::U32(number as u32));
    };
    whole("context_length", shape.max_position_embeddings);
    whole("embedding_length", shape.hidden_size);
    whole("block_count", shape.num_hidden_layers);
    whole("feed_forward_length", shape.intermediate_size);
    whole("attention.head_count", shape.num_attention_heads);
    whole("attention.head_count_kv", shape.num_key_value_heads);
    whole("attention.key_length", shape.head_dim);
    whole("attention.value_length", shape.head_dim);
    whole("rope.dimension_count", shape.head_dim);
    let mut number = |name: &str, number: f64| {
        file.set(&format!("{own}.{name}"), Field::F32(number as f32));
    };
    number("attention.layer_norm_rms_epsilon", shape.rms_norm_eps);
    number("rope.freq_base", shape.rope_theta);
    stretch(&mut file, own, &config);
    vocabulary(&mut file, shape.vocab_size);
    for (name, tensor) in decoder.weights.names.iter().zip(&decoder.weights.tensors) {
        let [rows, columns] = tensor.dims();
        let numbers = tensor.clone().into_data().try_to_vec::<f32>().unwrap();
        let heads = [
            ("q_proj", shape.num_attention_heads),
            ("k_proj", shape.num_key_value_heads),
        ];
        let turning = heads
            .iter()
            .find(|(part, _)| own == "llama" && name.contains(part));
        let numbers = match turning {
            Some((_, heads)) if rows == 1 => turned(&numbers, *heads, 1),
            Some((_, heads)) => turned(&numbers, *heads, columns),
            None => numbers,
        };
        let sizes = if rows == 1 {
            vec![columns as u64]
        } else {
            vec![columns as u64, rows as u64]
        };
        let bytes = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        file.tensors.push((theirs(name), sizes, 0, bytes));
    }
    file
}

/// The stretch of rotary frequencies, in fields or as divisors.
fn stretch(file: &mut GgufFile, own: &str, config: &serde_json::Value) {
    let rope = &config["rope_parameters"];
    let number = |name: &str| rope[name].as_f64().unwrap();
    match rope["rope_type"].as_str() {
        Some("linear" | "yarn") => {
            let kind = rope["rope_type"].as_str().unwrap().to_owned();
            file.set(&format!("{own}.rope.scaling.type"), Field::Text(kind));
            file.set(
                &format!("{own}.rope.scaling.factor"),
                Field::F32(number("factor") as f32),
            );
            if let Some(original) = rope["original_max_position_embeddings"].as_u64() {
                let name = format!("{own}.rope.scaling.original_context_length");
                file.set(&name, Field::U32(original as u32));
            }
        }
        Some("llama3") => {
            // As convert_hf_to_gguf.py writes them.
            let width = config["head_dim"].as_u64().unwrap() as i32;
            let original = number("original_max_position_embeddings");
            let (low, high) = (number("low_freq_factor"), number("high_freq_factor"));
            let factors = (0..width / 2).map(|i| {
                let frequency = number("rope_theta").powf(-f64::from(2 * i) / f64::from(width));
                let wave = std::f64::consts::TAU / frequency;
                if wave < original / high {
                    1.0
                } else if wave > original / low {
                    number("factor")
                } else {
                    let smooth = (original / wave - low) / (high - low);
                    1.0 / ((1.0 - smooth) / number("factor") + smooth)
                }
            });
            let bytes = factors
                .flat_map(|factor| (factor as f32).to_le_bytes())
                .collect();
            file.tensors.push((
                "rope_freqs.weight".to_owned(),
                vec![width as u64 / 2],
                0,
                bytes,
            ));
        }
        _ => {}
    }
}

fn theirs(ours: &str) -> String {
    let parts = [
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("model.layers.", "blk."),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ];
    let replaced = |name: String, (own, other): &(&str, &str)| name.replace(own, other);
    parts.iter().fold(ours.to_owned(), replaced)
}
