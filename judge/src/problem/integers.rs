//! Integers of JSON that have no place in 64 bits.

use std::ops::Range;

/// Where in `text` an integer stands that doesn't fit 64 bits, which a JSON parser would round without a word.
pub(super) fn oversized_integer(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'"' => {
                index += 1;
                while index < bytes.len() && bytes[index] != b'"' {
                    index += 1 + usize::from(bytes[index] == b'\\');
                }
                index += 1;
            }
            b'-' | b'0'..=b'9' => {
                let start = index;
                while index < bytes.len()
                    && matches!(bytes[index], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
                {
                    index += 1;
                }
                let token = &text[start..index];
                let whole = !token.contains(['.', 'e', 'E']);
                if whole && token.parse::<i64>().is_err() && token.parse::<u64>().is_err() {
                    return Some(start..index);
                }
            }
            _ => index += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oversized(text: &str) -> Option<&str> {
        oversized_integer(text).map(|range| &text[range])
    }

    #[test]
    fn integers_past_64_bits_are_found_outside_strings() {
        assert_eq!(
            oversized("[1, 18446744073709551615, -9223372036854775808, 1e300, 0.5]"),
            None
        );
        assert_eq!(oversized(r#"["99999999999999999999\"9", 3]"#), None);
        assert_eq!(
            oversized("[18446744073709551616]"),
            Some("18446744073709551616")
        );
        assert_eq!(
            oversized(r#"{"a\"": -9223372036854775809}"#),
            Some("-9223372036854775809")
        );
        assert_eq!(oversized("\"unterminated 99999999999999999999\\"), None);
    }
}
