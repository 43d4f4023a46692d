//! Parquet → rows, and problems → Parquet.
//!
//! Rows come as the JSON value of each record, nested structs and lists included, so that every schema reads both.
//! A written file has a column for each field of a problem: texts as they are, everything nested as JSON text.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde_json::Value;

use super::{Place, Problem, ProblemError, Row, Where};

/// The columns of a written file: texts first, then what is JSON text.
pub(super) const TEXTS: [&str; 3] = ["id", "statement", "preamble"];
/// Columns that hold JSON text.
pub(super) const NESTED: [&str; 8] = [
    "public_tests",
    "private_tests",
    "limits",
    "comparison",
    "references",
    "wrong",
    "files",
    "labels",
];

/// Problems of one row group: enough to read quickly, few enough to hold.
const GROUP: usize = 1000;

/// Calls `take` for every record of the file, in order, until it fails.
pub(super) fn for_each_row(
    path: &Path,
    take: &mut dyn FnMut(Row) -> Result<(), ProblemError>,
) -> Result<(), ProblemError> {
    let broken = |cause| ProblemError::Parquet {
        path: path.to_owned(),
        cause,
    };
    let file = File::open(path).map_err(|cause| ProblemError::Read {
        path: path.to_owned(),
        cause,
    })?;
    let reader = SerializedFileReader::new(file).map_err(broken)?;
    for (index, record) in reader.get_row_iter(None).map_err(broken)?.enumerate() {
        take(Row {
            place: Place {
                path: path.to_owned(),
                at: Where::Row(index + 1),
            },
            value: record.map_err(broken)?.to_json_value(),
        })?;
    }
    Ok(())
}

/// Writes the problems.
pub(super) fn write(path: &Path, problems: &[Problem]) -> std::io::Result<()> {
    let file = File::create(path)?;
    let file = encode(file, problems).map_err(std::io::Error::other)?;
    file.sync_all()
}

fn encode(file: File, problems: &[Problem]) -> Result<File, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema()?), Arc::new(properties))?;
    for problems in problems.chunks(GROUP) {
        let rows = problems
            .iter()
            .map(serde_json::to_value)
            .collect::<Result<Vec<Value>, _>>()
            .map_err(|error| ParquetError::External(Box::new(error)))?;
        let mut group = writer.next_row_group()?;
        for name in TEXTS.iter().chain(&NESTED) {
            let cells: Vec<ByteArray> = rows.iter().map(|row| cell(&row[name])).collect();
            let mut column = group
                .next_column()?
                .ok_or_else(|| ParquetError::General(format!("no column {name}")))?;
            column
                .typed::<ByteArrayType>()
                .write_batch(&cells, None, None)?;
            column.close()?;
        }
        group.close()?;
    }
    writer.into_inner()
}

/// A text as it is, anything else as JSON.
fn cell(value: &Value) -> ByteArray {
    match value {
        Value::String(text) => text.as_str().into(),
        other => other.to_string().as_str().into(),
    }
}

fn schema() -> Result<Type, ParquetError> {
    let column = |name: &&str, kind| {
        Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(kind))
            .build()
            .map(Arc::new)
    };
    let texts = TEXTS.iter().map(|name| column(name, LogicalType::String));
    let nested = NESTED.iter().map(|name| column(name, LogicalType::Json));
    let fields = texts.chain(nested).collect::<Result<Vec<_>, _>>()?;
    Type::group_type_builder("problem")
        .with_fields(fields)
        .build()
}
