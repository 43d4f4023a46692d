//! C++ programs that try to pass asserted tests without solving them, and honest ones whose values cross in every form.
//!
//! The tests run in a process of their own, so nothing a program defines, and nothing it does to its own process, may
//! change what an assertion says.

use rlef::problem::TestCase;
use rlef::program::Program;
use rlef::verdict::{Grade, JudgeError, Scope, StopAt, Verdict};
use rlef_sandbox::Language;

use super::host::{judge, problem};

fn tests(entry_point: &str, code: &str) -> TestCase {
    TestCase::Asserted {
        entry_point: entry_point.into(),
        code: code.into(),
        language: Language::Cpp,
    }
}

fn judged(
    preamble: &str,
    entry_point: &str,
    code: &str,
    source: &str,
) -> Result<Verdict, JudgeError> {
    let mut problem = problem(vec![tests(entry_point, code)]);
    problem.preamble = preamble.into();
    let program = Program::bare(source, Language::Cpp);
    judge().verdict(&program, &problem, Scope::All, StopAt::Never)
}

#[track_caller]
fn verdict(preamble: &str, code: &str, source: &str) -> Verdict {
    judged(preamble, "triple", code, source).unwrap_or_else(|error| panic!("failed to {error}"))
}

const NUMBER: &str =
    "#include <vector>\n#include <cstdio>\nusing namespace std;\nint triple(int x){\n";
const NUMBER_TESTS: &str = "#include <assert.h>\nint main(){\n    assert (triple(4) == 12);\n    assert (triple(-7) == -21);\n}\n";
const LIST: &str =
    "#include <vector>\n#include <cstdio>\nusing namespace std;\nvector<int> triple(int x){\n";
const LIST_TESTS: &str = "#include <assert.h>\nbool same(vector<int> a, vector<int> b) {\n    if (a.size() != b.size()) return false;\n    for (int i = 0; i < a.size(); i++) if (a[i] != b[i]) return false;\n    return true;\n}\nint main(){\n    assert (same(triple(2), {2, 2, 2}));\n    assert (same(triple(9), {9, 9, 9}));\n}\n";

