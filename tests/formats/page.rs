//! The schemas as tables of fields.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::Format;

/// The page.
pub(super) fn fields(all: &[(&Format, Value)]) -> String {
    let mut text = "# Fields of every file\n\nMade from the types of the code. [Files](files.md) says who writes what, with a line of each. A \
        field in bold is always there; `part` names a table further down.\n"
        .to_owned();
    let mut parts: BTreeMap<String, Vec<(&Value, &str)>> = BTreeMap::new();
    for (format, schema) in all {
        let name = format.name;
        write!(
            text,
            "\n## {name}\n\n{} ([schema](schemas/{name}.json)).\n",
            format.title
        )
        .unwrap();
        let roots: Vec<&str> = format.types.iter().map(|(_, root)| *root).collect();
        for (part, made) in schema["$defs"].as_object().unwrap() {
            if roots.contains(&&**part) {
                // An episode stands in two journals; its table is among the parts.
                if roots.len() > 1 && part == super::EPISODE.1 {
                    write!(text, "\nOr an episode, `{part}`.\n").unwrap();
                } else {
                    table(&mut text, made);
                    continue;
                }
            }
            let known = parts.entry(part.clone()).or_default();
            if known.iter().all(|(other, _)| *other != made) {
                known.push((made, name));
            }
        }
    }
    text += "\n# Parts\n";
    for (name, made) in parts {
        for (part, of) in &made {
            if made.len() > 1 {
                write!(text, "\n## {name} of {of}\n").unwrap();
            } else {
                write!(text, "\n## {name}\n").unwrap();
            }
            table(&mut text, part);
        }
    }
    text
}

/// A table of a part's fields, or of its values; several where it has several forms.
pub(crate) fn table(text: &mut String, part: &Value) {
    if let Some(forms) = part.get("oneOf").and_then(Value::as_array) {
        if forms.iter().all(|form| form.get("const").is_some()) {
            text.push_str("\n| value | meaning |\n|---|---|\n");
            for form in forms {
                writeln!(
                    text,
                    "| `{}` | {} |",
                    form["const"].as_str().unwrap_or_default(),
                    words(form)
                )
                .unwrap();
            }
            return;
        }
        for form in forms {
            write!(
                text,
                "\n{}\n",
                Some(words(form))
                    .filter(|words| !words.is_empty())
                    .unwrap_or_else(|| "Either:".into())
            )
            .unwrap();
            table(text, form);
        }
        return;
    }
    let Some(fields) = part.get("properties").and_then(Value::as_object) else {
        write!(text, "\n{}\n", kind(part)).unwrap();
        return;
    };
    text.push_str("\n| field | what | meaning |\n|---|---|---|\n");
    for (name, field) in fields {
        let required = part.get("required").and_then(Value::as_array);
        let is_always = required.is_some_and(|all| all.iter().any(|one| one == name));
        let mark = if is_always { "**" } else { "" };
        writeln!(
            text,
            "| {mark}`{name}`{mark} | {} | {} |",
            kind(field),
            words(field)
        )
        .unwrap();
    }
}

fn words(of: &Value) -> String {
    let words = of.get("description").and_then(Value::as_str);
    // A bar would end the cell, and a bracket begin a link.
    words
        .unwrap_or_default()
        .replace('|', "\\|")
        .replace('[', "\\[")
}

/// What a value is, in words.
fn kind(schema: &Value) -> String {
    let list = |name: &str| schema.get(name).and_then(Value::as_array);
    let joined = |all: &[Value]| all.iter().map(kind).collect::<Vec<_>>().join(" or ");
    if let Some(part) = schema.get("$ref").and_then(Value::as_str) {
        return format!("`{}`", part.rsplit('/').next().unwrap_or_default());
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    if let Some(forms) = list("anyOf").or_else(|| list("oneOf")) {
        return joined(forms);
    }
    if let Some(values) = list("enum") {
        return values
            .iter()
            .map(|value| format!("`{value}`"))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    if let Some(items) = list("prefixItems") {
        return format!(
            "list of {}",
            items.iter().map(kind).collect::<Vec<_>>().join(", ")
        );
    }
    match schema.get("type") {
        Some(Value::String(name)) => match &**name {
            "array" => format!("list of {}", kind(&schema["items"])),
            "object" => match schema.get("additionalProperties") {
                Some(inner @ Value::Object(_)) => format!("by name: {}", kind(inner)),
                _ => "object".to_owned(),
            },
            name => name.to_owned(),
        },
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "any value".to_owned(),
    }
}
