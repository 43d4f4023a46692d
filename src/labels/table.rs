//! A titled table, as text for a terminal.

/// A table with its title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Section {
    pub(super) fn new(title: &str, head: &[&str], rows: Vec<Vec<String>>) -> Self {
        Self {
            title: title.to_owned(),
            head: head.iter().map(|&name| name.to_owned()).collect(),
            rows,
        }
    }
}

impl std::fmt::Display for Section {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<&Vec<String>> = std::iter::once(&self.head).chain(&self.rows).collect();
        let width = |column: usize| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or(0)
        };
        write!(out, "{}", self.title)?;
        for line in &lines {
            let cells = line.iter().enumerate().map(|(column, cell)| {
                let pad = width(column) - cell.chars().count();
                format!("{cell}{}", " ".repeat(pad))
            });
            write!(
                out,
                "\n  {}",
                cells.collect::<Vec<_>>().join("  ").trim_end()
            )?;
        }
        Ok(())
    }
}
