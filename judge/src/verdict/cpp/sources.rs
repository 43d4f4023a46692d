//! The two programs of an asserted C++ test, as text: that of the tests and that which is judged.

use super::declared::{self, End};
use super::scan::is_word;
use super::{Asked, Case, Place, types};
use crate::verdict::source;

const EXCHANGE: &str = include_str!("exchange.hpp");
const SPECIAL: &str = include_str!("special.hpp");
const CANDIDATE: &str = include_str!("candidate.hpp");
const TESTER: &str = include_str!("tester.hpp");

/// Where the types that need a header of their own are put into the exchange of values.
const SPECIAL_PLACE: &str = "//SPECIAL\n";
/// What tests may rely on where the problem declares nothing.
const EVERYTHING: &str = "#include <bits/stdc++.h>\nusing namespace std;\n";

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
        .flat_map(|(_, text)| [text, "\n"])
        .collect();
    let special = format!("}}\n{special}namespace rlef_driver {{\n");
    let exchange = EXCHANGE.replace(SPECIAL_PLACE, &special);
    (base, format!("{headers}#line 1 \"exchange\"\n{exchange}"))
}

/// The program of the tests.
pub(super) fn tester(case: &Case<'_>, asked: &Asked) -> String {
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
        "#define _GLIBCXX_ASSERTIONS 1\n{everything}{base}{exchange}\
         namespace rlef_driver {{ constexpr bool speaks_of_nan = {}; }}\n{TESTER}\
         #line 1 \"declaration\"\n{} {{ return rlef_driver::Call<{}>::run({}); }}\n#line 1 \"tests.cpp\"\n{}\n",
        speaks_of_nan(case.code) || speaks_of_nan(case.preamble),
        declared.head(),
        declared.function_type(),
        names.join(", "),
        case.code
    )
}

/// The program that is judged.
pub(super) fn candidate(case: &Case<'_>, asked: &Asked, program: &str) -> String {
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

/// Whether tests may have asked for a NaN, by the words of their code.
fn speaks_of_nan(text: &str) -> bool {
    text.split(|letter| !is_word(letter)).any(|word| {
        let word = word.to_ascii_lowercase();
        [
            "nan",
            "nanf",
            "nanl",
            "isnan",
            "isnanf",
            "quiet_nan",
            "isfinite",
        ]
        .contains(&word.as_str())
    })
}

/// Whether a line of the program includes the header of everything.
fn includes_everything(program: &str) -> bool {
    program.lines().any(|line| {
        let line: String = line.split_whitespace().collect();
        line == "#include<bits/stdc++.h>"
    })
}

#[cfg(test)]
mod tests {
    use super::super::asked;
    use super::*;

    const HEAD: &str = "#include <vector>\nusing namespace std;\nint f(vector<int> x){\n";
    const CODE: &str = "#include <assert.h>\nint main(){\n    assert(f({1}) == 2);\n}\n";

    fn case(preamble: &'static str) -> Case<'static> {
        Case {
            preamble,
            entry_point: "f",
            code: CODE,
            references: &[],
        }
    }

    fn sides(preamble: &'static str, program: &str) -> (String, String) {
        let case = case(preamble);
        let asked = asked(&case, program).unwrap();
        (tester(&case, &asked), candidate(&case, &asked, program))
    }

    #[test]
    fn neither_side_holds_what_is_the_others() {
        let (tests, program) = sides(HEAD, "    return x[0] + 41;\n}\n");
        assert!(tests.ends_with(&format!("{CODE}\n")) && !tests.contains("41"));
        assert!(program.contains("41") && !program.contains("assert(f"));
        // One compilation serves every program.
        let (same, _) = sides(
            HEAD,
            "int f(vector<int> x) { return 3; }\n#define vector other\n",
        );
        assert_eq!(tests, same);
    }

    #[test]
    fn a_body_continues_its_head_and_a_whole_function_replaces_it() {
        let (_, body) = sides(HEAD, "    return f (x);\n}\n");
        let joined = "#line 2 \"main.cpp\"\n\nint f(vector<int> x){\n    return f (x);\n}\n";
        assert!(body.contains(joined), "{body}");
        let programs = [
            "#include <map>\nint f(vector<int> y) {\n    return 1;\n}\n",
            "int\nf(vector<int> y)\n{\n    return 1;\n}\n",
        ];
        for program in programs {
            let (_, whole) = sides(HEAD, program);
            assert!(
                whole.contains(&format!("#line 3 \"main.cpp\"\n{program}")),
                "{whole}"
            );
            assert!(!whole.contains("int f(vector<int> x){"), "{whole}");
        }
        // Another function is no definition.
        let helper = "    return 1;\n}\nint half(int x) {\n    return f({x});\n}\n";
        let (_, helped) = sides(HEAD, helper);
        assert!(
            helped.contains(&format!("int f(vector<int> x){{\n{helper}")),
            "{helped}"
        );
    }
}
