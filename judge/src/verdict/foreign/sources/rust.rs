//! Rust: program and tests each stand in a module, beside the one of the driver.

use std::fmt::Write as _;

use rlef_sandbox::Language;

use super::super::Case;
use super::super::mask::{depth, mask, words};
use super::super::signature::Signature;

const DRIVER: &str = include_str!("../driver.rs.txt");

pub(super) fn tester(case: &Case<'_>, signature: &Signature) -> String {
    let mut stub = "let mut rlef_given = Vec::new(); ".to_owned();
    for name in &signature.parameters {
        // Writing to a String can't fail.
        let _ = write!(
            stub,
            "crate::rlef::RlefPut::put(&{name}, &mut rlef_given); "
        );
    }
    stub.push_str("crate::rlef::call(rlef_given)");
    let closed = if case.closes() {
        String::new()
    } else {
        "}".repeat(signature.depth)
    };
    let (code, run) = tests(case.code);
    let preamble = without_foreign_uses(case.preamble, &code);
    format!(
        "mod rlef_tests {{ {preamble} {stub}\n{closed}\n{code}\npub fn rlef_run() {{ {run} }}\n}}\nfn main() {{ rlef::tests(rlef_tests::rlef_run) }}\n{DRIVER}"
    )
}

/// Test code that anybody can call, and the calls.
fn tests(code: &str) -> (String, String) {
    const MARK: &str = "#[test]";
    let masked = mask(code, Language::Rust);
    let mut calls = String::new();
    for (at, _) in masked.match_indices(MARK) {
        let rest = &masked[at + MARK.len()..];
        let Some(place) = words(rest, "fn").next() else {
            continue;
        };
        let name = rest[place + 2..]
            .split('(')
            .next()
            .unwrap_or_default()
            .trim();
        let module = if depth(&masked[..at]) > 0 {
            module_before(&masked[..at])
        } else {
            None
        };
        let path = module.map_or_else(String::new, |module| format!("{module}::"));
        let _ = write!(calls, "{path}{name}(); ");
    }
    if calls.is_empty() {
        return (code.to_owned(), "main()".to_owned());
    }
    let code = code.replace("#[cfg(test)]", "").replace(MARK, "pub ");
    (code, calls)
}

fn module_before(masked: &str) -> Option<String> {
    let at = words(masked, "mod").last()?;
    let name = masked[at + 3..].split('{').next()?.trim();
    Some(name.to_owned())
}

pub(super) fn candidate(case: &Case<'_>, signature: &Signature, source: &str) -> String {
    let source = without_foreign_uses(source, "");
    let count = signature.parameters.len();
    let names: Vec<String> = (0..count).map(|index| format!("rlef_{index}")).collect();
    let mut reads = String::new();
    for name in &names {
        let _ = write!(reads, "let {name} = crate::rlef::RlefGet::get(from)?; ");
    }
    let call = format!("{}({})", case.entry_point, names.join(", "));
    format!(
        "mod rlef_program {{ {source}\npub fn rlef_serve() {{ crate::rlef::serve(|from: &mut crate::rlef::Reader| {{ {reads}let result = {call}; \
         let mut out = Vec::new(); crate::rlef::RlefPut::put(&result, &mut out); Some(out) }}) }}\n}}\nfn main() {{ rlef_program::rlef_serve() }}\n{DRIVER}"
    )
}

/// The text without those uses of crates beside the standard library that nothing else in it needs.
fn without_foreign_uses(text: &str, more: &str) -> String {
    let is_foreign = |line: &str| {
        let root = line.strip_prefix("use ").map(|rest| {
            let end = rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
            &rest[..end.unwrap_or(rest.len())]
        });
        root.is_some_and(|root| {
            !["std", "core", "alloc", "crate", "self", "super", ""].contains(&root)
        })
    };
    let masked = mask(text, Language::Rust) + &mask(more, Language::Rust);
    let rest: String = masked
        .lines()
        .filter(|line| !is_foreign(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    let is_needed = |line: &str| {
        let names = line.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
        names
            .skip(1)
            .filter(|name| !name.is_empty())
            .any(|name| words(&rest, name).next().is_some())
    };
    let lines = text.split_inclusive('\n').map(|line| {
        if is_foreign(line) && !is_needed(line) {
            "\n"
        } else {
            line
        }
    });
    lines.collect()
}
