//! Source → the same bytes with blanks in place of comments and of what stands in strings, so that places in one are
//! places in the other. Of JavaScript, Java, Go and Rust. Pure.

use rlef_sandbox::Language;

/// The source with nothing but code in it, as long as before; lines stay lines.
pub(super) fn mask(source: &str, language: Language) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (skip, kept) = if rest.starts_with(b"//") {
            let end = rest.iter().position(|&byte| byte == b'\n');
            (end.unwrap_or(rest.len()), 0)
        } else if rest.starts_with(b"/*") {
            (comment(rest, language == Language::Rust), 0)
        } else if rest.starts_with(b"\"\"\"") && language == Language::Java {
            (3 + until(&rest[3..], b"\"\"\"", true), 1)
        } else if let Some(length) = raw(rest, bytes[..at].last().copied(), language) {
            (length, 1)
        } else {
            match rest[0] {
                b'"' => (1 + until(&rest[1..], b"\"", true), 1),
                b'`' if language == Language::Go => (1 + until(&rest[1..], b"`", false), 1),
                b'`' if language == Language::JavaScript => (1 + until(&rest[1..], b"`", true), 1),
                b'\'' if language == Language::Rust => (letter(rest), 1),
                b'\'' => (1 + until(&rest[1..], b"'", true), 1),
                _ => (1, 1),
            }
        };
        let end = (at + skip.max(1)).min(bytes.len());
        for byte in &mut out[(at + kept).min(end)..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    // Only whole characters were blanked, or left as they were.
    String::from_utf8(out).unwrap_or_else(|_| source.to_owned())
}

/// Bytes up to and with the end.
fn until(text: &[u8], end: &[u8], escapes: bool) -> usize {
    let mut at = 0;
    while at < text.len() {
        if escapes && text[at] == b'\\' {
            at += 2;
        } else if text[at..].starts_with(end) {
            return at + end.len();
        } else {
            at += 1;
        }
    }
    text.len()
}

fn comment(text: &[u8], nests: bool) -> usize {
    let (mut at, mut depth) = (2, 1);
    while at < text.len() {
        if text[at..].starts_with(b"*/") {
            at += 2;
            depth -= 1;
            if depth == 0 {
                return at;
            }
        } else if nests && text[at..].starts_with(b"/*") {
            at += 2;
            depth += 1;
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of a raw string of Rust that starts here.
fn raw(text: &[u8], before: Option<u8>, language: Language) -> Option<usize> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if language != Language::Rust || text[0] != b'r' || before.is_some_and(is_word) {
        return None;
    }
    let hashes = text[1..].iter().take_while(|&&byte| byte == b'#').count();
    if text.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    Some(2 + hashes + until(&text[2 + hashes..], &end, false))
}

/// The length of a character of Rust, or of the sign of a lifetime.
fn letter(text: &[u8]) -> usize {
    match text.get(1) {
        Some(b'\\') => 1 + until(&text[1..], b"'", true),
        Some(_) => {
            // One character of at most four bytes, then the sign again.
            let end = (2..=5).find(|&at| text.get(at) == Some(&b'\''));
            end.filter(|&at| {
                std::str::from_utf8(&text[1..at]).is_ok_and(|one| one.chars().count() == 1)
            })
            .map_or(1, |at| at + 1)
        }
        None => 1,
    }
}

/// Braces that stay open.
pub(super) fn depth(masked: &str) -> i64 {
    masked.bytes().fold(0, |depth, byte| match byte {
        b'{' => depth + 1,
        b'}' => depth - 1,
        _ => depth,
    })
}

/// Places at which a name stands as a whole word.
pub(super) fn words<'a>(masked: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    masked
        .match_indices(name)
        .map(|(at, _)| at)
        .filter(move |&at| {
            !masked[..at].ends_with(is_word) && !masked[at + name.len()..].starts_with(is_word)
        })
}

/// Where the bracket that stands at `open` is closed.
pub(super) fn closing(masked: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in masked.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_left_and_places_stay() {
        for (language, source, code) in [
            (
                Language::Rust,
                "let a = '}'; // }\nlet b: &'a str = r#\"}\"#;",
                "let a = '  ; \nlet b: &'a str = r",
            ),
            (Language::JavaScript, "f('}', `}${1}`) /* } */ + 1", "f('"),
            (Language::Go, "a := `}\\`; b := '}'", "a := `"),
            (
                Language::Java,
                "String s = \"\"\"\n } \"\"\"; char c = '\\'';",
                "String s = \"",
            ),
        ] {
            let masked = mask(source, language);
            assert_eq!(masked.len(), source.len(), "{source}");
            assert!(!masked.contains('}'), "{masked}");
            assert_eq!(masked.lines().count(), source.lines().count());
            let first = masked.split("  ").next().unwrap_or_default();
            assert!(
                code.starts_with(first) || masked.starts_with(code),
                "{masked:?}"
            );
        }
        assert_eq!(depth(&mask("class A { void f() { // {", Language::Java)), 2);
    }

    #[test]
    fn a_word_is_found_whole() {
        assert_eq!(
            words("ff f(f_) f.f $f", "f").collect::<Vec<_>>(),
            [3, 9, 11]
        );
    }
}
