//! The bytes of a GGUF file → its metadata, and where each tensor lies. Whoever made a file may mean harm: no room is made for
//! what the file only claims, and all of it is held against the file's own length. The format is ggml's `docs/gguf.md`.

use std::collections::BTreeSet;
use std::io::Read;

use super::blocks::{Kind, kind};
use super::metadata::{Metadata, Value};

/// Bytes of the longest header that is read; that of a vocabulary of 256,000 tokens has some 15 MiB.
const LONGEST_HEADER: u64 = 64 << 20;
/// Bytes of the longest name of a field or a tensor.
const LONGEST_NAME: u64 = 1 << 10;
/// Where tensors begin, unless the file says otherwise: at multiples of this.
const ALIGNMENT: u64 = 32;
/// The largest alignment that is read.
const LARGEST_ALIGNMENT: u64 = 1 << 16;
/// Numbers of the largest tensor that is read.
const MOST_NUMBERS: u64 = 1 << 40;

/// A tensor of the file.
#[derive(Debug)]
pub(super) struct TensorInfo {
    pub(super) name: String,
    /// Rows and columns, as PyTorch orders them; a vector is one row.
    pub(super) shape: [usize; 2],
    /// How its numbers are stored.
    pub(super) kind: &'static Kind,
    /// Where its bytes begin in the file.
    pub(super) start: u64,
}

impl TensorInfo {
    /// Bytes of one row.
    pub(super) const fn row_bytes(&self) -> usize {
        self.shape[1] / self.kind.weights * self.kind.bytes
    }

    /// Bytes of all rows.
    pub(super) const fn bytes(&self) -> u64 {
        self.row_bytes() as u64 * self.shape[0] as u64
    }
}

/// What stands before the numbers.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) metadata: Metadata,
    pub(super) tensors: Vec<TensorInfo>,
}

impl Header {
    /// Reads the header of a file of `length` bytes from its start.
    pub(super) fn read(from: impl Read, length: u64) -> Result<Self, String> {
        let mut bytes = Bytes {
            from,
            left: length.min(LONGEST_HEADER),
            at: 0,
        };
        let magic: [u8; 4] = bytes.array("the four letters GGUF")?;
        if magic != *b"GGUF" {
            let found = String::from_utf8_lossy(&magic).into_owned();
            return Err(format!(
                "expected a file that begins with GGUF, found {found:?}"
            ));
        }
        let version = u32::from_le_bytes(bytes.array("the version")?);
        if !matches!(version, 2 | 3) {
            let more = match version {
                1 => "; write it again with a newer llama.cpp",
                _ if matches!(version.swap_bytes(), 2 | 3) => "; this file is big-endian",
                _ => "",
            };
            return Err(format!("expected version 2 or 3, found {version}{more}"));
        }
        let tensors = bytes.number("the number of tensors")?;
        let fields = bytes.number("the number of fields")?;
        // The shortest field has 13 bytes, the shortest tensor 24.
        for (what, count, shortest) in [("fields", fields, 13), ("tensors", tensors, 24)] {
            if count > bytes.left / shortest {
                return Err(format!(
                    "expected room for the {count} {what} that it says it has, found {} bytes",
                    bytes.left
                ));
            }
        }
        let mut metadata = Metadata::default();
        for _ in 0..fields {
            let name = bytes.text("the name of a field", LONGEST_NAME)?;
            let value = bytes.value(&name)?;
            if metadata.insert(name.clone(), value).is_some() {
                return Err(format!(
                    "field {name}: expected one of that name, found two"
                ));
            }
        }
        let alignment = metadata.whole("general.alignment")?;
        let alignment = alignment.map_or(ALIGNMENT, |found| found as u64);
        if !alignment.is_power_of_two() || alignment > LARGEST_ALIGNMENT {
            return Err(format!(
                "field general.alignment: expected a power of two of at most {LARGEST_ALIGNMENT}, found {alignment}"
            ));
        }
        let mut infos = Vec::new();
        for _ in 0..tensors {
            infos.push(bytes.tensor()?);
        }
        let start = bytes.at.next_multiple_of(alignment);
        place(&mut infos, start, alignment, length)?;
        Ok(Self {
            metadata,
            tensors: infos,
        })
    }
}

