//! The part of YAML that settings of problem packages are written in → JSON values: maps and lists by indentation, lists and
//! maps in brackets, plain and quoted texts, comments. Anything else is refused by line. Pure.

use serde_json::{Map, Value};

/// A line that says something: its number from 1, its indentation, its text.
struct Line<'a> {
    number: usize,
    indent: usize,
    text: &'a str,
}

/// The value of a text; nothing at all is an empty map.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut lines = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let body = without_comment(line).trim_end();
        if body.trim().is_empty() || body == "---" || body.starts_with('%') {
            continue;
        }
        let inner = body.trim_start_matches(' ');
        if inner.starts_with('\t') {
            return Err(format!("line {}: a tab as indentation", index + 1));
        }
        lines.push(Line {
            number: index + 1,
            indent: body.len() - inner.len(),
            text: inner,
        });
    }
    let mut at = 0;
    let value = block(&lines, &mut at, 0, 0)?;
    match lines.get(at) {
        Some(line) => Err(format!("line {}: an unexpected indentation", line.number)),
        None => Ok(value),
    }
}

/// Nesting that is read at most.
const DEEPEST: usize = 32;

/// A block whose lines stand at `least` or deeper.
fn block(lines: &[Line<'_>], at: &mut usize, least: usize, depth: usize) -> Result<Value, String> {
    let Some(first) = lines.get(*at).filter(|line| line.indent >= least) else {
        return Ok(if depth == 0 {
            Value::Object(Map::new())
        } else {
            Value::Null
        });
    };
    if depth > DEEPEST {
        return Err(format!("line {}: values nested too deep", first.number));
    }
    let indent = first.indent;
    if first.text == "-" || first.text.starts_with("- ") {
        let mut items = Vec::new();
        while let Some(line) = lines.get(*at).filter(|line| {
            line.indent == indent && (line.text == "-" || line.text.starts_with("- "))
        }) {
            *at += 1;
            let rest = line.text[1..].trim();
            if rest.is_empty() {
                items.push(block(lines, at, indent + 1, depth + 1)?);
            } else if split_key(rest).is_some() {
                return Err(format!("line {}: a map as an item of a list", line.number));
            } else {
                items.push(scalar(rest, line.number)?);
            }
        }
        return Ok(Value::Array(items));
    }
    let mut map = Map::new();
    while let Some(line) = lines.get(*at).filter(|line| line.indent == indent) {
        let Some((key, rest)) = split_key(line.text) else {
            return Err(format!("line {}: expected `name: value`", line.number));
        };
        *at += 1;
        let value = if rest.is_empty() {
            let lists = lines
                .get(*at)
                .is_some_and(|next| next.indent == indent && next.text.starts_with("- "));
            block(
                lines,
                at,
                if lists { indent } else { indent + 1 },
                depth + 1,
            )?
        } else if rest.starts_with('|') || rest.starts_with('>') {
            let mut text = String::new();
            while let Some(next) = lines.get(*at).filter(|next| next.indent > indent) {
                text.push_str(next.text);
                text.push('\n');
                *at += 1;
            }
            Value::String(text)
        } else {
            scalar(rest, line.number)?
        };
        let key = unquoted(key).to_owned();
        if map.insert(key.clone(), value).is_some() {
            return Err(format!("line {}: `{key}` is there twice", line.number));
        }
    }
    Ok(Value::Object(map))
}

fn unquoted(text: &str) -> &str {
    let inner = |quote: char| {
        text.strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    };
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// `name: value`, where the colon stands in no quotes.
fn split_key(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, ':') if text[at + 1..].is_empty() || text[at + 1..].starts_with(' ') => {
                return Some((text[..at].trim(), text[at + 1..].trim()));
            }
            (None, '[' | '{') if at == 0 => return None,
            _ => {}
        }
    }
    None
}

fn scalar(text: &str, line: usize) -> Result<Value, String> {
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner
            .strip_suffix(']')
            .ok_or_else(|| format!("line {line}: a list over several lines"))?;
        let items = parts(inner).into_iter().map(|part| scalar(part, line));
        return items.collect::<Result<Vec<_>, _>>().map(Value::Array);
    }
    if let Some(inner) = text.strip_prefix('{') {
        let inner = inner
            .strip_suffix('}')
            .ok_or_else(|| format!("line {line}: a map over several lines"))?;
        let mut map = Map::new();
        for part in parts(inner) {
            let (key, value) =
                split_key(part).ok_or_else(|| format!("line {line}: expected `name: value`"))?;
            map.insert(unquoted(key).to_owned(), scalar(value, line)?);
        }
        return Ok(Value::Object(map));
    }
    if text.starts_with(['&', '*', '!', '@', '`']) {
        return Err(format!("line {line}: an anchor, an alias or a tag"));
    }
    if let Some(inner) = text.strip_prefix('"') {
        let inner = inner
            .strip_suffix('"')
            .ok_or_else(|| format!("line {line}: a text over several lines"))?;
        let json = serde_json::from_str(&format!("\"{inner}\""));
        return Ok(json.unwrap_or_else(|_| Value::String(inner.to_owned())));
    }
    if let Some(inner) = text.strip_prefix('\'') {
        let inner = inner
            .strip_suffix('\'')
            .ok_or_else(|| format!("line {line}: a text over several lines"))?;
        return Ok(Value::String(inner.replace("''", "'")));
    }
    Ok(match text {
        "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        other => other
            .parse::<i64>()
            .map(Value::from)
            .ok()
            .or_else(|| {
                let number = other
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
                other
                    .parse::<f64>()
                    .ok()
                    .filter(|_| number)
                    .map(Value::from)
            })
            .unwrap_or_else(|| Value::String(other.to_owned())),
    })
}

/// Parts between commas that stand in no quotes or brackets.
fn parts(text: &str) -> Vec<&str> {
    let (mut quote, mut depth, mut start) = (None, 0_usize, 0);
    let mut all = Vec::new();
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                all.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    all.push(text[start..].trim());
    all.retain(|part| !part.is_empty());
    all
}

fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        match (quote, letter) {
            (None, '#') if before == ' ' || before == '\t' => return &line[..at],
            // An apostrophe within a word is none.
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            _ => {}
        }
        before = letter;
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_read() {
        let text = "# about\nname: It's a \"test\"  # really\nlimits:\n  memory: 512   # MiB\n  time_multipliers: {ac_to_time_limit: 2.5}\nkeywords: [a, 'b, c']\n\
                    languages:\n- python3\n- cpp\nempty:\nvalidation: custom interactive\nflag: true\nsource: \"x: y\"\n";
        assert_eq!(
            parse(text).unwrap(),
            json!({"name": "It's a \"test\"", "limits": {"memory": 512, "time_multipliers": {"ac_to_time_limit": 2.5}},
                   "keywords": ["a", "b, c"], "languages": ["python3", "cpp"], "empty": null,
                   "validation": "custom interactive", "flag": true, "source": "x: y"})
        );
        assert_eq!(parse("").unwrap(), json!({}));
    }

    #[test]
    fn what_is_not_understood_is_refused_by_line() {
        for (text, words) in [
            ("a: 1\na: 2", "line 2"),
            ("a: &x 1", "line 1"),
            ("a: [1,\n 2]", "line 1"),
            ("just words", "line 1"),
            ("a: 1\n    b: 2", "line 2"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(words), "{text}: {message}");
        }
    }
}