/// Each is wrong; what it does beside that must not help. The honest one after them is judged as ever.
#[test]
fn nothing_a_cpp_program_defines_decides_its_tests() {
    let number = [
        // Macros on whatever tests are made of.
        "int triple(int x) { return 1; }\n#define __assert_fail(...) ((void)0)\n",
        "int triple(int x) { return 1; }\n#undef assert\n#define assert(x)\n",
        "int triple(int x) { return 1; }\n#define triple(x) 1 || 1\n",
        "int triple(int x) { return 1; }\n#define main other(); int main() { return 0; } int other\n",
        "#define NDEBUG\nint triple(int x) { return 1; }\n#define NDEBUG\n",
        "int triple(int x) { return 1; }\n#define rlef_tests() rlef_a() { return 0; } static int rlef_b()\n",
        "int triple(int x) { return 1; }\n#define if(x) while(0)\n#define false true\n#define rlef_driver std\n",
        "int triple(int x) { return 1; }\n#pragma push_macro(\"assert\")\n#pragma GCC poison assert\n",
        "int triple(int x) { return 1; }\n#line 1 \"tests.cpp\"\n#pragma GCC optimize(\"O0\")\n#pragma weak main\n",
        // Values that equal everything.
        "struct A { template <class T> bool operator==(const T &) const { return true; } };\nA triple(int x) { return A(); }\n",
        "struct A { operator int() const { return 5; } };\nbool operator==(A, int) { return true; }\nA triple(int x) { return A(); }\n",
        "enum E { One };\nbool operator==(E, int) { return true; }\nE triple(int x) { return One; }\n",
        "long long triple(int x) { return 4294967296LL + 3LL * x; }\n",
        "double triple(int x) { return 3.0 * x + 0.5; }\n",
        // What tests call under the hood, and how a process ends.
        "extern \"C\" void __assert_fail(const char *, const char *, unsigned, const char *) noexcept {}\nint triple(int x) { return 1; }\n",
        "extern \"C\" int memcmp(const void *, const void *, unsigned long) noexcept { return 0; }\nextern \"C\" void abort() noexcept { for (;;); }\nint triple(int x) { return 1; }\n",
        "#include <cstdlib>\nint triple(int x) { std::exit(0); }\n",
        "#include <unistd.h>\nint triple(int x) { _exit(0); }\n",
        "#include <cstdlib>\nstruct Early { Early() { std::quick_exit(0); } } early;\nint triple(int x) { return 1; }\n",
        "#include <csetjmp>\njmp_buf here;\nint triple(int x) { if (!setjmp(here)) longjmp(here, 1); return 1; }\n",
        "#include <unistd.h>\n#include <sys/syscall.h>\nextern \"C\" void _start2() { syscall(SYS_exit_group, 0); }\n__asm__(\".globl _init\");\n__attribute__((constructor(101))) void go() { _start2(); }\nint triple(int x) { return 1; }\n",
        "extern \"C\" int other(int, char **) __asm__(\"main\");\nextern \"C\" int other(int, char **) { return 0; }\nint triple(int x) { return 1; }\n",
        "extern \"C\" long syscall(long, ...) { return 0; }\nint triple(int x) { return 1; }\n",
        "#include <thread>\nint triple(int x) { std::thread([] { std::puts(\"rlef-report ended 2 - - -\"); }).detach(); return 1; }\n",
        // Its own source, sections and symbols.
        "__asm__(\".section .rodata\\n.global me\\nme: .incbin \\\"/program/main.cpp\\\"\\n.byte 0\\n.previous\");\nextern const char me[];\nint triple(int x) { const char *p = me; while (*p) { std::fputc(*p, stderr); p++; } return 1; }\n",
        "int hidden(int) __attribute__((alias(\"_Z6triplei\")));\nint triple(int x) { return 1; }\n",
        "__attribute__((section(\".init_array\"))) void (*early)() = [] { __builtin_trap(); };\nint triple(int x) { return 1; }\n",
        // Reports and frames by hand, on every descriptor.
        "#include <unistd.h>\n#include <cstring>\nstruct Early { Early() { const char *said = \"\\nrlef-report ended 2 - - -\\n\"; for (int fd = 0; fd < 64; fd++) write(fd, said, strlen(said)); } } early;\nint triple(int x) { return 1; }\n",
        "#include <unistd.h>\nint triple(int x) { for (int fd = 3; fd < 64; fd++) { write(fd, \"\\x0a\\0\\0\\0R\", 5); write(fd, \"i\\1\\0\\0\\0\\0\\0\\0\\0\", 9); } _exit(0); }\n",
        "#include <unistd.h>\nint triple(int x) { for (int fd = 3; fd < 64; fd++) write(fd, \"\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\", 8); _exit(0); }\n",
        "#include <unistd.h>\nint triple(int x) { for (int fd = 3; fd < 64; fd++) write(fd, \"\\x01\\0\\0\\0X\", 5); _exit(0); }\n",
        "#include <unistd.h>\nint triple(int x) { for (int fd = 3; fd < 64; fd++) write(fd, \"\\x05\\0\\0\\0E\\x73\\xff\\xff\\xff\", 9); _exit(0); }\n",
        "#include <unistd.h>\nint triple(int x) { static char all[1 << 16]; for (;;) for (int fd = 3; fd < 8; fd++) write(fd, all, sizeof all); }\n",
        // Whatever it reads of its own process is not its tests.
        "#include <fcntl.h>\n#include <unistd.h>\n#include <cstdio>\nint triple(int x) { char path[64], data[4096]; for (int fd = 0; fd < 64; fd++) { std::sprintf(path, \"/proc/self/fd/%d\", fd); int other = open(path, O_RDONLY | O_NONBLOCK); if (other >= 0 && read(other, data, sizeof data) > 0) return data[0]; } return 1; }\n",
        "#include <stdexcept>\nint triple(int x) { throw std::runtime_error(\"\\nrlef-report ended 2 - - -\\n\"); }\n",
        "int triple(int x) { throw 5; }\n",
        "int triple(int x) { throw std::bad_alloc(); }\n",
    ];
    for source in number {
        let got = verdict(NUMBER, NUMBER_TESTS, source);
        assert_ne!(got.grade, Grade::Accepted, "{source}\n{got:#?}");
    }
    let list = [
        "vector<int> triple(int x) { return {1}; }\n#define same(...) all(__VA_ARGS__)\ntemplate <class... T> bool all(vector<int>, vector<int>) { return true; }\n",
        "vector<int> triple(int x) { return {1}; }\n#define false true\n",
        "struct V { int size() { return 0; } int operator[](int) { return 0; } V() {} V(std::initializer_list<int>) {} };\nV triple(int x) { return V(); }\n#define vector V2\ntemplate <class T> using V2 = V;\n",
        "namespace std { template <> bool operator==(const vector<int> &, const vector<int> &) { return true; } }\nvector<int> triple(int x) { return {}; }\n",
        "namespace std { template <> struct equal_to<int> { bool operator()(int, int) const { return true; } }; }\nvector<int> triple(int x) { return {1, 2, 3}; }\n",
        "namespace std { template <> struct char_traits<int> {}; }\nvector<int> triple(int x) { return vector<int>(3); }\n",
    ];
    for source in list {
        let got = verdict(LIST, LIST_TESTS, source);
        assert_ne!(got.grade, Grade::Accepted, "{source}\n{got:#?}");
    }
    let honest = verdict(NUMBER, NUMBER_TESTS, "    return 3 * x;\n}\n");
    assert_eq!(honest.grade, Grade::Accepted, "{honest:#?}");
    let honest = verdict(LIST, LIST_TESTS, "    return {x, x, x};\n}\n");
    assert_eq!(honest.grade, Grade::Accepted, "{honest:#?}");
}

