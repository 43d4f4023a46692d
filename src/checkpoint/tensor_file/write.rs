//! Matrices → a safetensors file: whole or not at all, and only numbers.

use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use burn::tensor::{Tensor, bf16, f16};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use crate::checkpoint::{CheckpointError, Precision};
use crate::model::shape::is_vector;

/// Writes named matrices as safetensors; a `[1, d]` norm or bias becomes a vector, as other tools expect.
pub fn save_tensors(
    path: &Path,
    named: impl Iterator<Item = (String, Tensor<2>)>,
    precision: Precision,
) -> Result<(), CheckpointError> {
    let write = |source: std::io::Error| CheckpointError::Write {
        path: path.to_owned(),
        source,
    };
    let (dtype, size) = match precision {
        Precision::F32 => (Dtype::F32, 4),
        Precision::Bf16 => (Dtype::BF16, 2),
        Precision::F16 => (Dtype::F16, 2),
    };
    let mut tensors: Vec<(String, Tensor<2>)> = named.collect();
    tensors.sort_by(|(one, _), (other, _)| one.cmp(other));
    // transformers refuses a file without this entry.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let mut infos = Vec::with_capacity(tensors.len());
    let mut end = 0;
    for (name, tensor) in &tensors {
        let [rows, columns] = tensor.dims();
        let shape = if is_vector(name) {
            vec![columns]
        } else {
            vec![rows, columns]
        };
        let start = end;
        end += rows * columns * size;
        let info = TensorInfo {
            dtype,
            shape,
            data_offsets: (start, end),
        };
        infos.push((name.clone(), info));
    }
    let bad = |reason: String| CheckpointError::Format {
        path: path.to_owned(),
        reason,
    };
    let header = Metadata::new(Some(metadata), infos).map_err(|error| bad(error.to_string()))?;
    let mut text = serde_json::to_vec(&header).map_err(|error| bad(error.to_string()))?;
    // Numbers begin at a multiple of eight.
    text.resize(text.len().next_multiple_of(8), b' ');
    let parent = path.parent().unwrap_or(Path::new("."));
    let partial = crate::journal::partial_in(parent).map_err(write)?;
    let mut file = BufWriter::new(partial.as_file());
    file.write_all(&(text.len() as u64).to_le_bytes())
        .and_then(|()| file.write_all(&text))
        .map_err(write)?;
    for (name, tensor) in tensors {
        let values =
            tensor
                .into_data()
                .try_to_vec::<f32>()
                .map_err(|error| CheckpointError::Format {
                    path: path.to_owned(),
                    reason: format!("{name}: {error:?}"),
                })?;
        let fits = |value: f32| match precision {
            Precision::F32 => value.is_finite(),
            Precision::Bf16 => bf16::from_f32(value).is_finite(),
            Precision::F16 => f16::from_f32(value).is_finite(),
        };
        if let Some(&value) = values.iter().find(|&&value| !fits(value)) {
            return Err(CheckpointError::NotFinite {
                path: path.to_owned(),
                name,
                value,
                dtype,
            });
        }
        write_numbers(&mut file, &values, precision).map_err(write)?;
    }
    file.flush().map_err(write)?;
    drop(file);
    partial.as_file().sync_all().map_err(write)?;
    partial.persist(path).map_err(|error| write(error.error))?;
    Ok(())
}

fn write_numbers(to: &mut impl Write, values: &[f32], precision: Precision) -> std::io::Result<()> {
    for value in values {
        match precision {
            Precision::F32 => to.write_all(&value.to_le_bytes())?,
            Precision::Bf16 => to.write_all(&bf16::from_f32(*value).to_le_bytes())?,
            Precision::F16 => to.write_all(&f16::from_f32(*value).to_le_bytes())?,
        }
    }
    Ok(())
}
