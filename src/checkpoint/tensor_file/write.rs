//! Matrices → a safetensors file: whole or not at all, and only numbers.

use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use burn::tensor::{Tensor, bf16, f16};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use crate::checkpoint::{CheckpointError, Precision};
use crate::model::shape::is_vector;

/// A matrix that is to be written.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its name.
    pub name: String,
    /// Rows and columns; a `[1, d]` norm or bias becomes a vector, as other tools expect.
    pub shape: [usize; 2],
    /// How its numbers are stored.
    pub precision: Precision,
}

impl Precision {
    const fn stored(self) -> (Dtype, usize) {
        match self {
            Self::F32 => (Dtype::F32, 4),
            Self::Bf16 => (Dtype::BF16, 2),
            Self::F16 => (Dtype::F16, 2),
        }
    }

    fn holds(self, value: f32) -> bool {
        match self {
            Self::F32 => value.is_finite(),
            Self::Bf16 => bf16::from_f32(value).is_finite(),
            Self::F16 => f16::from_f32(value).is_finite(),
        }
    }
}

/// Takes numbers of a matrix, in their order.
pub type Sink<'a> = &'a mut dyn FnMut(&[f32]) -> Result<(), CheckpointError>;

/// Writes matrices as safetensors. `numbers` is called once for each, by its place in `planned`, and hands all numbers of it
/// over, in pieces, so that no model is held in memory.
pub fn write_tensors(
    path: &Path,
    planned: &[Planned],
    mut numbers: impl FnMut(usize, Sink<'_>) -> Result<(), CheckpointError>,
) -> Result<(), CheckpointError> {
    let write = |source: std::io::Error| CheckpointError::Write {
        path: path.to_owned(),
        source,
    };
    let bad = |reason: String| CheckpointError::Format {
        path: path.to_owned(),
        reason,
    };
    // The widest first, so that each begins at a multiple of its width.
    let mut order: Vec<usize> = (0..planned.len()).collect();
    order.sort_by_key(|&index| {
        let (_, size) = planned[index].precision.stored();
        (usize::MAX - size, &planned[index].name)
    });
    let mut infos = Vec::with_capacity(planned.len());
    let mut end = 0;
    for &index in &order {
        let Planned {
            name,
            shape: [rows, columns],
            precision,
        } = &planned[index];
        let (dtype, size) = precision.stored();
        let shape = if is_vector(name) {
            vec![*columns]
        } else {
            vec![*rows, *columns]
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
    // transformers refuses a file without this entry.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
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
    for &index in &order {
        let Planned {
            name,
            shape: [rows, columns],
            precision,
        } = &planned[index];
        let mut written = 0;
        numbers(index, &mut |values: &[f32]| {
            if let Some(&value) = values.iter().find(|&&value| !precision.holds(value)) {
                return Err(CheckpointError::NotFinite {
                    path: path.to_owned(),
                    name: name.clone(),
                    value,
                    dtype: precision.stored().0,
                });
            }
            written += values.len();
            write_numbers(&mut file, values, *precision).map_err(write)
        })?;
        if written != rows * columns {
            return Err(bad(format!(
                "tensor {name}: expected {} numbers, found {written}",
                rows * columns
            )));
        }
    }
    file.flush().map_err(write)?;
    drop(file);
    partial.as_file().sync_all().map_err(write)?;
    partial.persist(path).map_err(|error| write(error.error))?;
    Ok(())
}

/// Writes named matrices as safetensors.
pub fn save_tensors(
    path: &Path,
    named: impl Iterator<Item = (String, Tensor<2>)>,
    precision: Precision,
) -> Result<(), CheckpointError> {
    let (planned, mut tensors): (Vec<Planned>, Vec<Option<Tensor<2>>>) = named
        .map(|(name, tensor)| {
            let planned = Planned {
                name,
                shape: tensor.dims(),
                precision,
            };
            (planned, Some(tensor))
        })
        .unzip();
    write_tensors(path, &planned, |index, hand| {
        let Some(tensor) = tensors[index].take() else {
            return Ok(());
        };
        let values = tensor.into_data().try_to_vec::<f32>();
        let values = values.map_err(|error| CheckpointError::Format {
            path: path.to_owned(),
            reason: format!("{}: {error:?}", planned[index].name),
        })?;
        hand(&values)
    })
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
