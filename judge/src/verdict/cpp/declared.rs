//! The function that tests call, as some C++ text declares it. Pure text; the compiler checks what it makes of it.
//!
//! A small scanner: comments, literals and preprocessor lines are skipped, brackets counted, and each statement at the top
//! level is looked at: is it the head of a function? HumanEvalPack's declarations end inside the function that is asked
//! for, whatever its name, and hold whole helpers before it.

use super::scan::{closing, code, is_word, plain, top_level};

/// A function's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    /// Byte at which its statement starts, comments before it included.
    pub(super) start: usize,
    /// Its name.
    pub(super) name: String,
    /// Type of its result.
    pub(super) result: String,
    /// Its parameters.
    pub(super) parameters: Vec<Parameter>,
    /// How its statement ends.
    pub(super) end: End,
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    /// Its type.
    pub(super) kind: String,
    /// Its name, or one made up for it.
    pub(super) name: String,
    /// Its default value with the sign before it, or nothing.
    pub(super) default: String,
}

/// How a function's statement ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With a semicolon.
    Prototype,
    /// With a body.
    Body,
    /// Within its body.
    Open,
}

/// Words in front of a result that are no part of its type.
const SPECIFIERS: [&str; 5] = ["static", "inline", "extern", "constexpr", "virtual"];
/// Words that a type may consist of alone; the last one is never a parameter's name.
const TYPE_WORDS: [&str; 13] = [
    "const", "volatile", "unsigned", "signed", "short", "long", "int", "char", "bool", "float",
    "double", "void", "auto",
];

impl Declared {
    /// `R(P, ...)`.
    pub(super) fn function_type(&self) -> String {
        let types: Vec<&str> = self
            .parameters
            .iter()
            .map(|one| one.kind.as_str())
            .collect();
        format!("{}({})", self.result, types.join(", "))
    }

    /// The head of a function of this name that nothing else declares, or a prototype does.
    pub(super) fn head(&self) -> String {
        let parameters = self.parameters.iter().map(|one| {
            let default = if self.end == End::Prototype {
                ""
            } else {
                &one.default
            };
            format!("{} {}{default}", one.kind, one.name)
        });
        let parameters: Vec<String> = parameters.collect();
        format!("{} {}({})", self.result, self.name, parameters.join(", "))
    }
}

/// The function whose body is open where the text ends, else the last one of this name.
pub(super) fn find(text: &str, name: &str) -> Option<Declared> {
    let all = heads(text);
    let open = all.iter().rfind(|head| head.end == End::Open);
    open.or_else(|| all.iter().rfind(|head| head.name == name))
        .cloned()
}

/// Whether the text has a body of a function of this name.
pub(super) fn defines(text: &str, name: &str) -> bool {
    heads(text)
        .iter()
        .any(|head| head.name == name && head.end != End::Prototype)
}

