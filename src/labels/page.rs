//! A report as one page that needs nothing else: tables, and the words of how they are to be read.

use super::report::Report;
use super::table::Section;

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Labels compared</title>\n<style>body{font:15px/1.5 sans-serif;margin:2em auto;max-width:60em;padding:0 1em}table{border-collapse:collapse;margin:.5em 0 2em}th,td{text-align:left;padding:.2em 1em .2em 0;border-bottom:1px solid #ccc;font-variant-numeric:tabular-nums}h2{font-size:1.1em}</style></head><body>\n<h1>Labels compared</h1>\n<p>Brackets hold intervals of 95%; what was asked together is drawn whole. Elo has mean 0, and 400 points are odds of ten to one.</p>\n";

/// The page.
pub fn page(report: &Report) -> String {
    let sections: Vec<String> = report.sections().iter().map(section).collect();
    format!("{HEAD}{}</body></html>\n", sections.concat())
}

fn section(section: &Section) -> String {
    let row = |cells: &[String], tag: &str| {
        let cells: Vec<String> = (cells.iter())
            .map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)))
            .collect();
        format!("<tr>{}</tr>\n", cells.concat())
    };
    let rows: Vec<String> = section.rows.iter().map(|cells| row(cells, "td")).collect();
    format!(
        "<h2>{}</h2>\n<table>\n{}{}</table>\n",
        escaped(&section.title),
        row(&section.head, "th"),
        rows.concat()
    )
}

/// Names come from files.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}
