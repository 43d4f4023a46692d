//! All there is to say of some sources: of each, and of any two.

use serde::Serialize;

use super::Options;
use super::compared::{AgainstRatings, Comparison, Labelling, Table};
use super::intervals::Measured;
use super::source::{Answers, Source};
use super::table::Section;

/// What is said of some sources.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Each source.
    pub sources: Vec<Labelling>,
    /// Any two of them.
    pub comparisons: Vec<Comparison>,
}

impl Report {
    /// Of sources over these answers.
    pub fn of(answers: &Answers, sources: &[Source], options: Options) -> Self {
        let table = Table::new(answers, options);
        let mut comparisons = Vec::new();
        for (place, one) in sources.iter().enumerate() {
            let rest = sources[place + 1..].iter();
            comparisons.extend(rest.map(|other| table.comparison(one, other)));
        }
        Self {
            sources: sources
                .iter()
                .map(|source| table.labelling(source))
                .collect(),
            comparisons,
        }
    }

    /// The same as tables.
    pub(super) fn sections(&self) -> Vec<Section> {
        let head = [
            "source",
            "ratings",
            "choices",
            "pairs",
            "ties",
            "for the longer",
            "for the first shown",
        ];
        let rows = self.sources.iter().map(|source| {
            vec![
                source.name.clone(),
                source.ratings.to_string(),
                source.choices.to_string(),
                source.pairs.to_string(),
                format!("{:.1}%", 100.0 * source.ties),
                told(source.longer),
                told(source.first),
            ]
        });
        let mut sections = vec![Section::new("Sources", &head, rows.collect())];
        for source in self
            .sources
            .iter()
            .filter(|source| !source.competitors.is_empty())
        {
            let rows = source.competitors.iter().map(|one| {
                let elo = match one.elo.interval {
                    Some((low, high)) => format!("{:.0} [{low:.0}, {high:.0}]", one.elo.value),
                    None => format!("{:.0}", one.elo.value),
                };
                vec![one.by.clone(), one.choices.to_string(), elo]
            });
            let title = format!("Strength by {}", source.name);
            sections.push(Section::new(
                &title,
                &["by", "choices", "Elo"],
                rows.collect(),
            ));
        }
        for both in &self.comparisons {
            let [one, other] = &both.names;
            let title = format!("{one} against {other}");
            let rows = rows_of(both);
            sections.push(Section::new(&title, &["of", "number", "value"], rows));
            sections.extend(both.against_ratings.iter().map(section_of));
        }
        sections
    }
}

fn told(measured: Option<Measured>) -> String {
    measured.map_or("-".to_owned(), |measured| measured.to_string())
}

fn rows_of(both: &Comparison) -> Vec<Vec<String>> {
    let row = |of: &str, number: usize, value: Option<Measured>| {
        vec![of.to_owned(), number.to_string(), told(value)]
    };
    vec![
        row("agreement on pairs", both.pairs, both.agreement),
        row("the same, without ties", both.pairs, both.decided_agreement),
        row("Cohen's kappa on pairs", both.pairs, both.kappa),
        row(
            "where they differ, the first is for the longer",
            both.pairs,
            both.first_is_for_longer,
        ),
        row("Cohen's kappa of ratings", both.rated, both.rating_kappa),
        row(
            "kappa of ratings, squared distances",
            both.rated,
            both.squared_kappa,
        ),
        row("Pearson's correlation of ratings", both.rated, both.pearson),
        row(
            "Spearman's correlation of ratings",
            both.rated,
            both.spearman,
        ),
    ]
}

fn section_of(against: &AgainstRatings) -> Section {
    let title = format!(
        "Choices of {} against ratings of {}",
        against.choices_of, against.ratings_of
    );
    let mut rows: Vec<Vec<String>> = (against.groups.iter())
        .map(|(apart, count, share)| {
            vec![format!("up to {apart:.3}"), count.to_string(), told(*share)]
        })
        .collect();
    if against.alike > 0 {
        rows.push(vec![
            "rated alike".to_owned(),
            against.alike.to_string(),
            "-".to_owned(),
        ]);
    }
    Section::new(
        &title,
        &["ratings apart", "choices", "for the higher"],
        rows,
    )
}

impl std::fmt::Display for Report {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sections = self.sections();
        let texts: Vec<String> = sections.iter().map(ToString::to_string).collect();
        out.write_str(texts.join("\n\n").trim_end())
    }
}
