//! Matrices ↔ safetensors files, one or in shards: every name, shape and element type is checked, nothing of a
//! model is skipped in silence. Knows nothing of architectures.

mod write;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use burn::tensor::{Device, FloatDType, Tensor, TensorData, bf16, f16};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::Deserialize;

use crate::checkpoint::CheckpointError;
use crate::files;
pub use write::{Planned, Sink, save_tensors, write_tensors};

const INDEX: &str = "model.safetensors.index.json";

/// Bytes of a header that the format allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// Bytes read at once; a multiple of every number's size.
const PIECE: usize = 1 << 20;

/// Reads from one file the matrices `expected` names.
pub fn load_tensors(
    path: &Path,
    expected: &[(String, [usize; 2])],
    device: &Device,
) -> Result<Vec<Tensor<2>>, CheckpointError> {
    let mut found = HashMap::new();
    read_file(path, expected, &[""], (device, &|_| false), &mut found)?;
    in_order(path, expected, found)
}

/// Reads from one file the matrices `expected` names, and refuses any other it holds.
pub fn load_all(
    path: &Path,
    expected: &[(String, [usize; 2])],
    device: &Device,
) -> Result<Vec<Tensor<2>>, CheckpointError> {
    let mut found = HashMap::new();
    read_file(path, expected, &[], (device, &|_| false), &mut found)?;
    in_order(path, expected, found)
}

/// The names of all tensors of one file, in order.
pub fn names(path: &Path) -> Result<Vec<String>, CheckpointError> {
    let file = OpenFile::new(path)?;
    let mut names = file.header.offset_keys();
    names.sort();
    Ok(names)
}

/// Whether a model's folder has a tensor of that name.
pub fn holds(directory: &Path, name: &str) -> Result<bool, CheckpointError> {
    if let Some(index) = read_index(directory)? {
        return Ok(index.weight_map.contains_key(name));
    }
    let path = directory.join("model.safetensors");
    let header = OpenFile::new(&path)?.header;
    Ok(header.info(name).is_some())
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Whether all tensors of a model's folder that `of` takes by their names are stored in bf16; false where there is none.
pub fn stores_bf16(directory: &Path, of: impl Fn(&str) -> bool) -> Result<bool, CheckpointError> {
    let files = match read_index(directory)? {
        Some(index) => {
            let shards: HashSet<String> = index.weight_map.into_values().collect();
            shards.iter().map(|shard| directory.join(shard)).collect()
        }
        None => vec![directory.join("model.safetensors")],
    };
    let mut any = false;
    for path in files {
        let header = OpenFile::new(&path)?.header;
        for (_, info) in header.tensors().iter().filter(|(name, _)| of(name)) {
            if info.dtype != Dtype::BF16 {
                return Ok(false);
            }
            any = true;
        }
    }
    Ok(any)
}

/// Reads a model's matrices from a folder: `model.safetensors`, or the shards that `model.safetensors.index.json`
/// names. Tensors whose name ends with one of `ignored` may be there and are not read.
pub fn load_model(
    directory: &Path,
    expected: &[(String, [usize; 2])],
    ignored: &[&str],
    device: &Device,
) -> Result<Vec<Tensor<2>>, CheckpointError> {
    load_model_held(directory, expected, ignored, device, &|_| false)
}

/// As [`load_model`]; those that `narrow` takes are held in bf16, and in f32 only while they are read.
pub fn load_model_held(
    directory: &Path,
    expected: &[(String, [usize; 2])],
    ignored: &[&str],
    device: &Device,
    narrow: &dyn Fn(&str) -> bool,
) -> Result<Vec<Tensor<2>>, CheckpointError> {
    let index = directory.join(INDEX);
    let mut found = HashMap::new();
    let Some(parsed) = read_index(directory)? else {
        let path = directory.join("model.safetensors");
        let header = OpenFile::new(&path)?.header;
        all_there(&path, expected, |name| header.info(name).is_some())?;
        read_file(&path, expected, ignored, (device, narrow), &mut found)?;
        return in_order(&path, expected, found);
    };
    let bad = |reason: String| CheckpointError::Format {
        path: index.clone(),
        reason,
    };
    all_there(&index, expected, |name| {
        parsed.weight_map.contains_key(name)
    })?;
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
            (device, narrow),
            &mut found,
        )?;
    }
    in_order(&index, expected, found)
}

/// Which shard holds what, for a model in shards.
fn read_index(directory: &Path) -> Result<Option<Index>, CheckpointError> {
    let path = directory.join(INDEX);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = files::read(&path).map_err(|source| CheckpointError::Read {
        path: path.clone(),
        source,
    })?;
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| CheckpointError::Format {
            path,
            reason: error.to_string(),
        })
}

