//! C++ text as the compiler sees it, as far as brackets and names go: comments and literals are skipped. Pure text.

/// The letters of the code itself, each with its place: a comment or a literal is nothing, a preprocessor line is one
/// `\n`, and no other line end is told.
pub(super) fn code(text: &str) -> Vec<(usize, char)> {
    let mut letters = Vec::new();
    let mut rest = text.char_indices().peekable();
    let mut fresh_line = true;
    while let Some((at, letter)) = rest.next() {
        let next = rest.peek().map(|&(_, letter)| letter);
        match letter {
            '/' if next == Some('/') => {
                while rest.next_if(|&(_, letter)| letter != '\n').is_some() {}
            }
            '/' if next == Some('*') => {
                rest.next();
                let mut star = false;
                for (_, letter) in rest.by_ref() {
                    if star && letter == '/' {
                        break;
                    }
                    star = letter == '*';
                }
            }
            '#' if fresh_line => {
                let mut last = (at, '#');
                for (at, letter) in rest.by_ref() {
                    if letter == '\n' && last.1 != '\\' {
                        last.0 = at;
                        break;
                    }
                    if letter != '\r' {
                        last = (at, letter);
                    }
                }
                letters.push((last.0, '\n'));
            }
            '"' | '\'' => {
                let mut escaped = false;
                for (_, inside) in rest.by_ref() {
                    if !escaped && inside == letter || inside == '\n' {
                        break;
                    }
                    escaped = !escaped && inside == '\\';
                }
                fresh_line = false;
            }
            '\n' => fresh_line = true,
            _ => {
                fresh_line &= letter.is_whitespace();
                letters.push((at, letter));
            }
        }
    }
    letters
}

/// Comments away, blank space in one piece.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut expected = 0;
    let end = [(text.len(), ' ')];
    for (at, letter) in code(text).into_iter().chain(end) {
        let skipped = text[expected..at].trim();
        if skipped.starts_with(['"', '\'']) {
            plain.push_str(skipped);
        } else if (at > expected || letter.is_whitespace()) && !plain.ends_with(' ') {
            plain.push(' ');
        }
        if !letter.is_whitespace() {
            plain.push(letter);
        }
        expected = (at + letter.len_utf8()).min(text.len());
    }
    plain.trim().to_owned()
}

/// Whether a letter can be part of a name.
pub(super) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Where a sign stands outside all brackets; angle brackets count.
pub(super) fn top_level(text: &str, sign: char) -> Vec<usize> {
    let mut depth = 0_i32;
    let mut found = Vec::new();
    for (at, letter) in code(text) {
        if letter == sign && depth == 0 {
            found.push(at);
        }
        match letter {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' | '>' => depth -= 1,
            _ => {}
        }
    }
    found
}

/// The bracket that closes the one at `open`.
pub(super) fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, letter) in code(&text[open..]) {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(open + at);
        }
    }
    None
}
