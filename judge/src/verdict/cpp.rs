//! Asserted tests in C++: the tests in one sandbox, the program in another, calls across a pipe.
//!
//! The tests' program holds a stub in place of the function that is asked for, with the signature that the problem
//! declares. It sends each call's arguments to the program's process and rebuilds what comes back from bytes, with the
//! declared types and nothing else of the program. So no macro, operator, symbol or section of the program means anything
//! where results are compared, and nothing of the tests but the arguments is in the program's process. The tests'
//! program depends on the problem alone and is compiled once.

use rlef_sandbox::{Job, Language, Limits, Outcome, Side, Start, Status};

use self::declared::{Declared, End};
use super::asserted::{self, Fault};
use super::call::ended_early;
use super::run::{Run, trace_of};
use super::{Failure, Grade, JudgeError, Runner, head, source, tail};
use crate::problem::{Problem, Reference};
use crate::program::Program;

mod declared;
mod types;
mod values;

const EXCHANGE: &str = include_str!("cpp/exchange.hpp");
const SPECIAL: &str = include_str!("cpp/special.hpp");
const CANDIDATE: &str = include_str!("cpp/candidate.hpp");
const TESTER: &str = include_str!("cpp/tester.hpp");

/// Where the types that need a header of their own are put into the exchange of values.
const SPECIAL_PLACE: &str = "//SPECIAL\n";
/// Part of what the compiler says of a type that can't cross.
const CANNOT_CROSS: &str = "A_value_of_this_type_cannot_cross_between_processes";
/// Begins the report of the tests, which is the last line of their standard error.
const REPORT: &str = "rlef-report ";
/// What tests may rely on where the problem declares nothing.
const EVERYTHING: &str = "#include <bits/stdc++.h>\nusing namespace std;\n";

/// An asserted test and what it needs of its problem.
pub(super) struct Case<'a> {
    /// Source put before the program.
    pub(super) preamble: &'a str,
    /// Name of the function the program must define.
    pub(super) entry_point: &'a str,
    /// The test code, with a `main`.
    pub(super) code: &'a str,
    /// Known solutions, which declare the function where the preamble does not.
    pub(super) references: &'a [Reference],
}

/// The function that is asked for, and who declares it.
struct Asked {
    declared: Declared,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The preamble, in whose names its types are.
    Preamble,
    /// The tests or a reference.
    Problem,
    /// The program alone.
    Program,
}

/// Whether no signature can be read where there should be one.
pub(super) fn lacks(problem: &Problem, entry_point: &str) -> bool {
    declared::is_open(&problem.preamble) && declared::find(&problem.preamble, entry_point).is_none()
}

/// Runs one asserted test.
pub(super) fn judge<R: Runner>(
    run: &mut Run<'_, R>,
    program: &Program,
    case: &Case<'_>,
    limits: &Limits,
) -> Result<(), JudgeError> {
    let asked = match asked(case, &program.source) {
        Ok(asked) => asked,
        Err(reason) => {
            run.refuse(&reason);
            return Ok(());
        }
    };
    let job = |source: String| Job {
        language: Language::Cpp,
        source: source.into_bytes(),
        start: Start::default(),
        files: None,
    };
    let tester = job(tester(case, &asked));
    let candidate = job(candidate(case, &asked, &program.source));
    let tester_limits = asserted::tester_limits(limits);
    run.pair(
        Side::new(&tester, &tester_limits),
        Side::new(&candidate, limits),
        &|tests, program| failure(&asked, tests, program),
    )
}

