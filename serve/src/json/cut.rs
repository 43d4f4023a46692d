//! Where values begin and end in a text, found byte by byte and without building anything of it.

/// How much a text holds, told without building anything of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// How deep values lie in one another.
    pub(crate) depth: usize,
    /// Values there are, about.
    pub(crate) values: usize,
}

/// The size of a text, be it valid or not.
pub(crate) fn size(text: &[u8]) -> Size {
    let (mut depth, mut deepest, mut values, mut at) = (0_usize, 0, 1, 0);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at) - 1,
            b'[' | b'{' => {
                depth += 1;
                values += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        at += 1;
    }
    Size {
        depth: deepest,
        values,
    }
}

/// The byte after the string that starts at `at`.
pub(super) fn string_end(text: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while text.get(end).is_some_and(|&byte| byte != b'"') {
        end += 1 + usize::from(text[end] == b'\\');
    }
    (end + 1).min(text.len())
}

/// The byte after the value that starts at `at`.
pub(super) fn value_end(text: &[u8], at: usize) -> usize {
    let (mut depth, mut end) = (0_usize, at);
    while let Some(&byte) = text.get(end) {
        match byte {
            b'"' => {
                end = string_end(text, end);
                if depth == 0 {
                    return end;
                }
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' | b',' | b':' if depth == 0 => return end,
            b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return end + 1;
                }
            }
            _ => {}
        }
        end += 1;
    }
    end
}

/// The next byte that is not white space, from `at` on.
pub(super) fn blank(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// The texts of the values of a list, which has been checked; nothing where it is none.
pub(crate) fn items(text: &str) -> Option<Vec<&str>> {
    let bytes = text.as_bytes();
    let mut at = blank(bytes, 0);
    if bytes.get(at) != Some(&b'[') {
        return None;
    }
    let mut found = Vec::new();
    loop {
        at = blank(bytes, at + 1);
        if matches!(bytes.get(at), None | Some(b']')) {
            return Some(found);
        }
        let end = value_end(bytes, at);
        found.push(text[at..end].trim_end());
        at = blank(bytes, end);
        if bytes.get(at) != Some(&b',') {
            return Some(found);
        }
    }
}
