//! What a compiler printed → the first of it, as text, without paths of the host. Pure.

/// Bytes kept.
const LONGEST: usize = 4000;
/// Directories after which a path says something to a reader.
const KNOWN: [&str; 4] = ["/include/c++/", "/include/", "/library/", "/src/"];

/// The start of a compiler's diagnostics, at most `LONGEST` bytes, cut at the end of a line.
pub(crate) fn trimmed(printed: &[u8]) -> String {
    // Paths only get shorter, so a little more than is kept will do.
    let text = String::from_utf8_lossy(&printed[..printed.len().min(4 * LONGEST)]);
    let text = without_host_paths(&text);
    let text = text.trim_end();
    if text.len() <= LONGEST && printed.len() <= 4 * LONGEST {
        return text.to_owned();
    }
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let end = text[..end].rfind('\n').unwrap_or(end);
    format!("{}\n[more diagnostics left out]", &text[..end])
}

/// The text with every absolute path cut down to what is below a known directory, else to its last part.
fn without_host_paths(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('/') {
        let (before, from) = rest.split_at(start);
        clean.push_str(before);
        let starts_here =
            !before.ends_with(|last: char| last.is_alphanumeric() || "./)]_<*".contains(last));
        let end = from
            .find(|character: char| !(character.is_alphanumeric() || "/._+-".contains(character)))
            .unwrap_or(from.len());
        let path = &from[..end];
        // One slash may be a division; a path of the host has two at least.
        if starts_here && path.len() > 2 && path[1..].contains('/') && !path.starts_with("//") {
            clean.push_str(below_known(path));
            rest = &from[end..];
        } else {
            clean.push('/');
            rest = &from[1..];
        }
    }
    clean.push_str(rest);
    clean
}

fn below_known(path: &str) -> &str {
    let below = KNOWN.iter().find_map(|known| {
        let (_, below) = path.rsplit_once(known)?;
        (!below.is_empty()).then_some(below)
    });
    below.unwrap_or_else(|| {
        path.trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or(path)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn host_paths_are_cut_down_and_code_is_left_alone() {
        for (given, expected) in [
            ("/program/main.cpp:3:5: error: x", "main.cpp:3:5: error: x"),
            (
                "In file included from /usr/include/c++/12/bits/stl.h:4,",
                "In file included from 12/bits/stl.h:4,",
            ),
            (
                "/usr/bin/ld.gold: error: /box/cc1.o: bad",
                "ld.gold: error: cc1.o: bad",
            ),
            (
                "collect2: fatal error: '/root/.cache/x'",
                "collect2: fatal error: 'x'",
            ),
            (
                "    3 |   int y = a/b; // half",
                "    3 |   int y = a/b; // half",
            ),
            ("  --> /program/main.rs:1:1", "  --> main.rs:1:1"),
            ("#include \"/etc/passwd\"", "#include \"passwd\""),
        ] {
            assert_eq!(trimmed(given.as_bytes()), expected);
        }
    }

    #[test]
    fn much_is_cut_at_a_line_and_says_so() {
        let text = trimmed("error: one\n".repeat(10_000).as_bytes());
        assert!(text.len() < LONGEST + 40, "{}", text.len());
        assert!(
            text.ends_with("error: one\n[more diagnostics left out]"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_grow(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let before = String::from_utf8_lossy(&bytes).len();
            prop_assert!(trimmed(&bytes).len() <= before);
        }
    }
}