/// The signature: the problem's where it has one, else the program's, as far as it is understood without a compiler.
fn asked(case: &Case<'_>, program: &str) -> Result<Asked, String> {
    let name = case.entry_point;
    if let Some(declared) = declared::find(case.preamble, name) {
        let place = Place::Preamble;
        return Ok(Asked { declared, place });
    }
    let references = case.references.iter();
    let sources = references
        .filter(|reference| reference.language == Language::Cpp)
        .map(|reference| reference.source.as_str());
    let of_problem = [case.code].into_iter().chain(sources).find_map(|text| {
        let declared = declared::find(text, name).filter(|found| found.name == name)?;
        types::plain(&declared).ok()
    });
    if let Some(declared) = of_problem {
        let place = Place::Problem;
        return Ok(Asked { declared, place });
    }
    let declared = declared::find(program, name)
        .filter(|found| found.name == name)
        .ok_or_else(|| format!("the program defines no function `{name}`, which the tests call"))?;
    match types::plain(&declared) {
        Ok(declared) => {
            let place = Place::Program;
            Ok(Asked { declared, place })
        }
        Err(kind) => Err(format!(
            "the problem does not declare `{name}`, so its types must be numbers, std::string or containers of them; \
             the program has `{kind}`"
        )),
    }
}

/// What stands before the function on both sides, and the types' exchange.
fn shared(case: &Case<'_>, asked: &Asked) -> (String, String) {
    let (base, headers) = match (asked.place, asked.declared.end) {
        (Place::Preamble, End::Prototype) => (case.preamble, String::new()),
        (Place::Preamble, _) => (&case.preamble[..asked.declared.start], String::new()),
        _ => (case.preamble, types::headers(&asked.declared)),
    };
    let mut base = base.to_owned();
    if !base.is_empty() && !base.ends_with('\n') {
        base.push('\n');
    }
    let seen = format!("{base}{}", asked.declared.function_type());
    let seen: String = seen.split_whitespace().collect();
    let wanted = |part: &str| match part {
        "std::any" => seen.contains("#include<any>"),
        "boost::any" => seen.contains("boost/any.hpp>"),
        "any" => seen.contains("#include<any>") || seen.contains("boost/any.hpp>"),
        name => seen.contains(&format!("{name}<")),
    };
    // Each part begins with its name in a comment.
    let special: String = SPECIAL
        .split("//: ")
        .filter_map(|part| part.split_once('\n'))
        .filter(|(name, _)| wanted(name))
        .map(|(_, text)| format!("{text}\n"))
        .collect();
    let special = format!("}}\n{special}namespace rlef_driver {{\n");
    let exchange = EXCHANGE.replace(SPECIAL_PLACE, &special);
    (base, format!("{headers}#line 1 \"exchange\"\n{exchange}"))
}

/// The program of the tests.
fn tester(case: &Case<'_>, asked: &Asked) -> String {
    let (base, exchange) = shared(case, asked);
    let everything = if case.preamble.trim().is_empty() {
        EVERYTHING
    } else {
        ""
    };
    let declared = &asked.declared;
    let names: Vec<&str> = declared
        .parameters
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    format!(
        // What a program returns must not make the tests read past its end.
        "#define _GLIBCXX_ASSERTIONS 1\n{everything}{base}{exchange}{TESTER}\
         #line 1 \"declaration\"\n{} {{ return rlef_driver::Call<{}>::run({}); }}\n#line 1 \"tests.cpp\"\n{}\n",
        declared.head(),
        declared.function_type(),
        names.join(", "),
        case.code
    )
}

/// The program that is judged.
fn candidate(case: &Case<'_>, asked: &Asked, program: &str) -> String {
    let (base, exchange) = shared(case, asked);
    let declared = &asked.declared;
    let name = &declared.name;
    let whole = source::heads(program, name).is_some() || declared::defines(program, name);
    let head = if asked.place == Place::Preamble && declared.end != End::Prototype && !whole {
        let head = &case.preamble[declared.start..];
        let line_end = if head.ends_with('\n') { "" } else { "\n" };
        format!("{head}{line_end}")
    } else {
        String::new()
    };
    // What a program includes whole anyway stands first, where its precompiled form can be used.
    let everything = if case.preamble.is_empty() && includes_everything(program) {
        "#include <bits/stdc++.h>\n"
    } else {
        ""
    };
    // As in preamble and program together.
    let before = if head.is_empty() {
        base.as_str()
    } else {
        &case.preamble[..declared.start]
    };
    let line = before.matches('\n').count() + 1;
    format!(
        "{everything}{base}{exchange}{CANDIDATE}#line 1 \"declaration\"\nusing rlef_declared = {};\n\
         #define main rlef_main\n#line {line} \"main.cpp\"\n{head}{program}\n#line 1 \"call\"\n\
         #undef main\n#undef int\n#undef auto\n#undef return\n#undef static_cast\n#undef decltype\n\
         int main() {{ return rlef_driver::serve<rlef_declared>([](auto &&...values) -> decltype(auto) {{ \
         return {name}(static_cast<decltype(values)>(values)...); }}); }}\n",
        declared.function_type(),
    )
}

