//! Models in one GGUF file against those they were made of, `golden/gguf.json` (the `gguf` package's numbers and llama.cpp's
//! ids, by `golden/gguf_files.py`), and files that were cut short or mean harm.

mod cache;
mod file;
mod refused;

use std::path::Path;

use file::{Field, GgufFile, of_model, vocabulary};
use rlef::checkpoint::{CheckpointError, Precision, config_json, gguf, tensor_file};
use rlef::model::decoder::Head;
use serde::Deserialize;

use super::checkpoints::{agrees, folder, golden, load_from};

#[derive(Deserialize)]
struct Golden {
    blocks: std::collections::BTreeMap<String, Block>,
    texts: Vec<String>,
    vocabularies: std::collections::BTreeMap<String, Vocabulary>,
}

#[derive(Deserialize)]
struct Block {
    bytes: String,
    numbers: Vec<f64>,
}

#[derive(Deserialize)]
struct Vocabulary {
    model: String,
    pre: String,
    tokens: Vec<String>,
    types: Vec<i32>,
    #[serde(default)]
    merges: Option<Vec<String>>,
    #[serde(default)]
    scores: Option<Vec<f32>>,
    bos: u32,
    eos: u32,
    ids: Vec<Vec<u32>>,
}

fn made() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/gguf.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Imports a file into a folder of its own.
fn import(file: &GgufFile) -> (tempfile::TempDir, Result<gguf::Imported, CheckpointError>) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model.gguf");
    file.write(&path);
    let out = place.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let imported = gguf::import(&path, &out, None);
    (place, imported)
}

/// Every family, biases, both heads, three stretches and llama.cpp's order of queries and keys: the model that comes out says
/// what PyTorch's said, for it is the same to the bit.
#[test]
fn a_model_in_one_file_is_the_model_it_was_made_of() {
    for name in [
        "llama",
        "llama-3",
        "llama-biased",
        "qwen2",
        "qwen2-yarn",
        "qwen3",
    ] {
        let (place, imported) = import(&of_model(name));
        let imported = imported.unwrap_or_else(|error| panic!("{name}: {error}"));
        let decoder = load_from(&place.path().join("out"));
        let text = std::fs::read(folder(name).join("config.json")).unwrap();
        let (family, shape, _) = config_json::parse(&text).unwrap();
        assert_eq!(
            (imported.family, &decoder.config),
            (family, &shape),
            "{name}"
        );
        let before = load_from(&folder(name));
        for (index, name) in before.weights.names.iter().enumerate() {
            let numbers = |decoder: &rlef::model::decoder::Decoder| {
                let tensor = decoder.weights.tensors[index].clone();
                tensor.into_data().try_to_vec::<f32>().unwrap()
            };
            assert_eq!(numbers(&decoder), numbers(&before), "{name}");
        }
        agrees(name, &decoder, &golden(name));
    }
}

/// A file with all rows of an embedding in one kind of block.
fn embedding(kind: u32, rows: u64, columns: u64, bytes: Vec<u8>) -> GgufFile {
    let mut file = GgufFile::default();
    let own = |name: &str| format!("llama.{name}");
    file.set("general.architecture", Field::Text("llama".to_owned()));
    for (name, number) in [
        ("context_length", 64),
        ("embedding_length", columns as u32),
        ("block_count", 1),
        ("feed_forward_length", 2),
        ("attention.head_count", 4),
    ] {
        file.set(&own(name), Field::U32(number));
    }
    file.set(&own("attention.layer_norm_rms_epsilon"), Field::F32(1e-5));
    vocabulary(&mut file, rows as usize);
    let mut add = |name: &str, sizes: &[u64]| {
        let numbers = sizes.iter().product::<u64>();
        let bytes = (0..numbers).flat_map(|i| (i as f32 / 64.0).to_le_bytes());
        file.tensors
            .push((name.to_owned(), sizes.to_vec(), 0, bytes.collect()));
    };
    add("output_norm.weight", &[columns]);
    for name in ["attn_norm", "ffn_norm"] {
        add(&format!("blk.0.{name}.weight"), &[columns]);
    }
    for name in ["attn_q", "attn_k", "attn_v", "attn_output"] {
        add(&format!("blk.0.{name}.weight"), &[columns, columns]);
    }
    for name in ["ffn_gate", "ffn_up"] {
        add(&format!("blk.0.{name}.weight"), &[columns, 2]);
    }
    add("blk.0.ffn_down.weight", &[2, columns]);
    let sizes = vec![columns, rows];
    file.tensors
        .push(("token_embd.weight".to_owned(), sizes, kind, bytes));
    file
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Every way to store numbers, to the bit, and what they are stored in afterwards.
#[test]
fn numbers_of_every_block_are_those_of_the_gguf_package() {
    let ids = [
        ("F32", 0, Precision::F32),
        ("F16", 1, Precision::F16),
        ("Q4_0", 2, Precision::F32),
        ("Q4_1", 3, Precision::F32),
        ("Q5_0", 6, Precision::F32),
        ("Q5_1", 7, Precision::F32),
        ("Q8_0", 8, Precision::F32),
        ("Q2_K", 10, Precision::F32),
        ("Q3_K", 11, Precision::F32),
        ("Q4_K", 12, Precision::F32),
        ("Q5_K", 13, Precision::F32),
        ("Q6_K", 14, Precision::F32),
        ("Q8_K", 15, Precision::F32),
        ("BF16", 30, Precision::Bf16),
    ];
    let made = made();
    assert_eq!(made.blocks.len(), ids.len());
    for (name, id, precision) in ids {
        let block = &made.blocks[name];
        let (rows, columns) = (4, block.numbers.len() / 4);
        let (place, imported) = import(&embedding(id, rows, columns as u64, unhex(&block.bytes)));
        let imported = imported.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(imported.kinds.contains(name), "{}", imported.kinds);
        let out = place.path().join("out");
        let decoder = load_from(&out);
        let found = decoder.weights.tensors[0].clone().into_data();
        let found = found.try_to_vec::<f32>().unwrap();
        let expected: Vec<f32> = block.numbers.iter().map(|&number| number as f32).collect();
        assert_eq!(found, expected, "{name}");
        let size = std::fs::metadata(out.join("model.safetensors"))
            .unwrap()
            .len();
        let bytes = if precision == Precision::F32 { 4 } else { 2 };
        let others = imported.parameters() - (rows as usize * columns) as u64;
        let numbers = others * 4 + (rows as usize * columns * bytes) as u64;
        assert!(size > numbers && size < numbers + 4096, "{name}: {size}");
    }
}

/// All matrices as they are asked for.
#[test]
fn numbers_are_stored_as_they_are_asked_for() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model.gguf");
    of_model("qwen3").write(&path);
    gguf::import(&path, place.path(), Some(Precision::Bf16)).unwrap();
    assert!(tensor_file::stores_bf16(place.path(), |_| true).unwrap());
    let config = std::fs::read_to_string(place.path().join("config.json")).unwrap();
    assert!(config.contains("\"torch_dtype\": \"bfloat16\""), "{config}");
}

