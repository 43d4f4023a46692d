//! The words and dotted names of an import, as far as they are told by their looks.

/// What white space separates.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// The package of a dotted name.
pub(super) fn head(name: &[u8]) -> &[u8] {
    name.split(|&byte| byte == b'.').next().unwrap_or_default()
}
