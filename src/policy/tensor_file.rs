//! Matrices ↔ safetensors files, one or in shards: every name, shape and element type is checked, nothing of a
//! model is skipped in silence. Knows nothing of architectures.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData, bf16, f16};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Deserialize;

use super::checkpoint::{CheckpointError, Precision};
use super::shape::is_vector;

/// Writes named matrices as safetensors; a `[1, d]` norm or bias becomes a vector, as other tools expect.
pub fn save_tensors(
    path: &Path,
    named: impl Iterator<Item = (String, Tensor<2>)>,
    precision: Precision,
) -> Result<(), CheckpointError> {
    let format = |reason: String| CheckpointError::Format {
        path: path.to_owned(),
        reason,
    };
    let mut data = Vec::new();
    for (name, tensor) in named {
        let [rows, columns] = tensor.dims();
        let values = tensor
            .into_data()
            .try_to_vec::<f32>()
            .map_err(|error| format(format!("{name}: {error:?}")))?;
        let bytes: Vec<u8> = match precision {
            Precision::F32 => values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            Precision::Bf16 => {
                let short = |&value: &f32| bf16::from_f32(value).to_le_bytes();
                values.iter().flat_map(short).collect()
            }
            Precision::F16 => {
                let short = |&value: &f32| f16::from_f32(value).to_le_bytes();
                values.iter().flat_map(short).collect()
            }
        };
        let shape = if is_vector(&name) {
            vec![columns]
        } else {
            vec![rows, columns]
        };
        data.push((name, shape, bytes));
    }
    let dtype = match precision {
        Precision::F32 => Dtype::F32,
        Precision::Bf16 => Dtype::BF16,
        Precision::F16 => Dtype::F16,
    };
    let views = data
        .iter()
        .map(|(name, shape, bytes)| {
            TensorView::new(dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format(error.to_string()))?;
    // transformers refuses a file without this entry.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let write = |source: std::io::Error| CheckpointError::Write {
        path: path.to_owned(),
        source,
    };
    let parent = path.parent().unwrap_or(Path::new("."));
    let partial = crate::journal::partial_in(parent).map_err(write)?;
    safetensors::serialize_to_file(views, Some(metadata), partial.path()).map_err(|error| {
        match error {
            safetensors::SafeTensorError::IoError(error) => write(error),
            other => format(other.to_string()),
        }
    })?;
    partial.as_file().sync_all().map_err(write)?;
    partial.persist(path).map_err(|error| write(error.error))?;
    Ok(())
}

/// Reads from one file the matrices `expected` names.
pub fn load_tensors(
    path: &Path,
    expected: &[(String, [usize; 2])],
    device: &Device,
) -> Result<Vec<Tensor<2>>, CheckpointError> {
    let mut found = HashMap::new();
    read_file(path, expected, &[""], device, &mut found)?;
    in_order(path, expected, found)
}

/// Reads from one file the matrices `expected` names, and refuses any other it holds.
pub fn load_all(
    path: &Path,
    expected: &[(String, [usize; 2])],
    device: &Device,
) -> Result<Vec<Tensor<2>>, CheckpointError> {
    let mut found = HashMap::new();
    read_file(path, expected, &[], device, &mut found)?;
    in_order(path, expected, found)
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Reads a model's matrices from a folder: `model.safetensors`, or the shards that `model.safetensors.index.json`
/// names. Tensors whose name ends with one of `ignored` may be there and are not read.
pub fn load_model(
    directory: &Path,
    expected: &[(String, [usize; 2])],
    ignored: &[&str],
    device: &Device,
) -> Result<Vec<Tensor<2>>, CheckpointError> {
    let index = directory.join("model.safetensors.index.json");
    let mut found = HashMap::new();
    if !index.exists() {
        let path = directory.join("model.safetensors");
        read_file(&path, expected, ignored, device, &mut found)?;
        return in_order(&path, expected, found);
    }
    let bytes = std::fs::read(&index).map_err(|source| CheckpointError::Read {
        path: index.clone(),
        source,
    })?;
    let bad = |reason: String| CheckpointError::Format {
        path: index.clone(),
        reason,
    };
    let parsed: Index = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    let mut shards: Vec<&String> = parsed.weight_map.values().collect();
    shards.sort();
    shards.dedup();
    for shard in shards {
        if Path::new(shard).components().count() != 1 || shard.starts_with('.') {
            return Err(bad(format!(
                "weight_map: expected the name of a file beside it, found {shard:?}"
            )));
        }
        read_file(
            &directory.join(shard),
            expected,
            ignored,
            device,
            &mut found,
        )?;
    }
    in_order(&index, expected, found)
}

fn in_order(
    path: &Path,
    expected: &[(String, [usize; 2])],
    mut found: HashMap<String, Tensor<2>>,
) -> Result<Vec<Tensor<2>>, CheckpointError> {
    expected
        .iter()
        .map(|(name, _)| {
            found.remove(name).ok_or_else(|| CheckpointError::Missing {
                path: path.to_owned(),
                name: name.clone(),
            })
        })
        .collect()
}

fn read_file(
    path: &Path,
    expected: &[(String, [usize; 2])],
    ignored: &[&str],
    device: &Device,
    found: &mut HashMap<String, Tensor<2>>,
) -> Result<(), CheckpointError> {
    let bytes = std::fs::read(path).map_err(|source| CheckpointError::Read {
        path: path.to_owned(),
        source,
    })?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| CheckpointError::Format {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let names: HashSet<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
    let foreign =
        |name: &&str| !names.contains(name) && !ignored.iter().any(|ending| name.ends_with(ending));
    if let Some(name) = file.names().into_iter().filter(foreign).min() {
        return Err(CheckpointError::Unexpected {
            path: path.to_owned(),
            name: name.to_owned(),
        });
    }
    for (name, shape) in expected {
        if let Ok(view) = file.tensor(name) {
            found.insert(name.clone(), matrix(path, name, &view, *shape, device)?);
        }
    }
    Ok(())
}

fn matrix(
    path: &Path,
    name: &str,
    view: &TensorView<'_>,
    [rows, columns]: [usize; 2],
    device: &Device,
) -> Result<Tensor<2>, CheckpointError> {
    let data = view.data();
    let pairs = || data.chunks_exact(2).map(|b| [b[0], b[1]]);
    let values: Option<Vec<f32>> = match view.dtype() {
        Dtype::F32 => {
            let whole = data.chunks_exact(4);
            Some(
                whole
                    .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                    .collect(),
            )
        }
        Dtype::BF16 => Some(pairs().map(|b| bf16::from_le_bytes(b).to_f32()).collect()),
        Dtype::F16 => Some(pairs().map(|b| f16::from_le_bytes(b).to_f32()).collect()),
        _ => None,
    };
    let same = view.shape() == [rows, columns] || (rows == 1 && view.shape() == [columns]);
    match values {
        Some(values) if same => Ok(Tensor::from_data(
            TensorData::new(values, [rows, columns]),
            device,
        )),
        _ => Err(CheckpointError::Shape {
            path: path.to_owned(),
            name: name.to_owned(),
            expected: format!("f32, bf16 or f16 of [{rows}, {columns}]"),
            found: format!("{:?} of {:?}", view.dtype(), view.shape()),
        }),
    }
}