/// Makes of offsets places in the file, and holds them against its length.
fn place(
    tensors: &mut [TensorInfo],
    start: u64,
    alignment: u64,
    length: u64,
) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let mut end = start;
    for tensor in tensors {
        let name = &tensor.name;
        if !names.insert(name.clone()) {
            return Err(format!(
                "tensor {name}: expected one of that name, found two"
            ));
        }
        if !tensor.start.is_multiple_of(alignment) {
            return Err(format!(
                "tensor {name}: expected an offset that is a multiple of {alignment}, found {}",
                tensor.start
            ));
        }
        let bytes = tensor.bytes();
        let place = start.checked_add(tensor.start);
        let past = place.and_then(|place| place.checked_add(bytes));
        match (place, past) {
            (Some(place), Some(past)) if past <= length => {
                tensor.start = place;
                end = end.max(past);
            }
            _ => {
                return Err(format!(
                    "tensor {name}: expected {bytes} bytes from {start} + {} on, found a file of {length}: it was cut short",
                    tensor.start
                ));
            }
        }
    }
    // What a writer fills up with.
    if length > end.next_multiple_of(alignment) {
        return Err(format!(
            "expected the last tensor to end the file at byte {end}, found {length} bytes"
        ));
    }
    Ok(())
}

/// What is left of a header.
struct Bytes<R> {
    from: R,
    /// Bytes that may still be read.
    left: u64,
    /// Bytes that were.
    at: u64,
}

impl<R: Read> Bytes<R> {
    fn take(&mut self, count: u64, what: &str) -> Result<(), String> {
        let Some(left) = self.left.checked_sub(count) else {
            return Err(format!(
                "{what}: expected {count} bytes at {}, found {} up to the end of the file or of the longest header ({LONGEST_HEADER} bytes)",
                self.at, self.left
            ));
        };
        (self.left, self.at) = (left, self.at + count);
        Ok(())
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], String> {
        self.take(N as u64, what)?;
        let mut bytes = [0; N];
        let read = self.from.read_exact(&mut bytes);
        read.map_err(|error| format!("{what}: {error}"))?;
        Ok(bytes)
    }

    fn number(&mut self, what: &str) -> Result<u64, String> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A text after its length.
    fn text(&mut self, what: &str, longest: u64) -> Result<String, String> {
        let length = self.number(what)?;
        if length > longest {
            return Err(format!(
                "{what}: expected a text of at most {longest} bytes, found one of {length}"
            ));
        }
        self.take(length, what)?;
        // The rest of the header bounds its length.
        let mut bytes = vec![0; length as usize];
        let read = self.from.read_exact(&mut bytes);
        read.map_err(|error| format!("{what}: {error}"))?;
        String::from_utf8(bytes).map_err(|error| format!("{what}: expected UTF-8, found {error}"))
    }

    fn value(&mut self, name: &str) -> Result<Value, String> {
        let what = format!("field {name}");
        let kind = u32::from_le_bytes(self.array(&what)?);
        if kind != ARRAY {
            return self.scalar(kind, &what);
        }
        let kind = u32::from_le_bytes(self.array(&what)?);
        let count = self.number(&what)?;
        let shortest = shortest(kind).ok_or_else(|| {
            format!("{what}: expected an array of numbers or texts, found one of type {kind}")
        })?;
        if count > self.left / shortest {
            return Err(format!(
                "{what}: expected room for its {count} entries, found {} bytes",
                self.left
            ));
        }
        if kind == TEXT {
            let texts = (0..count).map(|_| self.text(&what, LONGEST_HEADER));
            return Ok(Value::Texts(texts.collect::<Result<_, _>>()?));
        }
        let mut numbers = Vec::new();
        for _ in 0..count {
            numbers.push(match self.scalar(kind, &what)? {
                Value::Whole(whole) => whole as f64,
                Value::Real(real) => real,
                _ => return Err(format!("{what}: expected numbers, found something else")),
            });
        }
        Ok(Value::Numbers(numbers))
    }

