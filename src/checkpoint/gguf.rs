//! A model in llama.cpp's one file (GGUF) → a folder in Hugging Face's layout: `config.json`, `model.safetensors`,
//! `tokenizer.json` with its settings, chat template and `generation_config.json`. Numbers are what llama.cpp makes of theirs;
//! what isn't understood is refused by its name.

mod blocks;
mod header;
mod k_blocks;
mod metadata;
mod rope;
mod shape;
mod tensors;
mod vocabulary;

use std::io::BufReader;
use std::path::Path;

use serde_json::{Value, json};

use crate::checkpoint::config_json::{self, Family, TokenIds};
use crate::checkpoint::tensor_file::{Planned, write_tensors};
use crate::checkpoint::{CheckpointError, Precision, write};
use crate::files;
use crate::model::decoder::Head;
use crate::model::shape::ModelConfig;
use header::Header;
use metadata::Metadata;
use tensors::{Matrix, Tensors};
use vocabulary::Vocabulary;

/// Raised where the same file becomes another folder.
pub const VERSION: u32 = 1;

/// The letters that a file begins with.
const MAGIC: &[u8] = b"GGUF";

/// What was made of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Its family.
    pub family: Family,
    /// Its shape.
    pub shape: ModelConfig,
    /// How its tensors were stored, in words.
    pub kinds: String,
    /// Whether it brought a chat template.
    pub has_template: bool,
}

impl Imported {
    /// Number of parameters.
    pub fn parameters(&self) -> u64 {
        let all = self.shape.parameters(Head::Language).into_iter();
        all.map(|(_, [rows, columns])| rows as u64 * columns as u64)
            .sum()
    }
}

/// Whether a path is a file of this kind: by its name, or by how it begins.
pub fn is_gguf(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    if path
        .extension()
        .is_some_and(|extension| extension == "gguf")
    {
        return true;
    }
    let mut start = [0; MAGIC.len()];
    let read =
        files::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut start));
    read.is_ok() && start == MAGIC
}

