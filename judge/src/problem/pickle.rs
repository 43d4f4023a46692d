//! The one kind of pickle that data sets of tests hold: a string, or a dictionary of strings. Pure.
//!
//! Python's pickle is a program; running one means trusting its author. Here only the opcodes that write a string (or
//! a flat dictionary of strings) are known, and everything else is refused. Opcodes: `Lib/pickletools.py`.

use std::collections::BTreeMap;

/// What such a pickle holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pickled {
    /// A string.
    Text(String),
    /// A dictionary from strings to strings.
    Texts(BTreeMap<String, String>),
}

enum Item {
    Mark,
    Text(String),
    Texts(BTreeMap<String, String>),
}

/// Reads it; the error says which opcode is in the way.
pub(super) fn read(mut bytes: &[u8]) -> Result<Pickled, String> {
    let mut stack: Vec<Item> = Vec::new();
    loop {
        let opcode = take(&mut bytes, 1)?[0];
        match opcode {
            // PROTO, BINPUT: one byte to skip. LONG_BINPUT: four. FRAME: eight. MEMOIZE: none.
            0x80 | b'q' => drop(take(&mut bytes, 1)?),
            b'r' => drop(take(&mut bytes, 4)?),
            0x95 => drop(take(&mut bytes, 8)?),
            0x94 => {}
            0x8c => text(&mut bytes, 1, &mut stack)?,
            b'X' => text(&mut bytes, 4, &mut stack)?,
            0x8d => text(&mut bytes, 8, &mut stack)?,
            b'}' => stack.push(Item::Texts(BTreeMap::new())),
            b'(' => stack.push(Item::Mark),
            b's' => {
                let at = stack.len().checked_sub(2).ok_or("SETITEM without a pair")?;
                set_items(&mut stack, at)?;
            }
            b'u' => {
                let mark = stack.iter().rposition(|item| matches!(item, Item::Mark));
                let mark = mark.ok_or("SETITEMS without a mark")?;
                stack.remove(mark);
                set_items(&mut stack, mark)?;
            }
            b'.' => {
                return match (stack.pop(), stack.is_empty()) {
                    (Some(Item::Text(text)), true) => Ok(Pickled::Text(text)),
                    (Some(Item::Texts(texts)), true) => Ok(Pickled::Texts(texts)),
                    _ => Err("no single value at its end".to_owned()),
                };
            }
            other => {
                return Err(format!(
                    "the opcode {:?} (0x{other:02x}), which writes no plain string",
                    char::from(other)
                ));
            }
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], String> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or("its end too early")?;
    *bytes = rest;
    Ok(taken)
}

fn text(bytes: &mut &[u8], width: usize, stack: &mut Vec<Item>) -> Result<(), String> {
    let mut length = [0; 8];
    length[..width].copy_from_slice(take(bytes, width)?);
    let length = usize::try_from(u64::from_le_bytes(length)).map_err(|_| "a string past memory")?;
    let text =
        std::str::from_utf8(take(bytes, length)?).map_err(|_| "a string that is not UTF-8")?;
    stack.push(Item::Text(text.to_owned()));
    Ok(())
}

/// Moves the pairs from `at` on into the dictionary before them.
fn set_items(stack: &mut Vec<Item>, at: usize) -> Result<(), String> {
    let mut pairs = stack.split_off(at).into_iter();
    let Some(Item::Texts(texts)) = stack.last_mut() else {
        return Err("items outside a dictionary".to_owned());
    };
    while let Some(key) = pairs.next() {
        match (key, pairs.next()) {
            (Item::Text(key), Some(Item::Text(value))) => texts.insert(key, value),
            _ => return Err("an item that is no pair of strings".to_owned()),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings_of_every_protocol_are_read() {
        for bytes in [
            b"\x80\x02X\x02\x00\x00\x00hiq\x00.".as_slice(),
            b"\x80\x04\x95\x06\x00\x00\x00\x00\x00\x00\x00\x8c\x02hi\x94.",
            b"\x80\x05\x95\x0d\x00\x00\x00\x00\x00\x00\x00\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi\x94.",
        ] {
            assert_eq!(read(bytes), Ok(Pickled::Text("hi".to_owned())), "{bytes:?}");
        }
    }

    #[test]
    fn a_dictionary_of_strings_is_read() {
        let one = b"\x80\x04}\x94\x8c\x01k\x94X\x01\x00\x00\x00v\x94s.";
        let two = b"\x80\x04}\x94(\x8c\x01k\x94\x8c\x01v\x94\x8c\x01l\x8c\x01wu.";
        let texts = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|&(key, value)| (key.to_owned(), value.to_owned()));
            Ok(Pickled::Texts(pairs.collect()))
        };
        assert_eq!(read(one), texts(&[("k", "v")]));
        assert_eq!(read(two), texts(&[("k", "v"), ("l", "w")]));
    }

    /// `os.system("true")` as pickle.dumps writes it, a list, a number, bytes.
    #[test]
    fn everything_else_is_refused() {
        for bytes in [
            b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94."
                .as_slice(),
            b"cos\nsystem\n(S'true'\ntR.",
            b"\x80\x04]\x94.",
            b"\x80\x04K\x01.",
            b"\x80\x04C\x01a\x94.",
            b"\x80\x04\x8c\x01",
            b"\x80\x04\x8c\xffa.",
            b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.",
            b"\x80\x04}\x8c\x01ks.",
            b"u.",
            b"s.",
            b".",
            b"",
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, opcodes in prop::collection::vec(prop::sample::select(b"}(su.\x94\x8c\x01a".to_vec()), 0..20)) {
            let _ = read(&bytes);
            let _ = read(&opcodes);
        }
    }
}