/// Whether a line of the program includes the header of everything.
fn includes_everything(program: &str) -> bool {
    program.lines().any(|line| {
        let line: String = line.split_whitespace().collect();
        line == "#include<bits/stdc++.h>"
    })
}

/// What the tests' process said at its end.
struct Report {
    cause: String,
    calls: u64,
    call: Vec<u8>,
    reply: Vec<u8>,
    detail: String,
}

fn report(tester: &Outcome) -> Option<Report> {
    let text = std::str::from_utf8(tester.stderr.trim_ascii_end())
        .ok()
        .or_else(|| {
            // What tests print may be anything; the last line is ours.
            let line = tester
                .stderr
                .trim_ascii_end()
                .rsplit(|&byte| byte == b'\n')
                .next()?;
            std::str::from_utf8(line).ok()
        })?;
    let mut parts = text.lines().next_back()?.strip_prefix(REPORT)?.split(' ');
    Some(Report {
        cause: parts.next()?.to_owned(),
        calls: parts.next()?.parse().ok()?,
        call: bytes(parts.next()?)?,
        reply: bytes(parts.next()?)?,
        detail: String::from_utf8_lossy(&bytes(parts.next()?)?).into_owned(),
    })
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = digits
        .strip_prefix('-')
        .unwrap_or(digits)
        .as_bytes()
        .chunks_exact(2);
    pairs
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect()
}

/// The failure, if any; `Err` says what is wrong with the tests or their process.
fn failure(asked: &Asked, tester: &Outcome, program: &Outcome) -> Result<Option<Failure>, Fault> {
    let name = &asked.declared.name;
    if let Some(grade) = [program, tester]
        .iter()
        .find_map(|side| Grade::of(side.status).filter(|&grade| grade == Grade::Unsupported))
    {
        return Ok(Some(blank(
            name,
            grade,
            trace_of(program, tail(&program.stderr)),
        )));
    }
    let own = asked.place == Place::Program && program.status == Status::CompileError;
    if tester.status == Status::CompileError && !own {
        return unbuilt(asked, tester).map(Some);
    }
    if program.status == Status::CompileError {
        let trace = trace_of(program, tail(&program.stderr));
        return Ok(Some(blank(name, Grade::CompileError, trace)));
    }
    let Some(report) = report(tester) else {
        let limit = |outcome: &Outcome| asserted::limit_grade(outcome.status);
        return match limit(program).or_else(|| limit(tester)) {
            Some(grade) => Ok(Some(blank(name, grade, String::new()))),
            None => Err(Fault::Tester(asserted::detail(tester))),
        };
    };
    let fault = |reason: &str| Err(Fault::Tests(reason.to_owned()));
    let (grade, trace) = match report.cause.as_str() {
        "ended" if report.calls == 0 => return fault("it ends without a call of the function"),
        "ended" if tester.status == Status::Exited(0) => return Ok(None),
        "gone" => match Grade::of(program.status) {
            Some(grade) => (grade, trace_of(program, ended_early(program))),
            None => (Grade::RuntimeError, ended_early(program)),
        },
        "broken" => (
            Grade::RuntimeError,
            "what the program sent is no result of the declared type".to_owned(),
        ),
        "raised" => raised(&report.detail),
        "large" => return fault("the arguments of a call are larger than what can be sent"),
        "range" => {
            let kind = &asked.declared.result;
            let trace = format!(
                "`{name}` returned a number that is no `{kind}`, as which the problem declares it"
            );
            (Grade::WrongAnswer, trace)
        }
        _ if report.calls == 0 => return Err(Fault::Tests(asserted::detail(tester))),
        "ended" => {
            let how = format!("the tests ended with {:?}", tester.status);
            (Grade::WrongAnswer, how)
        }
        "tests" => (
            Grade::WrongAnswer,
            format!("the tests threw {:?}", report.detail),
        ),
        "aborted" => (Grade::WrongAnswer, String::new()),
        "crashed" => (
            Grade::WrongAnswer,
            "the tests cannot handle what was returned".to_owned(),
        ),
        other => {
            return Err(Fault::Tester(format!(
                "its report names the unknown cause `{other}`"
            )));
        }
    };
    let got = match report.reply.split_first() {
        Some((b'R' | b'X', values)) => values::last(values),
        _ => String::new(),
    };
    Ok(Some(Failure {
        input: head(format!("{name}({})", values::text(&report.call)).as_bytes()),
        expected: head(asserted_text(tester).as_bytes()),
        got: head(got.as_bytes()),
        ..blank(name, grade, tail(trace.as_bytes()))
    }))
}