/// Style that a test's code could stumble over, but a process of its own does not.
#[test]
fn an_honest_cpp_program_may_look_as_it_likes() {
    for source in [
        "    return 3 * x;\n}\n",
        "int triple(int x) {\n    return 3 * x;\n}\n",
        "int\ntriple(const int &x) {\n    return 3 * x;\n}\n",
        "#define int long long\nint triple(int x) {\n    return 3 * x;\n}\n",
        "int triple(int x) { return 3 * x; }\nint main() { printf(\"%d\\n\", triple(2)); }\n",
        "#include <bits/stdc++.h>\nint triple(int x) { cout << x << endl; cerr << x; return 3 * x; }\n",
        "#include <iostream>\nint once = (cout << \"loaded\\n\", cin >> once, 3);\nlong long triple(long long x) { return x * 3; }\n",
        "template <class T> T times(T x) { return 3 * x; }\nint triple(int x) { static int calls; calls++; return times(x); }\n",
        "int read() { return 3; }\nint write, close[3];\nint triple(int x) { return read() * x; }\n",
        "double triple(double x) { return 3 * x; }\n",
    ] {
        let got = verdict(NUMBER, NUMBER_TESTS, source);
        assert_eq!(got.grade, Grade::Accepted, "{source}\n{got:#?}");
    }
}