    fn scalar(&mut self, kind: u32, what: &str) -> Result<Value, String> {
        Ok(match kind {
            0 => Value::Whole(u8::from_le_bytes(self.array(what)?).into()),
            1 => Value::Whole(i8::from_le_bytes(self.array(what)?).into()),
            2 => Value::Whole(u16::from_le_bytes(self.array(what)?).into()),
            3 => Value::Whole(i16::from_le_bytes(self.array(what)?).into()),
            4 => Value::Whole(u32::from_le_bytes(self.array(what)?).into()),
            5 => Value::Whole(i32::from_le_bytes(self.array(what)?).into()),
            6 => Value::Real(as_written(f32::from_le_bytes(self.array(what)?))),
            7 => match self.array(what)? {
                [0] => Value::Truth(false),
                [1] => Value::Truth(true),
                [other] => return Err(format!("{what}: expected 0 or 1, found {other}")),
            },
            TEXT => Value::Text(self.text(what, LONGEST_HEADER)?),
            10 => Value::Whole(u64::from_le_bytes(self.array(what)?).into()),
            11 => Value::Whole(i64::from_le_bytes(self.array(what)?).into()),
            12 => Value::Real(f64::from_le_bytes(self.array(what)?)),
            other => {
                return Err(format!(
                    "{what}: expected a type from 0 to 12, found {other}"
                ));
            }
        })
    }

    fn tensor(&mut self) -> Result<TensorInfo, String> {
        let name = self.text("the name of a tensor", LONGEST_NAME)?;
        let what = format!("tensor {name}");
        let count = u32::from_le_bytes(self.array(&what)?);
        if !(1..=4).contains(&count) {
            return Err(format!("{what}: expected 1 to 4 dimensions, found {count}"));
        }
        let mut sizes = [1; 4];
        for size in &mut sizes[..count as usize] {
            *size = self.number(&what)?;
        }
        let numbers = sizes
            .iter()
            .try_fold(1_u64, |all, &size| all.checked_mul(size));
        let plain = sizes[2..] == [1, 1] && !sizes.contains(&0);
        if !(plain && numbers.is_some_and(|numbers| numbers <= MOST_NUMBERS)) {
            return Err(format!(
                "{what}: expected a vector or a matrix of at most {MOST_NUMBERS} numbers, found {:?}",
                &sizes[..count as usize]
            ));
        }
        let kind = kind(u32::from_le_bytes(self.array(&what)?))
            .map_err(|reason| format!("{what}: {reason}"))?;
        if !sizes[0].is_multiple_of(kind.weights as u64) {
            return Err(format!(
                "{what}: expected rows of a multiple of {} numbers, as {} stores them, found {}",
                kind.weights, kind.name, sizes[0]
            ));
        }
        Ok(TensorInfo {
            shape: [sizes[1] as usize, sizes[0] as usize],
            kind,
            start: self.number(&what)?,
            name,
        })
    }
}

/// The type of a text, among values.
const TEXT: u32 = 8;
/// The type of an array.
const ARRAY: u32 = 9;

/// Bytes that a value of a type has at least; none for arrays, which stand in no array of the models that are read.
const fn shortest(kind: u32) -> Option<u64> {
    Some(match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        TEXT | 10..=12 => 8,
        _ => return None,
    })
}

/// The number that was meant: 0.00001 has no f32, and its nearest one is written so again.
fn as_written(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| number.into())
}