/// Whether the text ends within brackets.
pub(super) fn is_open(text: &str) -> bool {
    let mut depth = 0_usize;
    for (_, letter) in code(text) {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    depth > 0
}

/// Every function head at the top level.
fn heads(text: &str) -> Vec<Declared> {
    let mut found: Vec<Declared> = Vec::new();
    // The brackets that are open, and where the statement began.
    let (mut within, mut start) = (Vec::new(), 0);
    let mut open = None;
    for (at, letter) in code(text) {
        match letter {
            '(' | '[' => within.push(letter),
            '{' => {
                if within.is_empty() {
                    open = head(&text[start..at], start, End::Body).map(|head| {
                        found.push(head);
                        found.len() - 1
                    });
                }
                within.push(letter);
            }
            ')' | ']' | '}' => {
                let closed = within.pop();
                if within.is_empty() && closed == Some('{') {
                    (open, start) = (None, at + 1);
                }
            }
            ';' if within.is_empty() => {
                found.extend(head(&text[start..at], start, End::Prototype));
                start = at + 1;
            }
            // The end of a preprocessor line.
            '\n' if within.is_empty() => start = at + 1,
            _ => {}
        }
    }
    if let Some(last) = open {
        found[last].end = End::Open;
    }
    found
}

/// The statement as a function's head, if it is one.
fn head(statement: &str, start: usize, end: End) -> Option<Declared> {
    let mut text = plain(statement);
    // What follows the parameters: a result, or words that change nothing here.
    let first = top_level(&text, '(').first().copied()?;
    let close = closing(&text, first)?;
    let after = text[close + 1..].trim().to_owned();
    let inside = text[first + 1..close].to_owned();
    text.truncate(first);
    let (mut result, name) = last_word(text.trim_end());
    let named = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
    while let Some(rest) = SPECIFIERS.iter().find_map(|word| {
        let rest = result.strip_prefix(word)?;
        rest.starts_with(char::is_whitespace)
            .then(|| rest.trim_start())
    }) {
        result = rest;
    }
    if !named || result.is_empty() || result.contains(['=', '(']) || result.ends_with("::") {
        return None;
    }
    if [
        "return", "else", "new", "throw", "using", "typedef", "template",
    ]
    .iter()
    .any(|word| result.split_whitespace().next() == Some(word))
    {
        return None;
    }
    let result = match after.split_once("->") {
        Some((_, trailing)) => trailing.trim(),
        None => result,
    };
    if after.contains(['=', ':']) && !after.contains("->") {
        return None;
    }
    Some(Declared {
        start,
        name: name.to_owned(),
        result: result.to_owned(),
        parameters: parameters(&inside),
        end,
    })
}

/// Each parameter between a function's brackets.
fn parameters(inside: &str) -> Vec<Parameter> {
    let mut cuts = top_level(inside, ',');
    cuts.push(inside.len());
    let mut from = 0;
    let mut found = Vec::new();
    for (index, to) in cuts.into_iter().enumerate() {
        let whole = inside[from..to].trim();
        from = to + 1;
        let cut = top_level(whole, '=')
            .first()
            .copied()
            .unwrap_or(whole.len());
        let (text, default) = (whole[..cut].trim(), &whole[cut..]);
        if text.is_empty() || text == "void" {
            continue;
        }
        let (kind, name) = last_word(text);
        let is_named = !name.is_empty()
            && !TYPE_WORDS.contains(&name)
            && !kind.ends_with("::")
            && !kind.split_whitespace().all(|word| word == "const");
        let made_up = format!("rlef_{index}");
        let (kind, name) = if is_named {
            (kind, name)
        } else {
            (text, made_up.as_str())
        };
        found.push(Parameter {
            kind: kind.to_owned(),
            name: name.to_owned(),
            default: default.to_owned(),
        });
    }
    found
}

/// The text before its last word, and that word.
fn last_word(text: &str) -> (&str, &str) {
    let at = text.trim_end_matches(is_word).len();
    (text[..at].trim(), &text[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, name: &str) -> (String, String, usize) {
        let found = find(text, name).unwrap();
        let at = found.start;
        (found.name.clone(), found.function_type(), at)
    }

    #[test]
    fn the_open_function_is_the_one_whatever_its_name() {
        let text = "#include <vector>\nusing namespace std;\nint help(int x){\n    return x; // }\n}\n\nvector<vector<int>> \
                    twice( vector<int> a,const string &b = \"(,\", pair<int,int> = {}){ \n";
        let (name, kind, at) = found(text, "other");
        assert_eq!(
            (name.as_str(), kind.as_str()),
            (
                "twice",
                "vector<vector<int>>(vector<int>, const string &, pair<int,int>)"
            )
        );
        assert!(text[at..].trim_start().starts_with("vector<vector"));
        let one = find(text, "x").unwrap();
        assert_eq!(
            one.head(),
            "vector<vector<int>> twice(vector<int> a, const string & b= \"(,\", pair<int,int> rlef_2= {})"
        );
        assert_eq!(one.end, End::Open);
    }

    #[test]
    fn the_last_function_of_the_name_is_the_one_where_none_is_open() {
        let text =
            "long long f(int, unsigned long);\nint g(void) { return 1; }\nauto h(int x) -> bool;\n";
        assert_eq!(found(text, "f").1, "long long(int, unsigned long)");
        assert_eq!(found(text, "g").1, "int()");
        assert_eq!(found(text, "h").1, "bool(int)");
        assert_eq!(find(text, "k"), None);
        assert_eq!(find(text, "f").unwrap().end, End::Prototype);
        assert_eq!(find(text, "g").unwrap().end, End::Body);
    }

    #[test]
    fn what_only_looks_like_a_head_is_none() {
        for text in [
            "int x = f(3);\n",
            "#define f(x) \\\n    int f(x) {\n",
            "/* int f(int x) { */\n",
            "// int f(int x);\n",
            "const char *s = \"int f(int x) {\";\n",
            "class Solution { public: int f(int x) {\n",
            "template <class T> T f(T x) {\n",
            "struct A { int f(int); };\n",
            "int A::f(int x) { return x; }\n",
        ] {
            assert_eq!(find(text, "f"), None, "{text}");
        }
    }

    #[test]
    fn quotes_in_comments_and_continued_lines_hide_nothing() {
        let text = "// it's\n#define A(x) \\\n  { x\nstatic inline int f(const int n, std::string) {\n    /* don't */";
        let one = find(text, "f").unwrap();
        assert_eq!(one.function_type(), "int(const int, std::string)");
        assert_eq!(one.end, End::Open);
    }
}
