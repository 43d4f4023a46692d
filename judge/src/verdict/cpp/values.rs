//! Bytes of a call or its reply as text for people, in the way C++ writes values. Never decides anything.

use std::fmt::Write as _;

/// Letters after which no more values are written.
const MOST: usize = 2000;

/// Every value in the bytes, with commas between them; what is cut off ends in `...`.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut rest = bytes;
    let mut text = String::new();
    while !rest.is_empty() {
        if !text.is_empty() {
            text.push_str(", ");
        }
        if text.len() > MOST || one(&mut rest, &mut text, 0).is_none() {
            text.push_str("...");
            break;
        }
    }
    text
}

/// The last value: a reply's result stands behind what it changed.
pub(super) fn last(bytes: &[u8]) -> String {
    let (mut rest, mut kept) = (bytes, String::new());
    while !rest.is_empty() {
        let mut text = String::new();
        let done = one(&mut rest, &mut text, 0);
        kept = text;
        if done.is_none() {
            kept.push_str("...");
            break;
        }
    }
    kept
}

fn one(rest: &mut &[u8], text: &mut String, depth: usize) -> Option<()> {
    if text.len() > MOST || depth > 64 {
        return None;
    }
    match take::<1>(rest)?[0] {
        b'b' => text.push_str(if take::<1>(rest)? == [0] {
            "false"
        } else {
            "true"
        }),
        b'c' => quoted(&take::<1>(rest)?, '\'', text),
        b'i' => text.push_str(&i64::from_le_bytes(take(rest)?).to_string()),
        b'u' => text.push_str(&u64::from_le_bytes(take(rest)?).to_string()),
        b'f' => write!(text, "{:?}", f32::from_le_bytes(take(rest)?)).ok()?,
        b'd' => write!(text, "{:?}", f64::from_le_bytes(take(rest)?)).ok()?,
        b's' => {
            let length = count(rest)?;
            let (inside, after) = rest.split_at(length.min(rest.len()));
            quoted(inside, '"', text);
            *rest = after;
            if inside.len() < length {
                return None;
            }
        }
        b'l' | b'z' | b't' => {
            let length = count(rest)?;
            list(rest, text, length, &mut |rest, text| {
                one(rest, text, depth + 1)
            })?;
        }
        b'm' => {
            let length = count(rest)?;
            list(rest, text, length, &mut |rest, text| {
                text.push('{');
                one(rest, text, depth + 1)?;
                text.push_str(", ");
                one(rest, text, depth + 1)?;
                text.push('}');
                Some(())
            })?;
        }
        b'o' => match take::<1>(rest)? {
            [0] => text.push_str("nullopt"),
            _ => one(rest, text, depth + 1)?,
        },
        b'v' => {
            count(rest)?;
            one(rest, text, depth + 1)?;
        }
        b'a' => match take::<1>(rest)? {
            [0] => text.push_str("{}"),
            _ => one(rest, text, depth + 1)?,
        },
        b'n' => text.push_str("{}"),
        _ => return None,
    }
    Some(())
}

fn list(
    rest: &mut &[u8],
    text: &mut String,
    length: usize,
    item: &mut dyn FnMut(&mut &[u8], &mut String) -> Option<()>,
) -> Option<()> {
    text.push('{');
    for index in 0..length {
        if index > 0 {
            text.push_str(", ");
        }
        item(rest, text)?;
    }
    text.push('}');
    Some(())
}

fn count(rest: &mut &[u8]) -> Option<usize> {
    Some(u32::from_le_bytes(take(rest)?) as usize)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

fn quoted(bytes: &[u8], quote: char, text: &mut String) {
    text.push(quote);
    for letter in String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]).chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            _ if letter == quote => text.extend(['\\', letter]),
            _ if letter.is_control() => text.extend(letter.escape_default()),
            _ => text.push(letter),
        }
    }
    text.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(value: i64) -> Vec<u8> {
        [&b"i"[..], &value.to_le_bytes()].concat()
    }

    #[test]
    fn values_are_written_as_cpp_writes_them() {
        let list = [&b"l\x02\0\0\0"[..], &int(1), &int(-2)].concat();
        let words = b"s\x03\0\0\0a\"\n".to_vec();
        let map = [&b"m\x01\0\0\0cx"[..], &b"b\x01"[..]].concat();
        let all = [
            list.clone(),
            words,
            map,
            b"f\0\0\xc0?".to_vec(),
            b"o\0".to_vec(),
            b"a\0".to_vec(),
        ]
        .concat();
        assert_eq!(
            text(&all),
            "{1, -2}, \"a\\\"\\n\", {{'x', true}}, 1.5, nullopt, {}"
        );
        assert_eq!(last(&[list, int(7)].concat()), "7");
        assert_eq!((text(b""), last(b"")), (String::new(), String::new()));
    }

    #[test]
    fn hostile_bytes_end() {
        for bytes in [
            &b"s\xff\xff\xff\xffab"[..],
            b"l\xff\xff\xff\xff",
            b"?",
            b"i\0",
            &[b'o', 1].repeat(100_000),
            &b"t\x01\0\0\0".repeat(100_000),
        ] {
            assert!(
                text(bytes).ends_with("...") && last(bytes).ends_with("..."),
                "{:?}",
                text(bytes)
            );
        }
        let huge = [&b"l\xff\xff\xff\xff"[..], &int(5).repeat(100_000)].concat();
        assert!(text(&huge).len() < 2 * MOST);
    }
}