/// A file whose tokenizer is one of those that llama.cpp was asked with.
fn speaking(own: &Vocabulary) -> GgufFile {
    let rows = own.tokens.len() as u64;
    let mut file = embedding(0, rows, 8, vec![0; own.tokens.len() * 32]);
    file.set("tokenizer.ggml.model", Field::Text(own.model.clone()));
    file.set("tokenizer.ggml.pre", Field::Text(own.pre.clone()));
    file.set("tokenizer.ggml.tokens", Field::Texts(own.tokens.clone()));
    file.set("tokenizer.ggml.token_type", Field::I32s(own.types.clone()));
    file.set("tokenizer.ggml.bos_token_id", Field::U32(own.bos));
    file.set("tokenizer.ggml.eos_token_id", Field::U32(own.eos));
    let mut file = file.without("tokenizer.ggml.merges");
    if let Some(merges) = &own.merges {
        file.set("tokenizer.ggml.merges", Field::Texts(merges.clone()));
    }
    if let Some(scores) = &own.scores {
        file.set("tokenizer.ggml.scores", Field::F32s(scores.clone()));
    }
    let template = "{% for m in messages %}{{ bos_token }}{{ m.role }}\n{{ m.content }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}{{ bos_token }}assistant\n{% endif %}";
    file.set("tokenizer.chat_template", Field::Text(template.to_owned()));
    file
}

#[test]
fn ids_of_texts_are_llama_cpp_s() {
    let made = made();
    assert_eq!(made.vocabularies.len(), 5);
    for (name, own) in &made.vocabularies {
        let (place, imported) = import(&speaking(own));
        let imported = imported.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(imported.has_template);
        let (_, tokenizer) = rlef::checkpoint::describe(&place.path().join("out")).unwrap();
        assert_eq!(tokenizer.ends, [own.eos], "{name}");
        for (text, expected) in made.texts.iter().zip(&own.ids) {
            let found = tokenizer.encode(text).unwrap();
            if name == "qwen2" && text.contains('\u{301}') {
                // llama.cpp leaves marks apart that the model's own tokenizer joins with their letters.
                let joined = text.replace("e\u{301}", "\u{e9}");
                assert_eq!(found, tokenizer.encode(&joined).unwrap());
                continue;
            }
            assert_eq!(&found, expected, "{name}: {text:?}");
            assert_eq!(&tokenizer.decode(expected).unwrap(), text, "{name}");
        }
    }
}

/// What goes beside the weights: ids that end an answer, how to sample, and the chat template.
#[test]
fn what_stands_beside_the_weights_is_written_in_others_words() {
    let made = made();
    let file = speaking(&made.vocabularies["llama-bpe"])
        .with("tokenizer.ggml.eot_token_id", Field::U32(7))
        .with("tokenizer.ggml.padding_token_id", Field::U32(5))
        .with("general.sampling.temp", Field::F32(0.6))
        .with("general.sampling.top_k", Field::U32(20))
        .with("quantize.imatrix.file", Field::Text("x".to_owned()));
    let (place, imported) = import(&file);
    imported.unwrap();
    let read = |name: &str| -> serde_json::Value {
        let text = std::fs::read(place.path().join("out").join(name)).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    let generation = read("generation_config.json");
    let eos = made.vocabularies["llama-bpe"].eos;
    assert_eq!(generation["eos_token_id"], serde_json::json!([eos, 7]));
    assert_eq!(generation["temperature"], 0.6);
    assert_eq!(generation["top_k"], 20);
    let settings = read("tokenizer_config.json");
    assert_eq!(settings["eos_token"], "<|im_end|>");
    assert_eq!(settings["tokenizer_class"], "PreTrainedTokenizerFast");
    let config = read("config.json");
    assert_eq!(
        (&config["pad_token_id"], &config["rms_norm_eps"]),
        (&5.into(), &1e-5.into())
    );
    // Llama 3 begins every text with its first token, for tools that add what a tokenizer.json says.
    let tokenizer = read("tokenizer.json");
    assert_eq!(tokenizer["post_processor"]["type"], "TemplateProcessing");
    let decoder = load_from(&place.path().join("out"));
    assert_eq!(
        decoder.weights.names.len(),
        decoder.config.parameters(Head::Language).len()
    );
}