/// Tests that do not compile: the problem's fault, or that of a program whose own signature they were compiled with.
fn unbuilt(asked: &Asked, tester: &Outcome) -> Result<Failure, Fault> {
    let said = tail(&tester.stderr);
    let name = &asked.declared.name;
    if asked.place == Place::Program {
        let kind = asked.declared.function_type();
        // The compiler's own words would quote the tests.
        let trace = format!(
            "the tests cannot call `{name}` as `{kind}`, which is how the program defines it"
        );
        return Ok(blank(name, Grade::CompileError, trace));
    }
    if let Some((_, rest)) = said.split_once(CANNOT_CROSS) {
        // `<Node*>::value`, and what else the compiler says of it.
        let kind = rest
            .strip_prefix('<')
            .and_then(|rest| rest.split_once(">::value"));
        let kind = kind.map_or("?", |(kind, _)| kind);
        return Err(Fault::Crossing(kind.to_owned()));
    }
    Err(Fault::Tests(format!("it does not compile: {said}")))
}

/// The grade of what the program threw, and what is said of it.
fn raised(detail: &str) -> (Grade, String) {
    let (kind, words) = detail.split_once('\n').unwrap_or((detail, ""));
    let grade = if kind == "St9bad_alloc" {
        Grade::MemoryLimit
    } else {
        Grade::RuntimeError
    };
    // `St12out_of_range` is how the compiler names `std::out_of_range`.
    let kind = match kind.strip_prefix("St") {
        Some(rest) => format!(
            "std::{}",
            rest.trim_start_matches(|first: char| first.is_ascii_digit())
        ),
        None if kind == "i" => "an int".to_owned(),
        None if kind == "PKc" => "words".to_owned(),
        None => "an exception".to_owned(),
    };
    let colon = if words.is_empty() { "" } else { ": " };
    (grade, format!("the program threw {kind}{colon}{words}"))
}

/// What the assertion that failed says, as `assert` prints it.
fn asserted_text(tester: &Outcome) -> String {
    let said = tail(&tester.stderr);
    let broken = said
        .lines()
        .rfind(|line| line.contains("Assertion `") && line.ends_with("' failed."));
    broken
        .and_then(|line| line.split_once("Assertion `"))
        .and_then(|(_, text)| text.strip_suffix("' failed."))
        .unwrap_or_default()
        .to_owned()
}

fn blank(name: &str, grade: Grade, trace: String) -> Failure {
    Failure {
        test: 0,
        grade,
        input: format!("the tests of {name}"),
        expected: String::new(),
        got: String::new(),
        trace,
    }
}
