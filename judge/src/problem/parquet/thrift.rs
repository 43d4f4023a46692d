//! Thrift's compact protocol, as far as it takes to walk over what a Parquet file says of itself. Pure.
//!
//! Nothing is kept and nothing is believed: a list that claims more items than there are bytes, or a structure nested
//! without end, is refused here before the reader makes room for it.

/// Structures within structures, at most.
const DEEPEST: usize = 32;

/// Types of fields.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const STRUCT: u8 = 12;

/// Bytes that are read from the front.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A field of a structure: its number and type.
pub(super) struct Field {
    pub(super) number: i64,
    pub(super) kind: u8,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A signed integer of any width.
    pub(super) fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next field of a structure, after the one numbered `last`; `Some(None)` at its end.
    #[expect(
        clippy::option_option,
        reason = "the end of the bytes and the end of a structure are two things"
    )]
    pub(super) fn field(&mut self, last: i64) -> Option<Option<Field>> {
        let head = self.byte()?;
        if head == 0 {
            return Some(None);
        }
        let number = match head >> 4 {
            0 => self.integer()?,
            delta => last.checked_add(i64::from(delta))?,
        };
        let kind = head & 0x0f;
        Some(Some(Field { number, kind }))
    }

    /// Number and type of the items of a list that follows; never more than there are bytes.
    pub(super) fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        let left = self.bytes.len().checked_sub(self.at)? as u64;
        (count <= left).then_some((count, head & 0x0f))
    }

    /// Goes past a value.
    pub(super) fn skip(&mut self, kind: u8) -> Option<()> {
        self.skip_below(kind, 0, false)
    }

    fn skip_below(&mut self, kind: u8, depth: usize, in_list: bool) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        let fixed = |reader: &mut Self, count: u64| {
            let at = reader.at.checked_add(usize::try_from(count).ok()?)?;
            (at <= reader.bytes.len()).then(|| reader.at = at)
        };
        match kind {
            // A field's header holds it; an item of a list is a byte.
            TRUE | FALSE => fixed(self, u64::from(in_list)),
            3 => fixed(self, 1),
            4..=6 => self.varint().map(drop),
            7 => fixed(self, 8),
            8 => {
                let count = self.varint()?;
                fixed(self, count)
            }
            9 | 10 => {
                let (count, kind) = self.list()?;
                (0..count).try_for_each(|_| self.skip_below(kind, depth + 1, true))
            }
            11 => {
                let count = self.varint()?;
                if count == 0 {
                    return Some(());
                }
                let kinds = self.byte()?;
                let left = self.bytes.len().checked_sub(self.at)? as u64;
                if count > left {
                    return None;
                }
                (0..count).try_for_each(|_| {
                    self.skip_below(kinds >> 4, depth + 1, true)?;
                    self.skip_below(kinds & 0x0f, depth + 1, true)
                })
            }
            STRUCT => {
                let mut last = 0;
                while let Some(field) = self.field(last)? {
                    self.skip_below(field.kind, depth + 1, false)?;
                    last = field.number;
                }
                Some(())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_structure_is_walked_field_by_field() {
        // 1: i32 = -3, 2: "ab", 3: [1, 2] of i32, 5: true.
        let bytes = [
            0x15, 5, 0x18, 2, b'a', b'b', 0x19, 0x25, 2, 4, 0x21, 0, 0xff,
        ];
        let mut reader = Reader::new(&bytes);
        let first = reader.field(0).unwrap().unwrap();
        assert_eq!((first.number, reader.integer()), (1, Some(-3)));
        let mut whole = Reader::new(&bytes);
        assert!(whole.skip(STRUCT).is_some());
        assert_eq!(whole.at(), bytes.len() - 1);
    }

    #[test]
    fn what_claims_too_much_is_refused() {
        for bytes in [
            // A list of 2^28 structures; binary past the end; structures within structures; no end.
            [0x19, 0xfc, 0x80, 0x80, 0x80, 0x80, 0x01].as_slice(),
            &[0x18, 9, b'a'],
            &[0x1c; 40],
            &[0x15],
        ] {
            assert!(Reader::new(bytes).skip(STRUCT).is_none(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Reader::new(&bytes).skip(STRUCT);
        }
    }
}
