//! The two programs of an asserted test in JavaScript, Java, Go or Rust: the tests with a stub in place of the function,
//! and the program with what answers the stub's calls. Pure text.

use std::fmt::Write as _;

use rlef_sandbox::Language;

use super::Case;
use super::mask::{depth, mask, words};
use super::signature::{self, Signature};

mod go;
mod rust;

const JAVASCRIPT: &str = include_str!("driver.js.txt");
const JAVA: &str = include_str!("Driver.java.txt");
const JAVA_TESTS: &str = include_str!("Tests.java.txt");
const JAVA_SERVE: &str = include_str!("Serve.java.txt");

/// Classes of Java's tuples, which many problems import and few use.
const TUPLES: [&str; 11] = [
    "Unit", "Pair", "Triplet", "Quartet", "Quintet", "Sextet", "Septet", "Octet", "Ennead",
    "Decade", "Tuple",
];

/// The source of the tests.
pub(super) fn tester(case: &Case<'_>, signature: &Signature) -> String {
    match case.language {
        Language::Java => java_tester(case, signature),
        Language::Go => go::tester(case, signature),
        Language::Rust => rust::tester(case, signature),
        _ => {
            let driver = one_line(JAVASCRIPT);
            let stub = javascript_stub(case, signature);
            format!("{driver} __rlef.begin(); {stub}\n{}\n", case.code)
        }
    }
}

/// The source of the program, which answers calls.
pub(super) fn candidate(case: &Case<'_>, signature: &Signature, program: &str) -> String {
    let source = joined(case, signature, program);
    match case.language {
        Language::Java => java_candidate(case, &source),
        Language::Go => go::candidate(case, program, &source),
        Language::Rust => rust::candidate(case, signature, &source),
        _ => {
            let driver = one_line(JAVASCRIPT);
            let name = case.entry_point;
            let source = without_export(&source);
            format!("{driver} __rlef.quiet(); {source}\n;__rlef.serve(() => {name}, \"{name}\");\n")
        }
    }
}

