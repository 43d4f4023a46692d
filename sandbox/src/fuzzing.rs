//! What reads bytes that a program, a compiler or a jail may choose, for the fuzz targets. Only in builds of cargo-fuzz.

use crate::diagnostics;
use crate::job::Language;
use crate::languages::{LastWords, definition, python};
use crate::limits::Limits;
use crate::outcome::Status;
use crate::process::outcome::{Facts, status};
use crate::protocol::plan::{Plan, Progress};
use crate::protocol::wire::Reply;
use crate::store::{StoreKey, content, sealed};

/// A message of the jail: it is a reply of the right length, or an error.
pub fn reply(bytes: &[u8]) {
    match Reply::decode(bytes) {
        Ok(Reply::Ended { .. }) => assert_eq!(bytes.len(), 37),
        Ok(Reply::Done { .. }) => assert_eq!(bytes.len(), 21),
        Ok(Reply::Compiled { .. }) => assert_eq!(bytes.len(), 10),
        Ok(Reply::Ready { .. } | Reply::Failed { .. }) | Err(_) => {}
    }
}

/// A message of the helper, or to it.
pub fn setup(bytes: &[u8]) {
    if let Ok(plan) = serde_json::from_slice::<Plan>(bytes) {
        let text = serde_json::to_vec(&plan).expect("a plan that was read can be written");
        serde_json::from_slice::<Plan>(&text).expect("and read again");
    }
    let _ = serde_json::from_slice::<Progress>(bytes);
}

/// How a run ended: only a run that ended by itself, within its limits, is `Exited(0)`.
pub fn outcome(wait_status: i32, cpu_us: u64, flags: u8, stderr: &[u8]) {
    let flag = |bit: u8| flags & 1 << bit != 0;
    for language in Language::ALL {
        let facts = Facts {
            stop: None,
            wait_status,
            cpu_us,
            memory_kill: flag(0),
            output_over: flag(1),
            source_accepted: flag(2),
            stderr,
            wanted_memory: definition(language).wanted_memory,
        };
        let limits = Limits::default();
        let good =
            wait_status & 0xff7f == 0 && !flag(0) && !flag(1) && cpu_us <= limits.cpu_ms * 1000;
        assert_eq!(status(&facts, &limits) == Status::Exited(0), good);
    }
}

/// A source, as far as it is looked at outside a jail, and what a compiler says of it.
pub fn source(bytes: &[u8]) {
    for language in Language::ALL {
        let definition = definition(language);
        let unit = (definition.unit)(bytes);
        assert!(!unit.is_empty() && !unit.contains(['/', '\0']), "{unit:?}");
        let last = LastWords {
            exit_code: Some(1),
            signal: 0,
            stderr: bytes,
        };
        (definition.wanted_memory)(&last);
    }
    // Only what spells a module can import it.
    assert!(
        python::tools(bytes, true).is_none_or(|tools| tools.light)
            || bytes.windows(5).any(|part| part == b"numpy")
    );
    assert!(diagnostics::trimmed(bytes).len() <= bytes.len().max(4_000) * 4 + 100);
}

/// A sealed entry of a store: what is not whole is no entry.
pub fn cached(bytes: &[u8]) {
    let key = StoreKey::of(&[b"a key"]);
    if let Some(content) = content(&key, bytes) {
        assert_eq!([&sealed(&key, content)[..], content].concat(), bytes);
    }
    let whole = [&sealed(&key, bytes)[..], bytes].concat();
    assert_eq!(content(&key, &whole), Some(bytes));
}
