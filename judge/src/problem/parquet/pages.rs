//! What a Parquet file unpacks to, found from the headers of its pages before anything is unpacked.
//!
//! A page's header says how large it is unpacked and how many values it holds, and the reader makes room for both. Pages of
//! gzip, Zstandard and Brotli are unpacked and counted, for nothing bounds those by what their header says.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt as _;

use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::super::ProblemError;
use super::super::budget::{Budget, ROW};
use super::thrift::Reader;

/// Groups of columns within one another, at most.
const DEEPEST: usize = 64;

/// Bytes of a page's header that are looked at; statistics in it may be long.
const HEADER: u64 = 1 << 16;

/// Values of a column's chunk in any case, and for each of its packed bytes: a column of one value is a few bytes.
const VALUES: u64 = 8 << 20;
const VALUES_PER_BYTE: u64 = 64;

/// Bytes of all columns' largest pages together.
const AT_ONCE: u64 = 1 << 30;

fn read_at(file: &File, at: u64, count: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(count).unwrap_or(0)];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

/// Checks the file's description of itself: sizes of its lists, and how deep its schema goes.
pub(super) fn check_depth(file: &File, size: u64) -> Result<(), String> {
    let broken = || "its footer is broken".to_owned();
    let Some(end) = size.checked_sub(8) else {
        return Err(broken());
    };
    let tail = read_at(file, end, 8).map_err(|error| error.to_string())?;
    let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let start = end.checked_sub(length).ok_or_else(broken)?;
    let footer = read_at(file, start, length).map_err(|error| error.to_string())?;
    // An encrypted one is left to the reader, which refuses it.
    if tail[4..] != *b"PAR1" {
        return Err(broken());
    }
    let depth = walk(&footer).ok_or_else(broken)?;
    if depth > DEEPEST {
        return Err(format!("its columns are nested more than {DEEPEST} deep"));
    }
    Ok(())
}

/// How deep the schema of a footer goes; nothing where it is broken.
fn walk(footer: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(footer);
    let (mut last, mut deepest) = (0, 0);
    while let Some(field) = reader.field(last)? {
        if (field.number, field.kind) == (2, 9) {
            let (count, kind) = reader.list()?;
            if kind != 12 {
                return None;
            }
            // Children that are still to come, for each group that is open.
            let mut open: Vec<i64> = Vec::new();
            for _ in 0..count {
                while open.last() == Some(&0) {
                    open.pop();
                }
                if let Some(left) = open.last_mut() {
                    *left -= 1;
                }
                let children = children(&mut reader)?;
                if children > 0 {
                    open.push(children);
                }
                deepest = deepest.max(open.len());
                if deepest > DEEPEST {
                    return Some(deepest);
                }
            }
        } else {
            reader.skip(field.kind)?;
        }
        last = field.number;
    }
    Some(deepest)
}

/// `num_children` of an element of the schema.
fn children(reader: &mut Reader<'_>) -> Option<i64> {
    let (mut last, mut children) = (0, 0);
    while let Some(field) = reader.field(last)? {
        if (field.number, field.kind) == (5, 5) {
            children = reader.integer()?;
        } else {
            reader.skip(field.kind)?;
        }
        last = field.number;
    }
    Some(children)
}

/// What a page's header says.
#[derive(Default)]
struct Page {
    header: u64,
    unpacked: u64,
    packed: u64,
    values: u64,
    /// Bytes before what is packed.
    levels: u64,
}

fn page(bytes: &[u8]) -> Option<Page> {
    let mut reader = Reader::new(bytes);
    let mut page = Page::default();
    let mut last = 0;
    while let Some(field) = reader.field(last)? {
        match (field.number, field.kind) {
            (2, 5) => page.unpacked = u64::try_from(reader.integer()?).ok()?,
            (3, 5) => page.packed = u64::try_from(reader.integer()?).ok()?,
            // Headers of a page of data, of a dictionary, of data in the second version.
            (5 | 7 | 8, 12) => {
                let mut inner = 0;
                while let Some(part) = reader.field(inner)? {
                    match (part.number, part.kind) {
                        (1, 5) => page.values = u64::try_from(reader.integer()?).ok()?,
                        (5 | 6, 5) if field.number == 8 => {
                            page.levels += u64::try_from(reader.integer()?).ok()?;
                        }
                        _ => reader.skip(part.kind)?,
                    }
                    inner = part.number;
                }
            }
            _ => reader.skip(field.kind)?,
        }
        last = field.number;
    }
    page.header = reader.at() as u64;
    Some(page)
}

