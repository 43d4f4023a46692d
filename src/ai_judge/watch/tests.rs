//! Hand-worked numbers, and bounds.

use super::*;

fn compared(forth: f64, back: f64) -> Compared {
    Compared {
        forth,
        back: Some(back),
        first_is_longer: None,
        first_is_own: None,
        first_is_right: None,
    }
}

#[test]
fn hand_worked_bias() {
    let watch = Watch::new("ai_pairwise", &AiConfig::default());
    // Says of the first answer 0.9 where it is shown first and 0.3 where it is shown second: it turns.
    assert!((compared(0.9, 0.3).share() - 0.6).abs() < 1e-12);
    watch.compared(Compared {
        first_is_longer: Some(true),
        first_is_own: Some(false),
        first_is_right: Some(true),
        ..compared(0.9, 0.3)
    });
    watch.compared(Compared {
        first_is_longer: Some(true),
        first_is_right: Some(true),
        ..compared(0.2, 0.4)
    });
    let state = watch.lock();
    assert_eq!((state.both.0, state.both.1), (2.0, 1.0));
    // (0.9 + 0.7) / 2 and (0.2 + 0.6) / 2.
    assert!((state.both.2 - 1.2).abs() < 1e-12);
    assert_eq!((state.longer, state.agreement()), ((2.0, 1.0), (2.0, 1.0)));
    assert_eq!(state.own, (1.0, 0.0));
    drop(state);
    let notes = watch.notes().join("\n");
    assert!(
        notes.contains("self: the answer that it would likelier give itself wins 0%")
            && notes.contains("position: 50%")
            && notes.contains("0.600 on average"),
        "{notes}"
    );
    assert!(watch.fault().is_none());
}

#[test]
fn scores_are_compared_within_problems_alone() {
    let watch = Watch::new("ai_rating", &AiConfig::default());
    for (problem, text, value, right) in [
        ("a", "good", 7.0, true),
        ("a", "bad", 3.0, false),
        ("a", "worse", 7.0, false),
        ("b", "alone", 1.0, true),
    ] {
        watch.scored(problem, text, value);
        watch.graded(problem, text, right);
    }
    watch.graded("c", "never scored", true);
    assert_eq!(watch.lock().agreement(), (2.0, 1.5));
    assert_eq!(watch.lock().correlation(), None);
    for size in 1..=12 {
        watch.scored("d", &"x".repeat(size), size as f64);
    }
    watch.lock().scored.retain(|(problem, _), _| problem == "d");
    let correlation = watch.lock().correlation().unwrap();
    assert!((correlation - 1.0).abs() < 1e-12, "{correlation}");
}

#[test]
fn a_bound_holds_once_enough_is_known() {
    let watch = Watch::new("ai_pairwise", &AiConfig::default());
    for number in 0..9 {
        watch.compared(compared(0.9, 0.1));
        assert!(watch.fault().is_none(), "{number}");
    }
    watch.compared(compared(0.9, 0.1));
    let fault = watch.fault().unwrap();
    assert!(
        fault.contains("10 of 10") && fault.contains("max_flips is 0.4"),
        "{fault}"
    );
    // Half of ten may be chance.
    let watch = Watch::new("ai_pairwise", &AiConfig::default());
    (0..5).for_each(|_| watch.compared(compared(0.9, 0.1)));
    (0..5).for_each(|_| watch.compared(compared(0.9, 0.9)));
    assert!(watch.fault().is_none());

    let watch = Watch::new("ai_rating", &AiConfig::default());
    (0..12).for_each(|_| watch.silent(&Silence::Cut));
    assert!(watch.fault().unwrap().contains("no opinion in 12 of 12"));
    let config = AiConfig {
        min_agreement: 0.6,
        max_longer: 0.7,
        ..AiConfig::default()
    };
    let bad = |first_is_longer, first_is_right| {
        let watch = Watch::new("ai_pairwise", &config);
        (0..12).for_each(|_| {
            watch.compared(Compared {
                first_is_longer,
                first_is_right,
                ..compared(0.9, 0.9)
            });
        });
        watch.fault()
    };
    assert!(
        bad(None, Some(false))
            .unwrap()
            .contains("min_agreement is 0.6")
    );
    assert!(bad(Some(true), None).unwrap().contains("max_longer is 0.7"));
    assert_eq!(bad(Some(false), Some(true)), None);
}
