//! How the two processes of an asserted C++ test ended → the failure, if any.

use rlef_sandbox::{Outcome, Status};

use super::{Asked, Place, values};
use crate::verdict::asserted;
use crate::verdict::call::ended_early;
use crate::verdict::run::{Fault, trace_of};
use crate::verdict::{Failure, Grade, head, tail};

/// Part of what the compiler says of a type that can't cross.
const CANNOT_CROSS: &str = "A_value_of_this_type_cannot_cross_between_processes";
/// Begins the report of the tests, which is the last line of their standard error.
const REPORT: &str = "rlef-report ";
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
pub(super) fn failure(
    asked: &Asked,
    tester: &Outcome,
    program: &Outcome,
) -> Result<Option<Failure>, Fault> {
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
        "nan" => (
            Grade::WrongAnswer,
            "the program returned a NaN, of which the tests do not speak".to_owned(),
        ),
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

#[cfg(test)]
mod tests {
    use super::super::{Case, asked};
    use super::*;

    const HEAD: &str = "int f(int x){\n";

    fn ended(status: Status, stderr: &str) -> Outcome {
        Outcome {
            status,
            stdout: Vec::new(),
            stderr: stderr.into(),
            usage: rlef_sandbox::Usage::default(),
        }
    }

    fn grade(tester: &Outcome, program: Status) -> Result<Option<Grade>, ()> {
        let asked = asked(
            &Case {
                preamble: HEAD,
                entry_point: "f",
                code: "",
                references: &[],
            },
            "",
        )
        .map_err(drop)?;
        match failure(&asked, tester, &ended(program, "")) {
            Ok(failure) => Ok(failure.map(|failure| failure.grade)),
            Err(_) => Err(()),
        }
    }

    #[test]
    fn only_the_last_line_of_the_tests_and_their_exit_code_accept() {
        let good = "\nrlef-report ended 2 - - -\n";
        assert_eq!(
            grade(&ended(Status::Exited(0), good), Status::Exited(0)),
            Ok(None)
        );
        for (status, said) in [
            (Status::Exited(1), good.to_owned()),
            (
                Status::Exited(1),
                format!("{good}\nrlef-report aborted 2 - - -\n"),
            ),
            (
                Status::Exited(1),
                format!("{good}\nrlef-report crashed 1 - - -\n"),
            ),
            (
                Status::Exited(1),
                format!("{good}\nrlef-report tests 1 - - 6162\n"),
            ),
            (
                Status::Exited(1),
                format!("{good}\nrlef-report range 1 - 58 -\n"),
            ),
        ] {
            let got = grade(&ended(status, &said), Status::Exited(0));
            assert_eq!(got, Ok(Some(Grade::WrongAnswer)), "{said}");
        }
        for (cause, program, expected) in [
            ("gone", Status::TimeLimit, Grade::TimeLimit),
            ("gone", Status::MemoryLimit, Grade::MemoryLimit),
            ("gone", Status::Exited(0), Grade::RuntimeError),
            ("gone", Status::Signalled(11), Grade::RuntimeError),
            ("broken", Status::Exited(0), Grade::RuntimeError),
            ("raised", Status::Exited(0), Grade::RuntimeError),
        ] {
            let said = ended(
                Status::Exited(1),
                &format!("\nrlef-report {cause} 0 - - -\n"),
            );
            assert_eq!(grade(&said, program), Ok(Some(expected)), "{cause}");
        }
        let compiles_not = grade(&ended(Status::Exited(1), good), Status::CompileError);
        assert_eq!(compiles_not, Ok(Some(Grade::CompileError)));
        // The tests' own faults are no verdict.
        for tester in [
            ended(Status::Exited(0), "\nrlef-report ended 0 - - -\n"),
            ended(Status::Exited(0), &format!("{good}more\n")),
            ended(Status::Exited(0), "rlef-report ended x - - -"),
            ended(Status::Exited(1), "\nrlef-report aborted 0 - - -\n"),
            ended(Status::Exited(1), "\nrlef-report other 1 - - -\n"),
            ended(Status::CompileError, "error"),
        ] {
            assert_eq!(grade(&tester, Status::Exited(0)), Err(()), "{tester:?}");
        }
        let late = ended(Status::TimeLimit, "");
        assert_eq!(grade(&late, Status::Exited(0)), Ok(Some(Grade::TimeLimit)));
    }
}
