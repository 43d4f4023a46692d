//! Files that can't be read: each is refused by the name of what is wrong, without a panic, without much memory, and nothing of
//! the folder stays.

use proptest::prelude::*;

use super::file::{Field, GgufFile, of_model};
use super::{import, made, speaking};

fn says(file: &GgufFile, words: &[&str]) {
    let (_place, imported) = import(file);
    let said = imported.unwrap_err().to_string();
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert!(said.len() < 1000, "{said}");
}

fn text(text: &str) -> Field {
    Field::Text(text.to_owned())
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let plain = of_model("llama");
    let with = |name: &str, value: Field| plain.clone().with(name, value);
    for (name, value, words) in [
        ("general.architecture", text("gemma3"), "found \"gemma3\""),
        (
            "general.type",
            text("adapter"),
            "expected \"model\", found \"adapter\"",
        ),
        ("general.alignment", Field::U32(0), "power of two"),
        ("general.alignment", Field::U32(48), "power of two"),
        ("split.count", Field::U32(3), "llama-gguf-split --merge"),
        ("adapter.type", text("lora"), "adapter.type"),
        ("llama.expert_count", Field::U32(8), "expected 0, found 8"),
        ("llama.logit_scale", Field::F32(0.5), "llama.logit_scale"),
        (
            "llama.attention.sliding_window",
            Field::U32(128),
            "found 128",
        ),
        (
            "llama.attention.value_length",
            Field::U32(4),
            "expected 8, found 4",
        ),
        (
            "llama.rope.dimension_count",
            Field::U32(4),
            "expected 8, found 4",
        ),
        (
            "llama.rope.scaling.type",
            text("longrope"),
            "found \"longrope\"",
        ),
        (
            "llama.rope.scaling.type",
            text("yarn"),
            "rope.scaling.factor",
        ),
        ("llama.rope.scaling.factor", Field::F32(-1.0), "factor"),
        (
            "llama.rope.scaling.attn_factor",
            Field::F32(1.5),
            "attn_factor",
        ),
        ("llama.vocab_size", Field::U32(95), "expected 96"),
        ("llama.embedding_length", Field::U32(0), "above 0"),
        (
            "llama.embedding_length",
            Field::U32(64),
            "token_embd.weight",
        ),
        (
            "llama.attention.head_count",
            Field::I32s(vec![4, 4]),
            "an array of 2 numbers",
        ),
        (
            "llama.attention.head_count",
            Field::U32(3),
            "num_key_value_heads",
        ),
        (
            "llama.block_count",
            Field::U32(u32::MAX),
            "num_hidden_layers",
        ),
        ("llama.block_count", Field::U32(3), "blk.2."),
        ("llama.block_count", Field::U32(1), "tensor blk.1."),
        (
            "llama.feed_forward_length",
            Field::U32(u32::MAX),
            "intermediate_size",
        ),
        ("llama.context_length", Field::F32(64.0), "a whole number"),
        ("tokenizer.ggml.model", text("t5"), "found \"t5\""),
        ("tokenizer.ggml.pre", text("tekken"), "found \"tekken\""),
        (
            "tokenizer.ggml.something",
            Field::Bool(true),
            "tokenizer.ggml.something",
        ),
        (
            "tokenizer.ggml.add_eos_token",
            Field::Bool(true),
            "add_eos_token",
        ),
        (
            "tokenizer.ggml.add_space_prefix",
            Field::Bool(true),
            "add_space_prefix",
        ),
        (
            "tokenizer.ggml.remove_extra_whitespaces",
            Field::Bool(true),
            "remove_extra",
        ),
        (
            "tokenizer.ggml.token_type",
            Field::I32s(vec![9; 96]),
            "found 9",
        ),
        (
            "tokenizer.ggml.token_type",
            Field::I32s(vec![1; 95]),
            "expected 96 entries",
        ),
        ("tokenizer.ggml.eos_token_id", Field::U32(96), "below 96"),
        (
            "tokenizer.ggml.merges",
            Field::Texts(vec!["ab".to_owned()]),
            "entry 0",
        ),
        (
            "tokenizer.ggml.merges",
            Field::Texts(vec!["never there".to_owned()]),
            "tokenizer.ggml",
        ),
    ] {
        says(&with(name, value), &["model.gguf", words]);
    }
    for name in [
        "general.architecture",
        "llama.embedding_length",
        "llama.context_length",
        "llama.attention.layer_norm_rms_epsilon",
        "tokenizer.ggml.model",
        "tokenizer.ggml.pre",
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.token_type",
        "tokenizer.ggml.merges",
        "token_embd.weight",
        "output_norm.weight",
        "blk.1.ffn_up.weight",
    ] {
        says(&plain.clone().without(name), &[name]);
    }
}

