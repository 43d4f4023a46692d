//! What a server is to be, as its user says; what is not said is safe.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// What a server is to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub bind: SocketAddr,
    /// Who may use it; everybody who reaches it where there are none.
    pub tokens: Vec<Token>,
    /// Whether it may be reached from other machines without a token.
    pub open: bool,
    /// Bounds on what it holds.
    pub bounds: Bounds,
    /// Whether each request is logged by a line.
    pub log: bool,
    /// Whether bodies are logged as well: programs and tests.
    pub log_bodies: bool,
}

/// Bounds on what a server holds, and on how long it waits for its callers.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Requests that are held at once; more are told to come again.
    pub requests: usize,
    /// Bytes of one body.
    pub body_bytes: usize,
    /// Bytes held at once, of which no caller may have more than three quarters: bodies with what they become, problems that
    /// were sent, messages of sockets, answers that are not taken yet.
    pub all_bytes: usize,
    /// Connections open at once; more wait to be accepted.
    pub connections: usize,
    /// Episodes open at once.
    pub episodes: usize,
    /// How long an episode may lie untouched.
    pub episode_idle: Duration,
    /// How long the head of a request may take to come, and a connection may lie idle.
    pub head: Duration,
    /// How long the next part of a body may take to come, or the next 256 KiB of an answer to be taken.
    pub pause: Duration,
    /// How long a whole body, or a message of a socket, may take to come.
    pub body: Duration,
    /// How long those under way have once the server is to end.
    pub drain: Duration,
    /// How much earlier than its caller gives up a request is told that its time is up.
    pub margin: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            requests: 1024,
            body_bytes: 32 << 20,
            all_bytes: 512 << 20,
            connections: 4096,
            episodes: 4096,
            episode_idle: Duration::from_hours(1),
            head: Duration::from_mins(1),
            pause: Duration::from_secs(20),
            body: Duration::from_mins(2),
            drain: Duration::from_secs(30),
            margin: Duration::from_secs(2),
        }
    }
}

/// What a caller shows. Kept as a hash, which comparing tells nothing of.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(..)")
    }
}

impl Token {
    /// The token of this text.
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Whether two are the same, found in a time that doesn't depend on where they differ.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let difference = self.0.iter().zip(&other.0);
        std::hint::black_box(difference.fold(0, |all, (one, other)| all | (one ^ other))) == 0
    }
}

/// Why a server can't be what it is to be. Completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Anybody could use it.
    #[error(
        "listen on {bind}, which other machines can reach, without a token; name a file of tokens with --token-file, or say \
         --open that anybody may run programs here"
    )]
    Open {
        /// The address.
        bind: SocketAddr,
    },
    /// Anybody could read its pages.
    #[error(
        "listen on {bind}, which other machines can reach, without a token; name a file of tokens with --token-file"
    )]
    Pages {
        /// The address.
        bind: SocketAddr,
    },
    /// The tokens can't be read.
    #[error("read tokens from {}: {reason}", path.display())]
    Tokens {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        reason: String,
    },
    /// The address can't be had.
    #[error("listen on {bind}: {cause}")]
    Bind {
        /// The address.
        bind: SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// A thread or the like can't be had.
    #[error("start the server: {0}")]
    Start(std::io::Error),
}

impl Config {
    /// Of an address, with everything else as it is by default.
    pub fn of(bind: SocketAddr) -> Self {
        Self {
            bind,
            tokens: Vec::new(),
            open: false,
            bounds: Bounds::default(),
            log: false,
            log_bodies: false,
        }
    }

    /// Refuses what would let anybody in.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.is_local() || self.open || !self.tokens.is_empty() {
            return Ok(());
        }
        Err(ConfigError::Open { bind: self.bind })
    }

    /// Whether only this machine reaches it.
    pub(crate) const fn is_local(&self) -> bool {
        self.bind.ip().is_loopback()
    }
}

/// Characters of the shortest token: what is shorter can be guessed.
const SHORTEST: usize = 16;

/// The tokens of a file, one a line. It must be its user's alone.
pub fn tokens(path: &Path) -> Result<Vec<Token>, ConfigError> {
    use std::os::unix::fs::MetadataExt as _;
    let failed = |reason: String| ConfigError::Tokens {
        path: path.to_owned(),
        reason,
    };
    let about = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    if !about.is_file() || about.mode() & 0o022 != 0 {
        return Err(failed(
            "it is no plain file that only its owner can write to; chmod 600 it".to_owned(),
        ));
    }
    if about.mode() & 0o004 != 0 {
        return Err(failed("everybody can read it; chmod 600 it".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut found = Vec::new();
    for (number, line) in lines.enumerate() {
        if line.len() < SHORTEST || !line.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(failed(format!(
                "token {}: expected at least {SHORTEST} printable characters without blanks",
                number + 1
            )));
        }
        found.push(Token::new(line));
    }
    if found.is_empty() {
        return Err(failed("it holds none; write one a line".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn other_machines_need_a_token_or_a_word() {
        for (bind, open, token, allowed) in [
            ("127.0.0.1:1", false, false, true),
            ("[::1]:1", false, false, true),
            ("0.0.0.0:1", false, false, false),
            ("10.0.0.1:1", false, false, false),
            ("[::]:1", false, false, false),
            ("0.0.0.0:1", true, false, true),
            ("0.0.0.0:1", false, true, true),
        ] {
            let config = Config {
                open,
                tokens: if token {
                    vec![Token::new("x")]
                } else {
                    Vec::new()
                },
                ..Config::of(bind.parse().unwrap())
            };
            assert_eq!(config.check().is_ok(), allowed, "{bind}");
        }
    }

    #[test]
    fn a_file_of_tokens_is_its_owners_and_its_tokens_are_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let of = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            tokens(&path)
        };
        let long = "0123456789abcdef";
        let found = of(&format!("{long}\n\n {long}x \n"), 0o600).unwrap();
        assert!(found.len() == 2 && found[0].is(&Token::new(long)));
        assert!(!found[0].is(&found[1]) && !format!("{found:?}").contains(long));
        for (text, mode) in [
            (long, 0o644),
            (long, 0o620),
            ("short", 0o600),
            ("\n", 0o600),
        ] {
            assert!(of(text, mode).is_err(), "{text} {mode:o}");
        }
        assert!(tokens(folder.path()).is_err() && tokens(Path::new("/none")).is_err());
    }
}