/// Writes the model of `file` into `folder`, which is there and empty. Numbers are stored as `precision` says; where it says
/// nothing, in what holds them to the bit: f16 and bf16 stay, everything else becomes f32.
pub fn import(
    file: &Path,
    folder: &Path,
    precision: Option<Precision>,
) -> Result<Imported, CheckpointError> {
    let read = |source| CheckpointError::Read {
        path: file.to_owned(),
        source,
    };
    let bad = |reason: String| CheckpointError::Format {
        path: file.to_owned(),
        reason,
    };
    let open = files::open(file).map_err(read)?;
    let length = open.metadata().map_err(read)?.len();
    let header = Header::read(BufReader::new(&open), length).map_err(bad)?;
    let mut fields = header.metadata;
    let tensors = Tensors::new(open, header.tensors).map_err(bad)?;
    let described = Described::take(&mut fields, &tensors).map_err(bad)?;
    let matrices = tensors
        .matrices(described.family, &described.shape)
        .map_err(bad)?;
    let tokenizer = described.vocabulary.tokenizer().map_err(bad)?.to_string();
    // What the library refuses is refused before gigabytes are written.
    tokenizer
        .parse::<tokenizers::Tokenizer>()
        .map_err(|error| bad(format!("fields tokenizer.ggml: {error}")))?;
    let dtype = write_matrices(&tensors, &matrices, folder, precision, &bad)?;
    let texts = [
        ("config.json", pretty(&described.config(dtype))),
        ("tokenizer.json", tokenizer),
        (
            "tokenizer_config.json",
            pretty(&described.tokenizer_config()),
        ),
        (
            "generation_config.json",
            pretty(&described.generation_config()),
        ),
    ];
    for (name, text) in texts {
        write(&folder.join(name), text.as_bytes())?;
    }
    Ok(Imported {
        family: described.family,
        kinds: tensors.kinds(),
        has_template: described.template.is_some(),
        shape: described.shape,
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Writes all matrices, and says in what most of their numbers are stored, in PyTorch's words.
fn write_matrices(
    tensors: &Tensors,
    matrices: &[Matrix<'_>],
    folder: &Path,
    precision: Option<Precision>,
    bad: &dyn Fn(String) -> CheckpointError,
) -> Result<&'static str, CheckpointError> {
    let planned: Vec<Planned> = matrices
        .iter()
        .map(|matrix| Planned {
            name: matrix.ours.clone(),
            shape: matrix.shape(),
            precision: precision.unwrap_or_else(|| matrix.precision()),
        })
        .collect();
    write_tensors(
        &folder.join("model.safetensors"),
        &planned,
        |index, hand| match tensors.numbers(&matrices[index], hand) {
            Ok(done) => done,
            Err(reason) => Err(bad(reason)),
        },
    )?;
    let largest = planned
        .iter()
        .max_by_key(|planned| planned.shape[0] * planned.shape[1]);
    Ok(match largest.map(|planned| planned.precision) {
        Some(Precision::F16) => "float16",
        Some(Precision::Bf16) => "bfloat16",
        _ => "float32",
    })
}

/// All that the fields of a file say.
struct Described {
    family: Family,
    shape: ModelConfig,
    vocabulary: Vocabulary,
    template: Option<String>,
    sampling: Value,
}

impl Described {
    /// Takes every field; one that is left over and could change something is refused.
    fn take(fields: &mut Metadata, tensors: &Tensors) -> Result<Self, String> {
        let (family, own) = shape::family(fields)?;
        let template = fields.text("tokenizer.chat_template")?;
        let sampling = sampling(fields)?;
        let vocabulary = Vocabulary::take(fields)?;
        let shape = shape::shape(fields, (family, &own), tensors, vocabulary.tokens.len())?;
        if tensors.are_quantised() {
            let version = fields.whole("general.quantization_version")?;
            if let Some(version) = version.filter(|&version| version != 2) {
                return Err(format!(
                    "field general.quantization_version: expected 2, found {version}"
                ));
            }
        }
        let below = [
            format!("{own}."),
            "tokenizer.".to_owned(),
            "adapter.".to_owned(),
        ];
        fields.all_taken(&below)?;
        let described = Self {
            family,
            shape,
            vocabulary,
            template,
            sampling,
        };
        // What config.json can't say would be computed otherwise when it is read.
        let text = described.config("float32").to_string();
        let (_, read, _) = config_json::parse(text.as_bytes())?;
        if read != described.shape {
            return Err(format!(
                "expected biases as {own} models have them, on all of queries, keys, values and outputs or on none, found others"
            ));
        }
        Ok(described)
    }

    fn config(&self, dtype: &str) -> Value {
        let tokens = TokenIds {
            begin: self.vocabulary.begin,
            ends: self.vocabulary.ends.clone(),
            pad: self.vocabulary.pad,
        };
        config_json::render(self.family, &self.shape, &tokens, dtype)
    }

    fn tokenizer_config(&self) -> Value {
        let own = &self.vocabulary;
        let mut file = json!({
            // Another class builds splitting of its own in place of that of tokenizer.json.
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": false,
            "model_max_length": self.shape.max_position_embeddings,
        });
        for (name, id) in [
            ("bos_token", own.begin),
            ("eos_token", own.ends.first().copied()),
            ("unk_token", own.unknown),
            ("pad_token", own.pad),
        ] {
            if let Some(text) = own.text(id) {
                file[name] = json!(text);
            }
        }
        if let Some(template) = &self.template {
            file["chat_template"] = json!(template);
        }
        file
    }

    fn generation_config(&self) -> Value {
        let mut file = self.sampling.clone();
        let own = &self.vocabulary;
        file["bos_token_id"] = json!(own.begin);
        file["eos_token_id"] = match own.ends.as_slice() {
            [] => Value::Null,
            [one] => json!(one),
            several => json!(several),
        };
        file["pad_token_id"] = json!(own.pad);
        file
    }
}

/// How the makers of a file sample it, in the words of a `generation_config.json`.
fn sampling(fields: &mut Metadata) -> Result<Value, String> {
    let mut file = json!({});
    for (theirs, ours) in [
        ("temp", "temperature"),
        ("top_p", "top_p"),
        ("min_p", "min_p"),
        ("penalty_repeat", "repetition_penalty"),
    ] {
        if let Some(number) = fields.number(&format!("general.sampling.{theirs}"))? {
            file[ours] = json!(number);
        }
    }
    if let Some(count) = fields.whole("general.sampling.top_k")? {
        file["top_k"] = json!(count);
    }
    Ok(file)
}
