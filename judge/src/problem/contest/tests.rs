//! What must hold of the set whatever the seed.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::composition::{constants, families};
use super::family::Constant;
use super::*;
use crate::problem::TestCase;

fn small(seed: u64) -> ContestConfig {
    ContestConfig {
        seed,
        train: 240,
        validation: 80,
        test: 80,
        ..ContestConfig::default()
    }
}

fn stdin(test: &TestCase) -> (&str, &str) {
    match test {
        TestCase::Stdin { input, expected } => (input, expected),
        other => panic!("a contest test reads standard input: {other:?}"),
    }
}

fn family_names(items: &[ContestItem]) -> BTreeSet<&'static str> {
    items
        .iter()
        .flat_map(|item| item.pipeline.steps.iter().map(|step| step.family.name))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn no_held_out_solution_occurs_in_the_train_split_of_any_seed(left: u64, right: u64) {
        let texts = |split, seed| -> BTreeSet<String> {
            items(split, &small(seed)).into_iter().flat_map(|item| item.variants).collect()
        };
        let train = texts(Split::Train, left);
        let validation = texts(Split::Validation, right);
        let test = texts(Split::Test, right);
        prop_assert!(train.is_disjoint(&test));
        prop_assert!(train.is_disjoint(&validation));
        prop_assert!(validation.is_disjoint(&test));
        let mut rng = ChaCha8Rng::seed_from_u64(left);
        for item in items(Split::Train, &small(left)) {
            prop_assert!(mistake(&item, &mut rng).is_none_or(|wrong| !test.contains(&wrong)));
        }
    }

    #[test]
    fn each_silent_statement_comes_once_with_each_option_and_its_first_test_tells_them_apart(seed: u64) {
        let mut by_statement = BTreeMap::<String, Vec<ContestItem>>::new();
        for item in items(Split::Train, &small(seed)) {
            by_statement.entry(item.problem.statement.clone()).or_default().push(item);
        }
        for siblings in by_statement.values() {
            let first: Vec<_> = siblings.iter().map(|item| stdin(&item.problem.public_tests[0])).collect();
            let inputs: BTreeSet<_> = first.iter().map(|(input, _)| *input).collect();
            let expected: BTreeSet<_> = first.iter().map(|(_, expected)| expected.trim()).collect();
            let chosen: BTreeSet<_> = siblings.iter().map(|item| item.option).collect();
            prop_assert_eq!(inputs.len(), 1);
            prop_assert_eq!(expected.len(), siblings.len());
            prop_assert!(!expected.contains(""));
            prop_assert_eq!(chosen, (0..siblings.len()).collect::<BTreeSet<_>>());
            for item in siblings {
                prop_assert_eq!(options(&item.problem), siblings.len());
                prop_assert_eq!(item.variants.len(), siblings.len());
                prop_assert_eq!(&item.problem.references[0].source, &item.variants[item.option]);
            }
        }
    }

    #[test]
    fn problems_are_short_whole_and_beyond_a_constant(seed: u64) {
        for split in Split::ALL {
            let problems = generate(split, &small(seed));
            prop_assert_eq!(problems.len(), small(seed).size(split));
            let ids: BTreeSet<_> = problems.iter().map(|problem| &problem.id).collect();
            prop_assert_eq!(ids.len(), problems.len());
            for problem in &problems {
                let source = &problem.references[0].source;
                prop_assert!(problem.statement.len() <= 120 && source.len() <= 140);
                for placeholder in ["{k}", "{o}", "{c}", "{v}", "{r}"] {
                    prop_assert!(!problem.statement.contains(placeholder) && !source.contains(placeholder));
                }
                prop_assert_eq!((problem.public_tests.len(), problem.private_tests.len()), (3, 5));
                let tests: Vec<_> = problem.public_tests.iter().chain(&problem.private_tests).map(stdin).collect();
                let inputs: BTreeSet<_> = tests.iter().map(|(input, _)| input).collect();
                prop_assert_eq!(inputs.len(), tests.len());
                for (_, expected) in &tests {
                    prop_assert!(tests.iter().filter(|(_, other)| other == expected).count() <= 5);
                }
            }
        }
    }

    #[test]
    fn mistakes_are_broken_or_print_something_else_on_a_public_test(seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for item in items(Split::Validation, &small(seed)) {
            let Some(wrong) = mistake(&item, &mut rng) else { continue };
            let reference = &item.variants[item.option];
            let read = reference.lines().next().unwrap();
            let broken = !wrong.starts_with(read) || !wrong.ends_with(")\n");
            let differs = mistakes::wrong_pipelines(&item.pipeline)
                .into_iter()
                .chain(mistakes::misread_pipelines(&item.pipeline))
                .filter(|pipeline| pipeline.solution() == wrong)
                .any(|pipeline| {
                    item.problem.public_tests.iter().zip(&item.public_inputs).any(|(test, input)| {
                        pipeline.output(input).as_deref() != Some(stdin(test).1)
                    })
                });
            prop_assert!(broken || differs, "{}\n{}", item.problem.statement, wrong);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    let bytes = |seed| serde_json::to_string(&generate(Split::Test, &small(seed))).unwrap();
    assert_eq!(bytes(7), bytes(7));
    assert_ne!(bytes(7), bytes(8));
}

#[test]
fn the_default_set_has_its_size_its_ceiling_and_its_families() {
    let config = ContestConfig::default();
    let train = items(Split::Train, &config);
    let trained = family_names(&train);
    let texts: BTreeSet<_> = train
        .iter()
        .map(|item| (&item.problem.statement, item.option))
        .collect();
    assert_eq!(texts.len(), 4_000);
    for split in Split::ALL {
        let items = items(split, &config);
        let names = family_names(&items);
        assert!(names.len() >= 24, "{split:?} has {} families", names.len());
        assert!(
            names.is_subset(&trained),
            "{split:?} has families that training never shows"
        );
        let problems: Vec<_> = items.into_iter().map(|item| item.problem).collect();
        assert_eq!(problems.len(), config.size(split));
        assert!((single_turn_ceiling(&problems) - 0.4).abs() < 1e-9);
    }
}

#[test]
fn the_ceiling_is_the_mean_of_one_over_the_options() {
    let problem = generate(Split::Test, &small(0)).remove(0);
    let with = |options: Option<&str>| {
        let mut problem = problem.clone();
        problem.labels.remove("options");
        problem
            .labels
            .extend(options.map(|options| ("options".to_owned(), options.to_owned())));
        problem
    };
    assert_eq!(single_turn_ceiling(&[]), 0.0);
    assert_eq!(
        single_turn_ceiling(&[
            with(Some("4")),
            with(Some("2")),
            with(Some("1")),
            with(None)
        ]),
        0.6875
    );
}

#[test]
fn constants_of_the_splits_are_disjoint_and_no_digit_is_held_out_everywhere() {
    let mut trained = BTreeSet::new();
    for family in families().filter(|family| family.constant != Constant::None) {
        let of = |split| {
            constants(family, split)
                .into_iter()
                .collect::<BTreeSet<_>>()
        };
        let (train, validation, test) = (of(Split::Train), of(Split::Validation), of(Split::Test));
        assert!(
            !train.is_empty() && !validation.is_empty() && !test.is_empty(),
            "{}",
            family.name
        );
        assert!(
            train.is_disjoint(&validation)
                && train.is_disjoint(&test)
                && validation.is_disjoint(&test)
        );
        trained.extend(train);
    }
    assert!((0..=9).all(|digit| trained.contains(&digit)));
}

#[test]
fn no_mistake_in_a_lesson_holds_a_constant_of_another_split() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut foreign, mut near) = (0, 0);
    for item in items(Split::Train, &small(11)) {
        let all: Vec<Pipeline> = mistakes::wrong_pipelines(&item.pipeline)
            .into_iter()
            .chain(mistakes::misread_pipelines(&item.pipeline))
            .collect();
        let outside = |pipeline: &&Pipeline| !mistakes::is_within(pipeline, Split::Train);
        foreign += all.iter().filter(outside).count();
        let constants_of = |pipeline: &Pipeline| -> Vec<i64> {
            pipeline.steps.iter().map(|step| step.constant).collect()
        };
        for _ in 0..20 {
            let Some(source) = mistake(&item, &mut rng) else {
                continue;
            };
            let Some(wrong) = all.iter().find(|wrong| wrong.solution() == source) else {
                // Broken text of its own solution.
                continue;
            };
            for step in &wrong.steps {
                let values = constants(step.family, Split::Train);
                assert!(
                    values.contains(&step.constant),
                    "{} of {} in {source}",
                    step.constant,
                    step.family.name
                );
            }
            let (own, its) = (constants_of(&item.pipeline), constants_of(wrong));
            near += usize::from(own.len() == its.len() && own != its);
        }
    }
    // There was something to leave out, and a constant off by one is still among the mistakes.
    assert!(foreign > 50 && near > 50, "{foreign} {near}");
}