/// Refuses to begin where a matrix is missing.
fn all_there(
    path: &Path,
    expected: &[(String, [usize; 2])],
    has: impl Fn(&str) -> bool,
) -> Result<(), CheckpointError> {
    match expected.iter().find(|(name, _)| !has(name)) {
        None => Ok(()),
        Some((name, _)) => Err(CheckpointError::Missing {
            path: path.to_owned(),
            name: name.clone(),
        }),
    }
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
    (device, narrow): (&Device, &dyn Fn(&str) -> bool),
    found: &mut HashMap<String, Tensor<2>>,
) -> Result<(), CheckpointError> {
    let mut file = OpenFile::new(path)?;
    let names: HashSet<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
    let foreign = |name: &&String| {
        !names.contains(name.as_str()) && !ignored.iter().any(|ending| name.ends_with(ending))
    };
    if let Some(name) = file.header.tensors().keys().filter(foreign).min() {
        return Err(CheckpointError::Unexpected {
            path: path.to_owned(),
            name: name.to_owned(),
        });
    }
    // All of them before any number is read: what config.json claims is held against the header, and costs nothing.
    for (name, shape) in expected {
        file.check(name, *shape)?;
    }
    for (name, shape) in expected {
        if let Some(tensor) = file.matrix(name, *shape, device)? {
            let held = if narrow(name) {
                tensor.cast(FloatDType::BF16)
            } else {
                tensor
            };
            found.insert(name.clone(), held);
        }
    }
    Ok(())
}

/// A file of which only the header was read; matrices are read one by one, so that no more than one is held twice.
struct OpenFile<'a> {
    path: &'a Path,
    file: File,
    header: Metadata,
    /// Where the numbers begin.
    start: u64,
}

impl<'a> OpenFile<'a> {
    fn new(path: &'a Path) -> Result<Self, CheckpointError> {
        let read = |source| CheckpointError::Read {
            path: path.to_owned(),
            source,
        };
        let bad = |reason: String| CheckpointError::Format {
            path: path.to_owned(),
            reason,
        };
        let mut file = files::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let mut size = [0; 8];
        if length < 8 {
            return Err(bad(format!(
                "expected a safetensors file, found one of {length} bytes"
            )));
        }
        file.read_exact(&mut size).map_err(read)?;
        let size = u64::from_le_bytes(size);
        if size > LONGEST_HEADER || size + 8 > length {
            return Err(bad(format!(
                "expected a header of at most {LONGEST_HEADER} bytes within the file, found one of {size} in a file of {length}"
            )));
        }
        let mut text = vec![0; size as usize];
        file.read_exact(&mut text).map_err(read)?;
        let header: Metadata =
            serde_json::from_slice(&text).map_err(|error| bad(format!("header: {error}")))?;
        let start = size + 8;
        let end = header
            .tensors()
            .values()
            .map(|info| info.data_offsets.1 as u64)
            .max()
            .unwrap_or(0);
        if start.checked_add(end) != Some(length) {
            return Err(bad(format!(
                "expected a header of {start} bytes and {end} of numbers, as it says, found {length} in all"
            )));
        }
        Ok(Self {
            path,
            file,
            header,
            start,
        })
    }

    /// Refuses a matrix of another shape or type than expected; that its bytes are as many as its shape needs was checked with
    /// the header.
    fn check(
        &self,
        name: &str,
        [rows, columns]: [usize; 2],
    ) -> Result<Option<&TensorInfo>, CheckpointError> {
        let Some(info) = self.header.info(name) else {
            return Ok(None);
        };
        let same = info.shape == [rows, columns] || (rows == 1 && info.shape == [columns]);
        let known = matches!(info.dtype, Dtype::F32 | Dtype::BF16 | Dtype::F16);
        if !(same && known) {
            return Err(CheckpointError::Shape {
                path: self.path.to_owned(),
                name: name.to_owned(),
                expected: format!("f32, bf16 or f16 of [{rows}, {columns}]"),
                found: format!("{:?} of {:?}", info.dtype, info.shape),
            });
        }
        Ok(Some(info))
    }

    /// The matrix called `name`, if the file has it.
    fn matrix(
        &mut self,
        name: &str,
        [rows, columns]: [usize; 2],
        device: &Device,
    ) -> Result<Option<Tensor<2>>, CheckpointError> {
        let Some(info) = self.check(name, [rows, columns])? else {
            return Ok(None);
        };
        let (dtype, (from, to)) = (info.dtype, info.data_offsets);
        let mut values: Vec<f32> = Vec::with_capacity(rows * columns);
        let mut left = to - from;
        let mut piece = vec![0; left.min(PIECE)];
        let mut read = || -> std::io::Result<()> {
            self.file.seek(SeekFrom::Start(self.start + from as u64))?;
            while left > 0 {
                let piece = &mut piece[..left.min(PIECE)];
                self.file.read_exact(piece)?;
                let pairs = || piece.chunks_exact(2).map(|b| [b[0], b[1]]);
                match dtype {
                    Dtype::BF16 => values.extend(pairs().map(|b| bf16::from_le_bytes(b).to_f32())),
                    Dtype::F16 => values.extend(pairs().map(|b| f16::from_le_bytes(b).to_f32())),
                    _ => {
                        let whole = piece.chunks_exact(4);
                        values.extend(whole.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
                    }
                }
                left -= piece.len();
            }
            Ok(())
        };
        read().map_err(|source| CheckpointError::Read {
            path: self.path.to_owned(),
            source,
        })?;
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(CheckpointError::Format {
                path: self.path.to_owned(),
                reason: format!(
                    "tensor {name} holds {value}; expected finite numbers: the checkpoint was damaged, or saved by a run that had diverged"
                ),
            });
        }
        Ok(Some(Tensor::from_data(
            TensorData::new(values, [rows, columns]),
            device,
        )))
    }
}