#[test]
fn a_failed_cpp_assertion_tells_what_was_called_and_what_came() {
    let wrong = verdict(LIST, LIST_TESTS, "    return {2, 2, 2};\n}\n");
    let failure = &wrong.failures[0];
    assert_eq!(wrong.grade, Grade::WrongAnswer);
    assert_eq!(failure.input, "triple(9)");
    assert_eq!(failure.got, "{2, 2, 2}");
    assert_eq!(failure.expected, "same(triple(9), {9, 9, 9})");
    let thrown = verdict(
        NUMBER,
        NUMBER_TESTS,
        "    throw std::out_of_range(\"too far\");\n}\n",
    );
    assert_eq!(thrown.grade, Grade::CompileError, "{thrown:#?}");
    let thrown = verdict(
        NUMBER,
        NUMBER_TESTS,
        "#include <stdexcept>\nint triple(int x) { throw std::out_of_range(\"too far\"); }\n",
    );
    assert_eq!(thrown.grade, Grade::RuntimeError);
    assert!(
        thrown.failures[0]
            .trace
            .contains("std::out_of_range: too far"),
        "{thrown:#?}"
    );
    for (source, grade) in [
        ("    for (;;);\n}\n", Grade::TimeLimit),
        (
            "    vector<char> all; for (;;) all.resize(all.size() + (1 << 20), 1);\n}\n",
            Grade::MemoryLimit,
        ),
        ("    return *(volatile int *)8;\n}\n", Grade::RuntimeError),
        ("    return y;\n}\n", Grade::CompileError),
        ("int other(int x) { return 3 * x; }\n", Grade::CompileError),
    ] {
        let got = verdict(NUMBER, NUMBER_TESTS, source);
        assert_eq!(got.grade, grade, "{source}\n{got:#?}");
    }
    // Lines are counted as in preamble and program together.
    let broken = verdict(NUMBER, NUMBER_TESTS, "    return\n      y;\n}\n");
    assert!(
        broken.failures[0].trace.contains("main.cpp:6:"),
        "{broken:#?}"
    );
}

/// Every form that values cross in, there and back.
#[test]
fn values_of_every_kind_cross_between_cpp_processes() {
    const TYPES: &str = "#include <any>\n#include <array>\n#include <cstdint>\n#include <deque>\n#include <list>\n#include <map>\n#include <optional>\n#include <set>\n#include <string>\n#include <tuple>\n#include <unordered_map>\n#include <unordered_set>\n#include <variant>\n#include <vector>\nusing namespace std;\n";
    for (kind, value) in [
        (
            "tuple<bool, char, unsigned char, short, unsigned, long long, uint64_t, float, double, long double>",
            "true, '\\0', 255, -32768, 4000000000u, -9000000000000000000ll, 18000000000000000000ull, 0.1f, 0.1, 0.1L",
        ),
        (
            "tuple<string, vector<bool>, vector<vector<string>>, list<deque<double>>, pair<int, pair<char, string>>, array<int, 3>>",
            "string(\"a\\0b\", 3), {true, false}, {{\"a\"}, {}, {\"b\", \"c\"}}, {{1.5}, {}}, {1, {'x', \"\"}}, {1, 2, 3}",
        ),
        (
            "tuple<map<string, vector<int>>, unordered_map<int, char>, multiset<int>, unordered_set<string>, multimap<int, bool>>",
            "{{\"a\", {1}}, {\"b\", {}}}, {{1, 'a'}, {2, 'b'}}, {2, 1, 2}, {\"a\", \"b\"}, {{1, true}, {1, false}}",
        ),
        (
            "tuple<optional<int>, optional<string>, variant<int, string>, variant<monostate, vector<int>>>",
            "5, nullopt, \"a\", vector<int>{7}",
        ),
    ] {
        let preamble = format!("{TYPES}typedef {kind} Kind;\nKind triple(const Kind &x) {{\n");
        let code = format!(
            "#include <assert.h>\nint main() {{ const Kind x{{{value}}}; assert(triple(x) == x); }}\n"
        );
        let right = verdict(&preamble, &code, "    return x;\n}\n");
        assert_eq!(right.grade, Grade::Accepted, "{kind}\n{right:#?}");
        let wrong = verdict(&preamble, &code, "    return {};\n}\n");
        assert_eq!(wrong.grade, Grade::WrongAnswer, "{kind}\n{wrong:#?}");
    }
    let any = format!("{TYPES}any triple(vector<any> x, const char *words) {{\n");
    let code = "#include <assert.h>\nint main() {\n    assert(any_cast<string>(triple({1, string(\"a\")}, \"y\")) == \"a\");\n    assert(any_cast<double>(triple({'c', 2.5}, \"\")) == 2.5);\n    assert(!triple({{}}, \"\").has_value());\n    assert(any_cast<const char *>(triple({\"words\"}, \"\")) == string(\"words\"));\n}\n";
    let right = verdict(&any, code, "    return x.back();\n}\n");
    assert_eq!(right.grade, Grade::Accepted, "{right:#?}");
    for body in [
        "    return 2.5f;\n}\n",
        "    return string(words);\n}\n",
        "    return x;\n}\n",
    ] {
        let wrong = verdict(&any, code, body);
        assert_ne!(wrong.grade, Grade::Accepted, "{body}\n{wrong:#?}");
    }
}