#[test]
fn a_small_world_ends_early_and_keeps_to_its_shapes() {
    let config = ContestConfig {
        validation: 1_000_000,
        reads: vec![Shape::Pair],
        ..ContestConfig::default()
    };
    let items = items(Split::Validation, &config);
    assert!(!items.is_empty() && items.len() < 1_000_000);
    assert!(items.iter().all(|item| item.pipeline.reads == Shape::Pair));
    assert!(
        generate(
            Split::Train,
            &ContestConfig {
                reads: Vec::new(),
                ..ContestConfig::default()
            }
        )
        .is_empty()
    );
}

#[test]
fn longer_problems_are_new_to_the_set_and_hold_no_test_solution() {
    let with = |split, longest| -> BTreeSet<String> {
        let config = ContestConfig {
            longest,
            ..small(1)
        };
        let items = items(split, &config);
        items.into_iter().flat_map(|item| item.variants).collect()
    };
    let steps = |solution: &String| solution.lines().count() - 1;
    let train = with(Split::Train, LONGEST + 1);
    assert!(train.iter().any(|solution| steps(solution) > LONGEST));
    assert!(train.is_disjoint(&with(Split::Test, LONGEST)));
    assert!(train.is_disjoint(&with(Split::Validation, LONGEST)));
}

#[test]
fn names_of_splits_are_read_and_nothing_else() {
    assert_eq!(parse_spec("contest:train"), Some(Split::Train));
    assert_eq!(parse_spec("contest:validation"), Some(Split::Validation));
    assert_eq!(parse_spec("contest:test"), Some(Split::Test));
    assert_eq!(
        [
            "contest",
            "contest:",
            "contest:tests",
            "test",
            "Contest:test"
        ]
        .map(parse_spec),
        [None; 5]
    );
}

#[test]
fn the_summary_counts_what_the_labels_say() {
    let config = ContestConfig {
        test: 10,
        hidden_share: 0.8,
        ..ContestConfig::default()
    };
    let text = summary(&generate(Split::Test, &config));
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0].starts_with("10 problems, 4 statements, "),
        "{text}"
    );
    assert!(
        lines[1].starts_with("a detail left out: 80.0 % (") && lines[1].matches(" 4").count() == 2,
        "{text}"
    );
    assert_eq!(lines[2], "single-turn ceiling: 0.4000");
}
