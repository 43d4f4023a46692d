//! A sandbox that is lost.

use super::*;

/// A judge whose sandbox is gone.
struct BrokenJudge;

impl Judge for BrokenJudge {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        String::new()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        match submission.program {
            None => Ok(Verdict::no_program(1).into()),
            Some(_) => Err(JudgeError::Incomplete {
                id: submission.problem.id.clone(),
                got: 0,
                expected: 1,
            }),
        }
    }

    fn gives_verdicts(&self) -> bool {
        true
    }
}

#[test]
fn a_lost_sandbox_gives_no_reward_and_moves_no_weight() {
    let config = config();
    let mut learner = learner(&config);
    let weights = |learner: &Learner| learner.policy.weights.tensors[3].to_data();
    let before = weights(&learner);
    let result = train::round(&mut learner, &BrokenJudge, &problems(), &config, 0);
    let Err(TrainError::Lost {
        played,
        answers,
        verdicts,
        ..
    }) = result
    else {
        panic!("a round that the sandbox lost was learnt from");
    };
    assert_eq!((played, answers), (24 * 4, 0));
    // Only answers without a program, which no sandbox was asked about, were graded.
    assert!(verdicts > 24 * 4 / 2, "{verdicts} of {played} episodes");
    assert_eq!(weights(&learner), before);
    assert_eq!(learner.policy_optimizer.steps(), 0);
}