/// Checks every page of the file; the inner error is of a broken one.
pub(super) fn check(
    file: &File,
    size: u64,
    metadata: &ParquetMetaData,
    budget: &Budget,
) -> Result<Result<(), ParquetError>, ProblemError> {
    for group in metadata.row_groups() {
        let mut at_once = 0;
        for column in group.columns() {
            let largest = match chunk(file, size, column, budget)? {
                Ok(largest) => largest,
                Err(found) => return Ok(Err(ParquetError::General(found))),
            };
            at_once += largest;
        }
        if at_once > AT_ONCE {
            return Err(budget.file_too_large());
        }
    }
    Ok(Ok(()))
}

/// The size of the largest page of a chunk.
fn chunk(
    file: &File,
    size: u64,
    column: &ColumnChunkMetaData,
    budget: &Budget,
) -> Result<Result<u64, String>, ProblemError> {
    let broken = || Ok(Err("a column does not lie within the file".to_owned()));
    let first = column.data_page_offset();
    let start = column
        .dictionary_page_offset()
        .map_or(first, |dictionary| dictionary.min(first));
    let (Ok(start), Ok(length), Ok(values)) = (
        u64::try_from(start),
        u64::try_from(column.compressed_size()),
        u64::try_from(column.num_values()),
    ) else {
        return broken();
    };
    let Some(end) = start.checked_add(length).filter(|&end| end <= size) else {
        return broken();
    };
    let most = VALUES.max(length.saturating_mul(VALUES_PER_BYTE));
    if values > most {
        return Err(budget.file_too_large());
    }
    let (mut at, mut seen, mut largest) = (start, 0, 0);
    while at < end {
        let bytes = match read_at(file, at, HEADER.min(end - at)) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let Some(page) = page(&bytes) else {
            // The reader may stop before this, where all values are read.
            return if seen >= values && seen > 0 {
                Ok(Ok(largest))
            } else {
                Ok(Err("the header of a page is broken".to_owned()))
            };
        };
        let Some(next) = (at + page.header)
            .checked_add(page.packed)
            .filter(|&next| next <= end)
        else {
            return broken();
        };
        seen += page.values;
        if page.unpacked > ROW || seen > most.saturating_add(VALUES) {
            return Err(budget.file_too_large());
        }
        if !is_bounded(column.compression()) {
            let skipped = page.header + page.levels.min(page.packed);
            match unpacks_to_more(
                file,
                at + skipped,
                next,
                (column.compression(), page.unpacked),
            ) {
                Ok(false) => {}
                Ok(true) => return Err(budget.file_too_large()),
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        largest = largest.max(page.unpacked);
        at = next;
    }
    Ok(Ok(largest))
}

/// Whether a page of this packing never unpacks to more than its header says.
const fn is_bounded(compression: Compression) -> bool {
    matches!(
        compression,
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::LZ4_RAW
    )
}

/// Times that LZ4 packs at most: a byte for each 255.
const LZ4_MOST: u64 = 255;

/// Whether the packed data between two places unpacks to more than `most`.
fn unpacks_to_more(
    file: &File,
    start: u64,
    end: u64,
    (compression, most): (Compression, u64),
) -> std::io::Result<bool> {
    if matches!(compression, Compression::LZ4) {
        // Its frames are bounded by what is packed alone.
        return Ok((end - start).saturating_mul(LZ4_MOST) > ROW.max(most));
    }
    let packed = read_at(file, start, end - start)?;
    let limit = most.saturating_add(1);
    let packed = packed.as_slice();
    let mut reader: Box<dyn Read + '_> = match compression {
        Compression::GZIP(_) => Box::new(MultiGzDecoder::new(packed)),
        Compression::ZSTD(_) => Box::new(zstd::Decoder::new(packed)?),
        Compression::BROTLI(_) => Box::new(brotli::Decompressor::new(packed, 4096)),
        // The reader refuses the others.
        _ => return Ok(false),
    };
    // Data that is packed otherwise is the reader's to refuse.
    let count = std::io::copy(&mut reader.as_mut().take(limit), &mut std::io::sink());
    Ok(count.is_ok_and(|count| count > most))
}
