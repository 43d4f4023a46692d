//! Columns → Parquet, in the types that Hugging Face's data sets have: texts, numbers, lists of them, and lists of messages.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{Message, Role};

/// The values of one column, one a row.
pub(super) enum Column {
    Texts(Vec<String>),
    Flags(Vec<bool>),
    Numbers(Vec<Option<f64>>),
    TextLists(Vec<Vec<String>>),
    FlagLists(Vec<Vec<bool>>),
    Messages(Vec<Vec<Message>>),
}

impl Column {
    fn schema(&self, name: &str) -> String {
        let list = |element: &str| {
            format!("required group {name} (LIST) {{ repeated group list {{ {element} }} }}")
        };
        match self {
            Self::Texts(_) => format!("required binary {name} (UTF8);"),
            Self::Flags(_) => format!("required boolean {name};"),
            Self::Numbers(_) => format!("optional double {name};"),
            Self::TextLists(_) => list("required binary element (UTF8);"),
            Self::FlagLists(_) => list("required boolean element;"),
            Self::Messages(_) => list(
                "required group element { required binary role (UTF8); required binary content (UTF8); }",
            ),
        }
    }
}

/// The bytes of a file with these columns, all of one length.
pub(super) fn encode(columns: &[(&str, Column)]) -> Result<Vec<u8>, ParquetError> {
    let parts: Vec<String> = columns
        .iter()
        .map(|(name, column)| column.schema(name))
        .collect();
    let schema = parse_message_type(&format!("message rows {{ {} }}", parts.join(" ")))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for (_, column) in columns {
        put(&mut group, column)?;
    }
    group.close()?;
    writer.into_inner()
}

fn put(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    column: &Column,
) -> Result<(), ParquetError> {
    let bytes = |texts: &[&str]| -> Vec<ByteArray> {
        texts.iter().map(|text| ByteArray::from(*text)).collect()
    };
    match column {
        Column::Texts(texts) => {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            leaf(group, &Values::Texts(bytes(&texts)), None, None)
        }
        Column::Flags(flags) => leaf(group, &Values::Flags(flags.clone()), None, None),
        Column::Numbers(numbers) => {
            let there: Vec<i16> = numbers
                .iter()
                .map(|number| i16::from(number.is_some()))
                .collect();
            let values = numbers.iter().flatten().copied().collect();
            leaf(group, &Values::Numbers(values), Some(&there), None)
        }
        Column::TextLists(lists) => {
            let (there, starts) = levels(lists.iter().map(Vec::len));
            let texts: Vec<&str> = lists.iter().flatten().map(String::as_str).collect();
            leaf(
                group,
                &Values::Texts(bytes(&texts)),
                Some(&there),
                Some(&starts),
            )
        }
        Column::FlagLists(lists) => {
            let (there, starts) = levels(lists.iter().map(Vec::len));
            leaf(
                group,
                &Values::Flags(lists.concat()),
                Some(&there),
                Some(&starts),
            )
        }
        Column::Messages(lists) => {
            let (there, starts) = levels(lists.iter().map(Vec::len));
            let messages = || lists.iter().flatten();
            let roles: Vec<&str> = messages().map(|message| name(message.role)).collect();
            let contents: Vec<&str> = messages().map(|message| message.content.as_str()).collect();
            for texts in [roles, contents] {
                leaf(
                    group,
                    &Values::Texts(bytes(&texts)),
                    Some(&there),
                    Some(&starts),
                )?;
            }
            Ok(())
        }
    }
}

const fn name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// Of lists of some lengths, for every element, or once for an empty list: whether there is one (1), and whether it goes on
/// with the list before (1).
fn levels(lengths: impl Iterator<Item = usize>) -> (Vec<i16>, Vec<i16>) {
    let each = lengths.flat_map(|length| {
        let elements = 0..length.max(1);
        elements.map(move |place| (i16::from(length > 0), i16::from(place > 0)))
    });
    each.unzip()
}

enum Values {
    Texts(Vec<ByteArray>),
    Flags(Vec<bool>),
    Numbers(Vec<f64>),
}

/// Writes the next column of a row group.
fn leaf(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &Values,
    there: Option<&[i16]>,
    starts: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let other = || ParquetError::General("columns and schema are not of one kind".to_owned());
    let mut column = group.next_column()?.ok_or_else(other)?;
    match (column.untyped(), values) {
        (ColumnWriter::ByteArrayColumnWriter(writer), Values::Texts(texts)) => {
            writer.write_batch(texts, there, starts)?;
        }
        (ColumnWriter::BoolColumnWriter(writer), Values::Flags(flags)) => {
            writer.write_batch(flags, there, starts)?;
        }
        (ColumnWriter::DoubleColumnWriter(writer), Values::Numbers(numbers)) => {
            writer.write_batch(numbers, there, starts)?;
        }
        _ => return Err(other()),
    }
    column.close()
}