#[test]
fn tensors_that_do_not_fit_are_refused_by_name() {
    let plain = of_model("qwen3");
    let changed = |name: &str, change: &dyn Fn(&mut super::file::Stored)| {
        let mut file = plain.clone();
        change(
            file.tensors
                .iter_mut()
                .find(|(own, ..)| own == name)
                .unwrap(),
        );
        file
    };
    let norm = "output_norm.weight";
    says(&changed(norm, &|own| own.2 = 23), &[norm, "found IQ4_XS"]);
    says(&changed(norm, &|own| own.2 = 99), &[norm, "found type 99"]);
    says(
        &changed(norm, &|own| own.1 = vec![16, 2]),
        &[norm, "[1, 32]"],
    );
    says(
        &changed(norm, &|own| own.1 = vec![32, 1, 2]),
        &[norm, "a vector or a matrix"],
    );
    says(&changed(norm, &|own| own.1 = vec![u64::MAX, 4]), &[norm]);
    says(&changed(norm, &|own| own.1 = vec![0]), &[norm]);
    says(&changed(norm, &|own| own.1 = Vec::new()), &[norm, "1 to 4"]);
    says(&changed(norm, &|own| own.1 = vec![33]), &["model.gguf"]);
    says(&changed(norm, &|own| own.2 = 14), &[norm, "Q6_K", "256"]);
    let nan = f32::NAN.to_le_bytes();
    says(
        &changed(norm, &|own| own.3[..4].copy_from_slice(&nan)),
        &[norm, "NaN"],
    );
    says(
        &changed(norm, &|own| own.0 = "output_norm.bias".to_owned()),
        &[norm],
    );
    says(
        &changed(norm, &|own| own.0 = "blk.0.attn_norm.weight".to_owned()),
        &["found two"],
    );
    let mut more = plain.clone();
    more.tensors.push((
        "blk.0.ffn_gate_inp.weight".to_owned(),
        vec![1],
        0,
        vec![0; 4],
    ));
    says(&more, &["blk.0.ffn_gate_inp.weight"]);
    let mut one = of_model("llama");
    let bias = ("blk.0.attn_q.bias".to_owned(), vec![32], 0, vec![0; 128]);
    one.tensors.push(bias);
    says(&one, &["biases"]);
    let mut factors = of_model("llama");
    let bytes = [1.0_f32, 3.0, 1.0, 3.0]
        .iter()
        .flat_map(|own| own.to_le_bytes())
        .collect();
    factors
        .tensors
        .push(("rope_freqs.weight".to_owned(), vec![4], 0, bytes));
    says(&factors, &["rope_freqs.weight", "Llama 3.1"]);
}

#[test]
fn a_token_that_stands_twice_is_refused() {
    let made = made();
    let own = &made.vocabularies["smollm"];
    let mut tokens = own.tokens.clone();
    tokens[300] = tokens[301].clone();
    let file = speaking(own).with("tokenizer.ggml.tokens", Field::Texts(tokens));
    says(&file, &["tokenizer.ggml.tokens", "300", "301"]);
}

/// Imports bytes; what comes back, and whether anything of the folder stayed.
fn bytes_say(bytes: &[u8]) -> Result<(), String> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model.gguf");
    std::fs::write(&path, bytes).unwrap();
    let out = place.path().join("out");
    let found = rlef::checkpoint::folder::whole(&out, |partial| {
        rlef::checkpoint::gguf::import(&path, partial, None)
    });
    let names = std::fs::read_dir(place.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), if found.is_ok() { 2 } else { 1 }, "{names:?}");
    found.map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_file_that_was_cut_short_is_refused_wherever_it_was_cut() {
    let whole = of_model("qwen2").bytes();
    bytes_say(&whole).unwrap();
    // The last bytes may be what a writer fills up with; every tensor here is a multiple of it.
    for length in (0..whole.len())
        .step_by(97)
        .chain(whole.len() - 40..whole.len())
    {
        let said = bytes_say(&whole[..length]).unwrap_err();
        assert!(said.contains("model.gguf"), "{said}");
    }
    let longer = [whole.as_slice(), &[0; 64]].concat();
    assert!(bytes_say(&longer).unwrap_err().contains("to end the file"));
}

#[test]
fn other_files_are_told_from_these() {
    for (bytes, words) in [
        (&b""[..], "GGUF"),
        (b"PK\x03\x04and more of an archive", "begins with GGUF"),
        (b"GGUF\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "newer llama.cpp"),
        (b"GGUF\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "big-endian"),
        (b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0", "room for the"),
        (b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f\x08\0\0\0\0", "name of a field"),
    ] {
        let said = bytes_say(bytes).unwrap_err();
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), begun in any::<bool>()) {
        let start: &[u8] = if begun { b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0" } else { b"" };
        let bytes = [start, &bytes].concat();
        prop_assert!(bytes_say(&bytes).is_err());
    }

    /// A file with a few bytes changed is refused or read, but nothing panics and nothing half-written stays.
    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((0_usize..6000, any::<u8>()), 1..6)) {
        let mut bytes = WHOLE.with(Clone::clone);
        for (at, byte) in changes {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        let _ = bytes_say(&bytes);
    }
}

thread_local! {
    static WHOLE: Vec<u8> = of_model("llama-3").bytes();
}
