//! The page of the HTTP interface, which is the document that the server gives at `/v1/openapi.json`, to be read by people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::super::formats;
use super::reference::hold;

#[test]
fn the_page_of_the_interface_is_as_the_server() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("serve/src/openapi.json");
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let said = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let mut text = format!(
        "# HTTP interface\n\nWhat `GET /v1/openapi.json` says, made from it. [Serve](serve.md) has the dialects of other programs beside it, and \
        how it behaves under load.\n\n{}\n",
        said(&document["info"], "description")
    );
    let mut codes: BTreeMap<String, String> = BTreeMap::new();
    for (path, verbs) in document["paths"].as_object().unwrap() {
        for (verb, what) in verbs.as_object().unwrap() {
            if verb == "parameters" {
                continue;
            }
            write!(
                text,
                "\n## {} {path}\n\n{}\n",
                verb.to_uppercase(),
                said(what, "summary")
            )
            .unwrap();
            let shared = verbs.get("parameters").into_iter();
            let all = shared.chain(what.get("parameters"));
            for parameter in all.flat_map(|list| list.as_array().unwrap()) {
                let (name, place) = (said(parameter, "name"), said(parameter, "in"));
                let kind = said(&parameter["schema"], "type");
                write!(text, "\n- `{name}`, {kind}, in the {place}").unwrap();
            }
            if what.get("parameters").or(verbs.get("parameters")).is_some() {
                text.push('\n');
            }
            let schema = |of: &Value| {
                let name = of["content"]["application/json"]["schema"]["$ref"].as_str();
                name.map(|name| name.rsplit('/').next().unwrap().to_owned())
            };
            if let Some(name) = schema(&what["requestBody"]) {
                write!(text, "\nAsked with `{name}`.\n").unwrap();
            }
            let answers = what["responses"].as_object().unwrap();
            let good = &answers["200"];
            match schema(good) {
                Some(name) => write!(text, "\nAnswered with `{name}`.\n").unwrap(),
                None => write!(text, "\nAnswered with: {}\n", said(good, "description")).unwrap(),
            }
            for (code, answer) in answers.iter().filter(|(code, _)| *code != "200") {
                let words = said(answer, "description");
                let known = codes.entry(code.clone()).or_insert_with(|| words.clone());
                assert_eq!(*known, words, "{verb} {path}: {code}");
            }
            let others: Vec<&str> = answers
                .keys()
                .map(String::as_str)
                .filter(|code| *code != "200")
                .collect();
            if !others.is_empty() {
                write!(text, "\nOr with {}.\n", others.join(", ")).unwrap();
            }
        }
    }
    text += "\n## Codes\n\n| code | meaning |\n|---|---|\n";
    for (code, words) in codes {
        writeln!(text, "| {code} | {words} |").unwrap();
    }
    for (name, part) in document["components"]["schemas"].as_object().unwrap() {
        write!(text, "\n## {name}\n").unwrap();
        let words = said(part, "description");
        if !words.is_empty() {
            write!(text, "\n{words}\n").unwrap();
        }
        formats::table(&mut text, part);
    }
    hold("http.md", &text);
}