#[test]
fn a_cpp_program_changes_what_its_references_refer_to_and_nothing_else() {
    let preamble = "#include <vector>\n#include <string>\nusing namespace std;\nvoid triple(vector<int> &x, string &words, const vector<int> &fixed, vector<int> copied, int n = 3) {\n";
    let code = "#include <assert.h>\nint main() {\n    vector<int> a = {1}, b = {2}, c = {3}; string s = \"s\";\n    triple(a, s, b, c);\n    assert(a.size() == 4 && a[3] == 9 && s == \"st\");\n    assert(b.size() == 1 && c.size() == 1);\n}\n";
    let body = "    for (int i = 0; i < n; i++) x.push_back(9);\n    words += \"t\";\n    const_cast<vector<int> &>(fixed).clear();\n    copied.clear();\n}\n";
    let right = verdict(preamble, code, body);
    assert_eq!(right.grade, Grade::Accepted, "{right:#?}");
    let wrong = verdict(preamble, code, "    x.clear();\n}\n");
    assert_eq!(wrong.grade, Grade::WrongAnswer, "{wrong:#?}");
}

#[test]
fn tests_may_expect_a_standard_exception() {
    let code = "#include <assert.h>\n#include <stdexcept>\nint main() {\n    bool caught = false;\n    try { triple(-1); } catch (const std::invalid_argument &error) { caught = std::string(error.what()) == \"below\"; }\n    assert(caught);\n    assert(triple(2) == 6);\n}\n";
    let program = |thrown: &str| {
        format!(
            "#include <stdexcept>\nint triple(int x) {{ if (x < 0) throw {thrown}; return 3 * x; }}\n"
        )
    };
    let right = verdict(NUMBER, code, &program("std::invalid_argument(\"below\")"));
    assert_eq!(right.grade, Grade::Accepted, "{right:#?}");
    for thrown in [
        "std::invalid_argument(\"other\")",
        "std::range_error(\"below\")",
        "7",
        "\"below\"",
    ] {
        let wrong = verdict(NUMBER, code, &program(thrown));
        assert_ne!(wrong.grade, Grade::Accepted, "{thrown}\n{wrong:#?}");
    }
}

/// What the tests do with a result is safe: nothing that comes is read past its end.
#[test]
fn results_that_tests_cannot_handle_are_wrong() {
    let code = "#include <assert.h>\nint main() { vector<int> a = triple(2); assert(a[0] + a[1] + a[2] == 6 || a[5] == 0); }\n";
    for body in [
        "    return {};\n}\n",
        "    return {2};\n}\n",
        "    return {1, 2, 4};\n}\n",
    ] {
        let wrong = verdict(LIST, code, body);
        assert_eq!(wrong.grade, Grade::WrongAnswer, "{body}\n{wrong:#?}");
    }
    let deep = "#include <assert.h>\nlong sum(int n) { volatile char pad[256]; pad[0] = 1; return n == 0 ? pad[0] : sum(n - 1) + pad[0]; }\nint main() { assert(sum(triple(2)) == 7); }\n";
    let wrong = verdict(NUMBER, deep, "    return 2000000000;\n}\n");
    assert_eq!(wrong.grade, Grade::WrongAnswer, "{wrong:#?}");
}