/// Lines of a driver in one, so that what the compiler says of the program names the program's own lines.
fn one_line(driver: &str) -> String {
    driver.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

fn javascript_stub(case: &Case<'_>, signature: &Signature) -> String {
    let name = case.entry_point;
    if !signature.open {
        return format!(
            "{}\nconst {name} = (...given) => __rlef.call(\"{name}\", given);",
            case.preamble
        );
    }
    let given = signature.parameters.join(", ");
    format!(
        "{} return __rlef.call(\"{name}\", [{given}]); {}",
        case.preamble,
        closed(case, signature)
    )
}

/// Braces that close what the preamble leaves open, unless the tests do.
fn closed(case: &Case<'_>, signature: &Signature) -> String {
    if case.closes() {
        String::new()
    } else {
        "}".repeat(signature.depth) + "\n"
    }
}

fn without_export(source: &str) -> String {
    let lines = source.split_inclusive('\n').map(|line| {
        line.strip_prefix("export default ")
            .or_else(|| line.strip_prefix("export "))
            .filter(|rest| {
                ["function", "const ", "let ", "var ", "class ", "async "]
                    .iter()
                    .any(|word| rest.starts_with(word))
            })
            .unwrap_or(line)
    });
    lines.collect()
}

/// The preamble and the program: as one goes on in the other, or as much of the preamble as stands before a function that
/// the program writes anew.
fn joined(case: &Case<'_>, signature: &Signature, program: &str) -> String {
    let language = case.language;
    let preamble = case.preamble;
    let whole_class = language == Language::Java && has_class(program);
    let anew = whole_class || signature::defines(program, case.entry_point, language);
    let head = if !signature.open || !anew {
        preamble.to_owned()
    } else {
        let before = &preamble[..signature.start];
        if whole_class || repeats(before, program, language) {
            imports(before, language)
        } else {
            before.to_owned()
        }
    };
    let gap = if head.is_empty() || head.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let mut source = format!("{head}{gap}{program}");
    let open = depth(&mask(&head, language));
    let missing = depth(&mask(&source, language)).min(open);
    if missing > 0 {
        source.push('\n');
        source.extend((0..missing).map(|_| '}'));
        source.push('\n');
    }
    source
}

fn has_class(program: &str) -> bool {
    let masked = mask(program, Language::Java);
    words(&masked, "class")
        .collect::<Vec<usize>>()
        .into_iter()
        .any(|at| depth(&masked[..at]) == 0)
}

/// Whether the program writes one of the helpers anew, too.
fn repeats(before: &str, program: &str, language: Language) -> bool {
    let masked = mask(before, language);
    let keywords: &[&str] = match language {
        Language::Go => &["func"],
        Language::Rust => &["fn"],
        Language::JavaScript => &["function", "const"],
        _ => return false,
    };
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    keywords.iter().any(|keyword| {
        words(&masked, keyword).any(|at| {
            let rest = masked[at + keyword.len()..].trim_start();
            let name: String = rest.chars().take_while(|&letter| is_word(letter)).collect();
            !name.is_empty() && signature::defines(program, &name, language)
        })
    })
}

/// The lines that import something.
fn imports(text: &str, language: Language) -> String {
    let keyword = match language {
        Language::Java => "import ",
        Language::Rust => "use ",
        // Go's are read apart from all else.
        Language::Go => return go::head(text),
        _ => {
            return text
                .lines()
                .filter(|line| line.contains("require("))
                .flat_map(|line| [line, "\n"])
                .collect();
        }
    };
    text.lines()
        .filter(|line| line.starts_with(keyword))
        .flat_map(|line| [line, "\n"])
        .collect()
}

fn java_tester(case: &Case<'_>, signature: &Signature) -> String {
    let name = case.entry_point;
    let given: String = signature
        .parameters
        .iter()
        .fold(String::new(), |mut text, name| {
            // Writing to a String can't fail.
            let _ = write!(text, ", {name}");
            text
        });
    // As one array, a single array would be taken for all arguments.
    let given = given.trim_start_matches(", ");
    let call = format!("RlefWire.call(\"{name}\", new Object[] {{{given}}})");
    let stub = match boxed(&signature.result) {
        None => format!("{call};"),
        Some(kind) => format!("return ({kind}) {call};"),
    };
    let closed = closed(case, signature);
    let source = format!("{} {stub}\n{closed}{}\n", case.preamble, case.code);
    let source = local(&without_tuples(&source));
    let masked = mask(&source, Language::Java);
    let main = masked
        .rfind("void main")
        .and_then(|at| class_before(&masked[..at]));
    format!(
        "{source}{JAVA}{}",
        JAVA_TESTS.replace("MAIN", &main.unwrap_or_else(|| "Main".to_owned()))
    )
}

/// What a result is cast to; nothing where there is none.
fn boxed(result: &str) -> Option<&str> {
    Some(match result {
        "void" | "" => return None,
        "int" => "Integer",
        "long" => "Long",
        "double" => "Double",
        "float" => "Float",
        "boolean" => "Boolean",
        "char" => "Character",
        "byte" => "Byte",
        "short" => "Short",
        other => other,
    })
}

fn java_candidate(case: &Case<'_>, source: &str) -> String {
    let source = local(&without_tuples(source));
    let masked = mask(&source, Language::Java);
    let of_problem = class_before(&mask(case.preamble, Language::Java));
    let own = words(&masked, "class").filter_map(|at| name_after(&masked, at));
    let mut classes: Vec<String> = of_problem.into_iter().chain(own).collect();
    classes.dedup();
    let classes: Vec<String> = classes.iter().map(|name| format!("\"{name}\"")).collect();
    let serve = JAVA_SERVE
        .replace("CLASSES", &classes.join(", "))
        .replace("NAME", case.entry_point);
    format!("{source}\n{JAVA}{serve}")
}

/// The last class that a text begins.
fn class_before(masked: &str) -> Option<String> {
    name_after(masked, words(masked, "class").last()?)
}

/// The name of the class whose keyword stands at `at`.
fn name_after(masked: &str, at: usize) -> Option<String> {
    let rest = masked[at + "class".len()..].trim_start();
    let is_part = |&letter: &char| letter.is_alphanumeric() || "_$".contains(letter);
    let name: String = rest.chars().take_while(is_part).collect();
    (!name.is_empty()).then_some(name)
}

/// The same with no public class and no package: the file has the name of ours.
fn local(source: &str) -> String {
    let masked = mask(source, Language::Java);
    let mut text = source.to_owned();
    let public: Vec<usize> = words(&masked, "public")
        .filter(|&at| {
            let rest = masked[at + "public".len()..].trim_start();
            let kind = ["class", "final", "abstract", "record", "enum", "interface"];
            depth(&masked[..at]) == 0 && kind.iter().any(|word| rest.starts_with(word))
        })
        .collect();
    for at in public {
        text.replace_range(at..at + "public".len(), "      ");
    }
    let lines = text.split_inclusive('\n').map(|line| {
        if line.starts_with("package ") {
            "\n"
        } else {
            line
        }
    });
    lines.collect()
}

/// The same without the import of tuples that it does not use.
fn without_tuples(source: &str) -> String {
    let masked = mask(source, Language::Java);
    let uses = |line: &str| line.starts_with("import org.javatuples");
    let rest: String = masked
        .lines()
        .filter(|line| !uses(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    if TUPLES
        .iter()
        .any(|name| words(&rest, name).next().is_some())
    {
        return source.to_owned();
    }
    let lines = source
        .split_inclusive('\n')
        .map(|line| if uses(line) { "\n" } else { line });
    lines.collect()
}
