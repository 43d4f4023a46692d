//! The address of a server: where it comes from, and whether it can be asked and recorded.

use super::ServerError;

/// Names the address where the user doesn't, as other clients read it.
pub const BASE_URL: &str = "OPENAI_BASE_URL";

/// The address that was given; where it is empty, the one that the environment names.
pub fn base_url(given: &str) -> Result<String, ServerError> {
    if !given.is_empty() {
        return Ok(given.to_owned());
    }
    let found = std::env::var(BASE_URL).unwrap_or_default();
    let found = found.trim();
    if found.is_empty() {
        return Err(ServerError::Address {
            url: "no address".to_owned(),
            reason: "write openai:URL, or set OPENAI_BASE_URL to the address before /chat/completions",
        });
    }
    Ok(found.to_owned())
}

/// The host of an address that can be asked, and recorded without telling a secret.
pub(crate) fn host(url: &str) -> Result<&str, ServerError> {
    let bad = |reason: &'static str| ServerError::Address {
        url: url.to_owned(),
        reason,
    };
    let host = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"))
        .ok_or_else(|| bad("it does not start with http:// or https://"))?;
    let host = host.split('/').next().unwrap_or_default();
    if host.is_empty() {
        return Err(bad("it names no host"));
    }
    if host.contains('@') || url.contains(['?', '#']) {
        return Err(ServerError::Address {
            url: "the server".to_owned(),
            reason: "an address is recorded, so it may hold no user, password or query; give the key in the environment",
        });
    }
    Ok(host)
}

/// Whether a host is this machine, which no proxy stands before.
pub(crate) fn is_local(host: &str) -> bool {
    ["localhost", "127.", "[::1]"]
        .iter()
        .any(|local| host.starts_with(local))
}
