//! Problems without public tests → the same with some of their private tests public. A test is moved and never copied: the
//! last answer is graded on public and private tests together, so that each still counts once, and what is private is still
//! never shown.

use crate::problem::Problem;

/// Makes the first `count` private tests of every problem without a public one public, as far as one stays private. Says how
/// many problems have public tests now that had none.
pub fn split_public(problems: &mut [Problem], count: usize) -> usize {
    let mut split = 0;
    for problem in problems {
        let moved = count.min(problem.private_tests.len().saturating_sub(1));
        if problem.public_tests.is_empty() && moved > 0 {
            problem.public_tests = problem.private_tests.drain(..moved).collect();
            split += 1;
        }
    }
    split
}

#[cfg(test)]
mod tests {
    use super::super::held_out::tests::problem;
    use super::*;

    #[test]
    fn tests_are_moved_and_one_stays_private() {
        let private = |tests: usize, public: bool| {
            let mut one = problem("p", "Add.");
            let test = one.private_tests[0].clone();
            one.private_tests = vec![test; tests];
            if !public {
                one.public_tests.clear();
            }
            one
        };
        let mut all = [
            private(5, false),
            private(2, false),
            private(1, false),
            private(5, true),
        ];
        assert_eq!(split_public(&mut all, 2), 2);
        let counts = all.map(|one| (one.public_tests.len(), one.private_tests.len()));
        assert_eq!(counts, [(2, 3), (1, 1), (0, 1), (1, 5)]);
    }
}