#[test]
fn a_problem_that_cannot_be_judged_in_cpp_is_refused_by_name() {
    let pointer = "struct Node { int value; Node *next; };\nint triple(Node *list){\n";
    let code =
        "#include <assert.h>\nint main() { Node one = {1, 0}; assert(triple(&one) == 1); }\n";
    let body = "    return list->value;\n}\n";
    let error = judged(pointer, "triple", code, body).unwrap_err();
    assert!(error.is_of_problem(), "{error}");
    assert!(
        error.to_string().contains("the type `Node*` cannot cross"),
        "{error}"
    );
    let template = "template <class T> T triple(T x) {\n";
    let error = judged(template, "triple", code, "    return x;\n}\n").unwrap_err();
    assert!(matches!(error, JudgeError::Unsupported { .. }), "{error}");
    for (code, reason) in [
        (
            "#include <assert.h>\nint main() { assert(triple(4) == twelve); }\n",
            "twelve",
        ),
        ("int main() { return 3; }\n", "without a call"),
        ("int main() { }\n", "without a call"),
        (
            "#include <assert.h>\nint main() { assert(1 == 2); }\n",
            "1 == 2",
        ),
    ] {
        let error = judged(NUMBER, "triple", code, "    return 3 * x;\n}\n").unwrap_err();
        assert!(matches!(error, JudgeError::BrokenTest { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

/// Where the problem declares nothing, a known solution does, else the program, in the library's types alone.
#[test]
fn without_a_declaration_types_are_read_from_who_has_them() {
    let code =
        "#include <assert.h>\nint main() { assert((triple({1, 2}) == vector<int>{3, 6})); }\n";
    let right = "#include <bits/stdc++.h>\nusing namespace std;\nvector<int> triple(const vector<int>& x) { auto y = x; for (int &i : y) i *= 3; return y; }\n";
    let got = verdict("", code, right);
    assert_eq!(got.grade, Grade::Accepted, "{got:#?}");
    for wrong in [
        "#include <vector>\nstruct Same { template <class T> bool operator==(const T &) const { return true; } };\nSame triple(std::vector<int> x) { return {}; }\n",
        "#include <vector>\n#define Same bool\nusing vector = std::vector<int>;\nvector triple(vector x) { return {1, 2}; }\n",
        "#include <vector>\nstd::vector<int> triple(std::vector<int> x) { return {1, 2}; }\n#define vector other\n",
        "#include <string>\nstd::string triple(std::vector<int> x) { return {}; }\n",
        "int main() {}\n",
    ] {
        let got = verdict("", code, wrong);
        assert_ne!(got.grade, Grade::Accepted, "{wrong}\n{got:#?}");
    }
}

/// `!(x > y)` holds for a NaN; so do all of HumanEvalPack's bounds.
#[test]
fn a_nan_is_within_no_bound_of_a_cpp_test() {
    let number = "#include <cmath>\nusing namespace std;\ndouble triple(int x){\n";
    let bound =
        "#include <assert.h>\nint main(){\n    assert (!(abs(triple(4) - 12) > 1e-6));\n}\n";
    let list =
        "#include <vector>\n#include <cmath>\nusing namespace std;\nvector<float> triple(int x){\n";
    let same = "#include <assert.h>\nbool issame(vector<float> a, vector<float> b) {\n    if (a.size() != b.size()) return false;\n    for (int i = 0; i < a.size(); i++) if (abs(a[i] - b[i]) > 1e-4) return false;\n    return true;\n}\nint main(){\n    assert (issame(triple(4), {12, 12}));\n}\n";
    let asks = "#include <assert.h>\nint main(){\n    assert (std::isnan(triple(4)));\n}\n";
    for (preamble, code, body, expected) in [
        (number, bound, "return NAN;", Grade::WrongAnswer),
        (number, bound, "return 12;", Grade::Accepted),
        (number, asks, "return NAN;", Grade::Accepted),
        (list, same, "return {NAN, NAN};", Grade::WrongAnswer),
        (list, same, "return {12, 12};", Grade::Accepted),
    ] {
        let source = format!("    {body}\n}}\n");
        assert_eq!(
            verdict(preamble, code, &source).grade,
            expected,
            "{source}{code}"
        );
    }
}
