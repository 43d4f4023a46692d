//! Parquet → rows, and problems → Parquet.
//!
//! Rows come as the JSON value of each record, nested structs and lists included, so that every schema reads both.
//! A written file has a column for each field of a problem: texts as they are, everything nested as JSON text.

use std::cell::Cell;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Once};

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::writer::SerializedFileWriter;
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::Value;

use super::budget::{Budget, cost_of_value};
use super::{Place, Problem, ProblemError, Row, Where};

mod pages;
mod thrift;

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
    budget: &Budget,
    take: &mut dyn FnMut(Row, &Budget) -> Result<(), ProblemError>,
) -> Result<(), ProblemError> {
    let broken = |cause| ProblemError::Parquet {
        path: path.to_owned(),
        cause,
    };
    let file = File::open(path).map_err(|cause| ProblemError::Read {
        path: path.to_owned(),
        cause,
    })?;
    let size = file.metadata().map_or(0, |about| about.len());
    let pages = file.try_clone().map_err(|cause| ProblemError::Read {
        path: path.to_owned(),
        cause,
    })?;
    pages::check_depth(&pages, size).map_err(|found| broken(ParquetError::General(found)))?;
    let mut opened = None;
    guarded(&mut || {
        opened = Some(SerializedFileReader::new(file.try_clone()?)?);
        Ok(None)
    })
    .map_err(broken)?;
    let Some(reader) = opened else {
        return Ok(());
    };
    pages::check(&pages, size, reader.metadata(), budget)?.map_err(broken)?;
    let mut records = None;
    guarded(&mut || {
        records = Some(reader.get_row_iter(None)?);
        Ok(None)
    })
    .map_err(broken)?;
    let Some(mut records) = records else {
        return Ok(());
    };
    let mut number = 0;
    let mut next = || -> Result<Option<Value>, ParquetError> {
        let record = records.next().transpose()?;
        Ok(record.map(|record| object(record.into_columns())))
    };
    while let Some(value) = guarded(&mut next).map_err(broken)? {
        number += 1;
        let place = Place {
            path: path.to_owned(),
            at: Where::Row(number),
        };
        budget.take_row(&place, cost_of_value(&value))?;
        take(Row { place, value }, budget)?;
    }
    Ok(())
}

/// What `work` gives. The reader trusts what a file says of itself; where that is false it may panic, which is the
/// file's fault and told as such.
fn guarded(
    work: &mut dyn FnMut() -> Result<Option<Value>, ParquetError>,
) -> Result<Option<Value>, ParquetError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    QUIET.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    done.unwrap_or_else(|_| {
        let found = "what it says of itself is not so".to_owned();
        Err(ParquetError::General(found))
    })
}

thread_local! {
    /// Whether a panic on this thread is told by an error.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

fn object(columns: Vec<(String, Field)>) -> Value {
    let columns = columns.into_iter();
    Value::Object(columns.map(|(name, field)| (name, json(field))).collect())
}

/// A field as JSON. Bytes that are text are that text: many a writer leaves out to say so.
fn json(field: Field) -> Value {
    match field {
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => text.into(),
            Err(_) => Field::Bytes(bytes).to_json_value(),
        },
        Field::Group(row) => object(row.into_columns()),
        Field::ListInternal(list) => list.elements().iter().cloned().map(json).collect(),
        other => other.to_json_value(),
    }
}

/// Writes the problems.
pub(super) fn write(path: &Path, problems: &[Problem]) -> std::io::Result<()> {
    let file = File::create(path)?;
    let file = encode(file, problems).map_err(of_file)?;
    file.sync_all()
}

/// What the file said, where the error is one of it.
fn of_file(error: ParquetError) -> std::io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast() {
            Ok(cause) => *cause,
            Err(cause) => std::io::Error::other(cause),
        },
        error => std::io::Error::other(error),
    }
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
