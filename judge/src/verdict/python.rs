//! The drivers in Python, as text and as the code that the runner's interpreter makes of it.
//!
//! To compile a driver takes longer than most programs run, and it is the same for every test. So a judge has it compiled
//! once, by a job like any other, and sends the code from then on. Where that fails the text is sent.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rlef_sandbox::{Batch, Job, Language, Limits, Start, Status};
use serde::Serialize;

use super::Runner;

const WIRE: &str = include_str!("wire.py");
const UNPACK: &str = include_str!("unpack.py");
const PROGRAM: &str = include_str!("program.py");

/// A part of a driver that few runs need, and its name.
type Later = (&'static str, &'static str);

const VALUES: Later = ("values", include_str!("values.py"));
const RARER: Later = ("rarer", include_str!("rarer.py"));
const HANDLES: Later = ("handles", include_str!("handles.py"));
const REMOTE: Later = ("remote", include_str!("remote.py"));
const THINGS: Later = ("things", include_str!("things.py"));
const KEPT: Later = ("kept", include_str!("kept.py"));
const TROUBLE: Later = ("trouble", include_str!("trouble.py"));
const BOUNDS: Later = ("bounds", include_str!("bounds.py"));
const SUITES: Later = ("suites", include_str!("suites.py"));

/// A driver: it runs before the program or the tests, and its `main` runs them.
pub(super) struct Driver {
    name: &'static str,
    parts: &'static [&'static str],
    later: &'static [Later],
}

/// Reads one call and prints its result.
pub(super) const CALL: Driver = Driver {
    name: "call",
    parts: &[WIRE, PROGRAM, include_str!("call.py")],
    later: &[VALUES, RARER],
};
/// The program's side of an asserted test.
pub(super) const CANDIDATE: Driver = Driver {
    name: "candidate",
    parts: &[WIRE, UNPACK, PROGRAM, include_str!("candidate.py")],
    later: &[VALUES, RARER, HANDLES],
};
/// The side of the tests.
pub(super) const TESTER: Driver = Driver {
    name: "tester",
    parts: &[WIRE, UNPACK, include_str!("tester.py")],
    later: &[VALUES, RARER, REMOTE, THINGS, KEPT, TROUBLE, BOUNDS, SUITES],
};

impl Driver {
    /// A job of this driver, after `payload`.
    pub(super) fn job(&self, payload: &str, compiled: Option<&Compiled>) -> Job {
        let mut source = payload.to_owned();
        if let Some(code) = compiled.and_then(|compiled| compiled.of(self)) {
            source.push_str(&code);
        } else {
            let later: BTreeMap<_, _> = self.later.iter().copied().collect();
            source.push_str(&assigned("LATER", &later));
            source.push_str(AS_TEXT);
            source.extend(self.parts.iter().copied());
        }
        source.push_str("\n\nmain()\n");
        job(source)
    }
}

/// The code of a part that is there as text.
const AS_TEXT: &str = r#"
def driver_code(name):
    return compile(LATER[name], name + ".py", "exec", dont_inherit=True)


"#;

/// The code of a part that was compiled before, and the driver's own names.
const AS_CODE: &str = r"
import binascii
import marshal


def driver_code(name):
    return marshal.loads(binascii.a2b_base64(CODES[name]))


";

/// Compiles all drivers; each gets the file name that it would have as text.
const COMPILE: &str = r#"
import binascii
import marshal

OWN = (lambda: 0).__code__.co_filename
codes = {}
for drivers, file in ((DRIVERS, lambda name: OWN), (LATER, lambda name: name + ".py")):
    for name, text in drivers.items():
        code = marshal.dumps(compile(text, file(name), "exec", dont_inherit=True))
        codes[name] = binascii.b2a_base64(code, newline=False).decode("ascii")
print(json.dumps(codes))
"#;

/// What the drivers were compiled to, by name, in base 64.
#[derive(Debug)]
pub(super) struct Compiled(BTreeMap<String, String>);

impl Compiled {
    /// Has the runner's interpreter compile the drivers; nothing where it can't.
    pub(super) fn by<R: Runner>(runner: &R) -> Option<Self> {
        let drivers = [&CALL, &CANDIDATE, &TESTER];
        let texts: BTreeMap<_, _> = drivers
            .iter()
            .map(|driver| (driver.name, driver.parts.concat()))
            .collect();
        let later: BTreeMap<_, _> = drivers
            .iter()
            .flat_map(|driver| driver.later.iter().copied())
            .collect();
        let source = assigned("DRIVERS", &texts) + &assigned("LATER", &later) + COMPILE;
        let limits = Limits {
            output_bytes: 16 << 20,
            ..Limits::default()
        };
        let job = job(source);
        let outcomes = runner.run_batch(&Batch::new(&job, &[b""], &limits)).ok()?;
        let outcome = outcomes.first()?;
        if outcome.status != Status::Exited(0) {
            tracing::debug!(status = ?outcome.status, "the drivers were not compiled in advance");
            return None;
        }
        let codes: BTreeMap<String, String> = serde_json::from_slice(&outcome.stdout).ok()?;
        let is_code = |code: &str| {
            let digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
            !code.is_empty() && code.bytes().all(digit)
        };
        let whole = texts
            .keys()
            .chain(later.keys())
            .all(|name| codes.get(*name).is_some_and(|code| is_code(code)));
        whole.then_some(Self(codes))
    }

    /// The driver and its parts as statements.
    fn of(&self, driver: &Driver) -> Option<String> {
        let names = driver.later.iter().map(|(name, _)| *name);
        let mut text = "CODES = {\n".to_owned();
        for name in names.chain([driver.name]) {
            let _ = writeln!(text, "    '{name}': '{}',", self.0.get(name)?);
        }
        text.push_str("}\n");
        text.push_str(AS_CODE);
        let _ = writeln!(text, "exec(driver_code('{}'), globals())", driver.name);
        Some(text)
    }
}

/// A job that runs this source.
pub(super) fn job(source: String) -> Job {
    Job {
        language: Language::Python,
        source: source.into_bytes(),
        start: Start::Fork,
        files: None,
    }
}

/// A statement that gives `name` this value.
pub(super) fn assigned(name: &str, value: &impl Serialize) -> String {
    // Strings, and plain structs and maps of them, always serialise.
    let json = serde_json::to_string(value).unwrap_or_default();
    format!(
        "import json\n{name} = json.loads(r'''{}''')\n",
        ascii(&json)
    )
}

/// JSON text in ASCII without apostrophes, so that it fits a raw Python literal.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\'' && character != '\x7f' {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.extend(['\\', 'u']);
                text.extend((0..4).rev().filter_map(|digit| {
                    char::from_digit(u32::from((*unit >> (4 * digit)) & 15), 16)
                }));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives_the_literal() {
        let text = "'''\\ \n\t\u{7f}\u{e9}\u{1f600}\\'";
        let json = serde_json::to_string(text).unwrap();
        let literal = ascii(&json);
        assert!(literal.is_ascii() && !literal.contains('\''), "{literal}");
        assert_eq!(serde_json::from_str::<String>(&literal).unwrap(), text);
    }
}
