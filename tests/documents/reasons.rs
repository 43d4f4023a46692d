//! The pages that say why: every method that there is stands there, with the numbers that the code has.

use std::path::Path;

use rlef::objective;
use rlef::statistics::{bootstrap, paired};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_objective_is_on_the_page_with_its_file() {
    let page = page("methods.md");
    let own = |name: &str| {
        let path = format!("src/objective/{name}.rs");
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
    };
    // Other tests register what is theirs.
    for (name, _) in objective::names().into_iter().filter(|(name, _)| own(name)) {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/methods.md lacks {name}"));
        assert!(row.contains(&format!("/{name}.rs)")), "{row}");
    }
    // Nothing stands there that is none.
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let name = line.split('`').nth(1).unwrap();
        let mut names = objective::names().into_iter().map(|(name, _)| name);
        assert!(names.any(|known| known == name), "{line}");
    }
}

#[test]
fn the_numbers_of_the_statistics_are_the_codes() {
    let page = page("statistics.md");
    for number in [bootstrap::RESAMPLES, paired::FLIPS] {
        let text = format!("{},{:03}", number / 1000, number % 1000);
        assert!(page.contains(&text), "{text}");
    }
}
