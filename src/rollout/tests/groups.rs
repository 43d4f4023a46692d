//! What whoever takes groups is given.

use super::*;

/// Groups come in the order of the problems, each as soon as those before it are over.
#[test]
fn groups_are_handed_over_in_order() {
    let set = problems(6);
    let some: Vec<&Problem> = set.iter().collect();
    let mut seen = Vec::new();
    let talker = Talker {
        threads: 4,
        pace: 1,
    };
    play_each(
        &talker,
        &Toy::default(),
        &some,
        (&config(FeedbackSource::Real), &RewardRule::default()),
        5,
        &mut |group, stats| {
            seen.push((group.problem_id, stats.programs));
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    let ids: Vec<&str> = seen.iter().map(|(id, _)| &**id).collect();
    assert_eq!(ids, ["p0", "p1", "p2", "p3", "p4", "p5"]);
    assert!(seen.is_sorted_by_key(|(_, programs)| *programs));
    assert!(seen[0].1 > 0);
}

#[test]
fn whoever_takes_groups_may_have_enough() {
    let set = problems(9);
    let some: Vec<&Problem> = set.iter().collect();
    for (threads, enough) in [(1, 1), (4, 3), (30, 8)] {
        let mut seen = Vec::new();
        let talker = Talker { threads, pace: 1 };
        let ended = play_each(
            &talker,
            &Toy::default(),
            &some,
            (&config(FeedbackSource::Real), &RewardRule::default()),
            5,
            &mut |group, _| {
                seen.push(group.problem_id);
                if seen.len() < enough {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            },
        );
        assert!(matches!(ended, Err(PolicyError::Stopped)), "{ended:?}");
        let ids: Vec<String> = (0..enough).map(|number| format!("p{number}")).collect();
        assert_eq!(seen, ids);
    }
}

/// Stops after some requests, as a policy does that was told to.
struct Stops(usize);

impl Policy for Stops {
    fn sample(&self, queue: &dyn SampleQueue, _: &Sampling) -> Result<(), PolicyError> {
        for _ in 0..self.0 {
            if let Next::Request(number, request) = queue.next(Wait::Always) {
                queue.on_sample(number, said(&request), None);
            }
        }
        Ok(())
    }
}

#[test]
fn a_policy_that_stops_ends_the_rollout_wherever_it_does() {
    let set = problems(2);
    let some: Vec<&Problem> = set.iter().collect();
    for count in [0, 1, 4] {
        let error = play(
            &Stops(count),
            &Toy::default(),
            &some,
            &config(FeedbackSource::Real),
            5,
        );
        assert!(matches!(error, Err(PolicyError::Stopped)), "{error:?}");
    }
}

#[test]
fn a_rollout_of_nothing_is_nothing() {
    let config = config(FeedbackSource::Random);
    let (groups, stats) = play(&Stops(1), &Toy::default(), &[], &config, 5).unwrap();
    assert_eq!((groups, stats.programs), (Vec::new(), 0));
}
