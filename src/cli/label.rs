//! `rlef label`: answers of journals, labelled by people in a browser; and what they said, written as preferences.

mod arguments;

use std::process::ExitCode;
use std::sync::Arc;

use super::output::{self, say};
use super::source;
use crate::pairs::Asked;
use crate::view::label::{self, Book, Desk, Options, Task};
pub use arguments::Args;

/// Serves the pages until the user ends it, or exports.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.export {
        return export(args, path);
    }
    output::check_appended(&args.out)?;
    let name = args.problems()?;
    let problems = source::problems(&name)?;
    let asked = Asked::of(&problems, args.style.style());
    let answers = label::answers_of(&args.journal, &problems)?;
    let task = Task::of(args.kind, answers, &asked, (args.next, args.seed));
    anyhow::ensure!(
        !task.items.is_empty(),
        "failed to find something to label: no problem has enough answers that differ; sample more of each with rlef eval --rollouts"
    );
    let book = Book::open(&args.out, args.kind)?;
    say!(
        "{} items to label, {} labels in {}",
        task.items.len(),
        book.labels().len(),
        args.out.display()
    );
    let options = Options {
        repeats: args.repeats,
        seed: args.seed,
        guidelines: args.guidelines()?,
    };
    args.bind
        .serve(label::routes(Arc::new(Desk::new(task, book, options))))
}

fn export(args: &Args, path: &std::path::Path) -> anyhow::Result<ExitCode> {
    output::check_file(path)?;
    let book = Book::load(&args.out)?;
    let written = label::export(&book, path, args.form)?;
    say!(
        "{} rows written to {}; left out: {} that say no order (passed over, both bad), {} asked again, {} ties",
        written.rows,
        path.display(),
        written.without,
        written.again,
        written.ties
    );
    Ok(ExitCode::SUCCESS)
}
