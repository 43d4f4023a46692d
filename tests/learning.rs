//! The whole loop with a toy world and a fake judge: it learns; it repeats to the byte; and a run
//! that was killed continues as if it had not been.
//!
//! The world: a statement names a word and leaves a digit out; the program must print that digit, which only the
//! feedback tells.

use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::Device;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rlef::checkpoint::tokenizer::Tokenizer;
use rlef::checkpoint::{self, Precision};
use rlef::config::{TrainConfig, ValueHead};
use rlef::episode::Episode;
use rlef::examples::Example;
use rlef::journal::EpisodeRecord;
use rlef::judge::{Judge, Judgement, Submission};
use rlef::model::decoder::Decoder;
use rlef::policy::ModelPolicy;
use rlef::problem::{Problem, TestCase};
use rlef::program::Program;
use rlef::rollout::{self, RolloutConfig};
use rlef::run::Run;
use rlef::sft::{self, SftConfig, ShapeConfig, StageConfig};
use rlef::train::{self, Learner, TrainError};
use rlef::verdict::{Failure, Grade, JudgeError, Scope, Verdict};
use rlef_sandbox::Cancel;

const DIGITS: usize = 4;
const WORDS: [&str; 6] = ["apple", "stone", "river", "cloud", "tiger", "paper"];

/// "Runs" a program by reading the digit out of its text.
pub(crate) struct ToyGrader;

impl Judge for ToyGrader {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        String::new()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        let program = submission.program;
        let verdict = program.map_or(Verdict::no_program(1), |program| {
            judged(submission.problem, program)
        });
        Ok(verdict.into())
    }

    fn gives_verdicts(&self) -> bool {
        true
    }
}

fn judged(problem: &Problem, program: &Program) -> Verdict {
    let TestCase::Stdin { input, expected } = &problem.public_tests[0] else {
        unreachable!("all tests are stdin")
    };
    let got: String = program
        .source
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let accepted = got == *expected && program.source.starts_with("print(");
    let failure = Failure {
        test: 0,
        grade: Grade::WrongAnswer,
        input: input.clone(),
        expected: expected.clone(),
        got,
        trace: String::new(),
    };
    Verdict {
        grade: if accepted {
            Grade::Accepted
        } else {
            Grade::WrongAnswer
        },
        passed: usize::from(accepted),
        total: 1,
        failures: if accepted { Vec::new() } else { vec![failure] },
        cpu_ms: 0.0,
        wall_ms: 0.0,
        fuel: None,
    }
}

pub(crate) fn problems() -> Vec<Problem> {
    let all = WORDS
        .iter()
        .flat_map(|word| (0..DIGITS).map(move |digit| (word, digit)));
    all.map(|(word, digit)| Problem {
        id: format!("{word}{digit}"),
        statement: format!("Print the digit of {word}."),
        public_tests: vec![TestCase::Stdin {
            input: String::new(),
            expected: digit.to_string(),
        }],
        private_tests: Vec::new(),
        limits: rlef_sandbox::Limits::default(),
        comparison: rlef::comparator::Comparison::Lines,
        preamble: String::new(),
        references: Vec::new(),
        wrong: Vec::new(),
        files: None,
        labels: std::collections::BTreeMap::new(),
    })
    .collect()
}

pub(crate) fn answer(digit: usize) -> String {
    format!("```python\nprint({digit})\n```")
}

/// A decoder that has seen the form of answers and feedback, with digits mostly drawn at random.
fn starter() -> (Decoder, Tokenizer) {
    let feedback = |wanted: usize, got: usize| format!("input:\nexpected: {wanted}\ngot: {got}\n");
    let problems = problems();
    let mut texts: Vec<String> = problems
        .iter()
        .map(|problem| problem.statement.clone())
        .collect();
    texts.extend(
        (0..DIGITS * DIGITS).flat_map(|i| [answer(i % DIGITS), feedback(i / DIGITS, i % DIGITS)]),
    );
    let tokenizer = Tokenizer::train(&texts, 300).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut examples = Vec::new();
    for _ in 0..600 {
        let problem = &problems[rng.random_range(0..problems.len())];
        let mut turns = vec![(problem.statement.clone(), String::new()); 2];
        let wanted = rng.random_range(0..DIGITS);
        for turn in 0..2 {
            // Some of the second answers follow the feedback: reinforcement has something to find.
            let follows = turn == 1 && rng.random_bool(0.3);
            let digit = if follows {
                wanted
            } else {
                rng.random_range(0..DIGITS)
            };
            turns[turn].1 = answer(digit);
            if turn == 0 {
                turns[1].0 = feedback(wanted, digit);
            }
        }
        let turns = turns.iter().map(|(asked, said)| (&**asked, &**said));
        examples.push(Example::of_turns(turns, &tokenizer).unwrap());
    }
    let config = SftConfig {
        batch: 20,
        ..SftConfig::default()
    };
    let stage = StageConfig {
        epochs: 15,
        ..StageConfig::default()
    };
    let shape = ShapeConfig {
        hidden: 32,
        intermediate: 64,
        layers: 2,
        heads: 2,
        key_value_heads: 1,
        context: 160,
    };
    let mut decoder = Decoder::random(&shape.config(tokenizer.vocab_size()), 3, &Device::flex());
    let passed_over = sft::train(&mut decoder, &examples, &config, &stage, |_| {});
    assert_eq!(passed_over, Ok(0));
    (decoder, tokenizer)
}

pub(crate) fn config() -> TrainConfig {
    let mut config = TrainConfig {
        rounds: 30,
        problems_per_round: 24,
        updates_per_round: 4,
        ..TrainConfig::default()
    };
    config.rollout.group = 4;
    config.rollout.turns = 2;
    config.rollout.sampling.max_tokens = 16;
    config.policy_optimizer.learning_rate = 8e-4;
    config.policy_optimizer.warmup_steps = 5;
    config.value_optimizer.learning_rate = 2e-3;
    config.value_optimizer.warmup_steps = 5;
    config.resources.checkpoint_every = 2;
    config
}

pub(crate) fn learner(config: &TrainConfig) -> Learner {
    static STARTER: OnceLock<(Decoder, Tokenizer)> = OnceLock::new();
    let (policy, tokenizer) = STARTER.get_or_init(starter).clone();
    Learner::new(policy, tokenizer, config, None).unwrap()
}

/// Share of toy problems the policy solves in two turns.
pub(crate) fn solve_rate(learner: &Learner, problems: &[Problem]) -> f64 {
    let config = RolloutConfig {
        group: 16,
        ..config().rollout
    };
    let some: Vec<&Problem> = problems.iter().collect();
    let policy = ModelPolicy {
        decoder: &learner.policy,
        tokenizer: &learner.tokenizer,
        batch: 64,
    };
    let (groups, _) = rollout::play(&policy, &ToyGrader, &some, &config, 99).unwrap();
    let episodes: Vec<&Episode> = groups.iter().flat_map(|group| &group.episodes).collect();
    let solved = episodes
        .iter()
        .filter(|episode| episode.is_solved())
        .count();
    solved as f64 / episodes.len() as f64
}

/// Six problems with one answer: reinforcement must find and prefer it, which no demonstration did.
#[test]
fn a_policy_learns_what_is_rewarded() {
    let mut config = config();
    config.rollout.group = 16;
    let mut learner = learner(&config);
    let two = |problem: &Problem| problem.id.ends_with('2');
    let problems: Vec<Problem> = problems().into_iter().filter(two).collect();
    let before = solve_rate(&learner, &problems);
    for round in 0..config.rounds {
        let (_, metrics, _) =
            train::round(&mut learner, &ToyGrader, &problems, &config, round).unwrap();
        assert!(
            metrics.first_ratio_gap == 0.0,
            "round {round}: the first update's ratio is off by {}",
            metrics.first_ratio_gap
        );
        assert!(
            metrics.sampler_gap_max < 1e-4,
            "round {round}: sampler and trainer differ by {}",
            metrics.sampler_gap_max
        );
        assert_eq!(metrics.aborted, 0);
    }
    let after = solve_rate(&learner, &problems);
    assert!(before < 0.7, "the starter solves {before} already");
    assert!(
        after > before + 0.2,
        "solves {before} before and {after} after"
    );
}

/// The same without a value network: an episode against the others of its problem.
#[test]
fn a_policy_learns_what_is_rewarded_by_grpo() {
    let mut config = config();
    config.rollout.group = 16;
    config.objective.algorithm = "grpo".into();
    let mut learner = learner(&config);
    let two = |problem: &Problem| problem.id.ends_with('2');
    let problems: Vec<Problem> = problems().into_iter().filter(two).collect();
    assert!(learner.value.is_none() && learner.policy.value_head().is_none());
    let before = solve_rate(&learner, &problems);
    for round in 0..config.rounds {
        let (_, metrics, _) =
            train::round(&mut learner, &ToyGrader, &problems, &config, round).unwrap();
        assert_eq!((metrics.first_ratio_gap, metrics.value_loss), (0.0, 0.0));
    }
    let after = solve_rate(&learner, &problems);
    assert!(
        after > before + 0.2,
        "solves {before} before and {after} after"
    );
}

/// The same with values read from the policy's own hidden states: one body learns both.
#[test]
fn a_policy_that_shares_its_body_with_the_values_learns_what_is_rewarded() {
    let mut config = config();
    config.rollout.group = 16;
    config.objective.value_head = ValueHead::Shared;
    config.objective.value_coefficient = 0.5;
    let mut learner = learner(&config);
    let two = |problem: &Problem| problem.id.ends_with('2');
    let problems: Vec<Problem> = problems().into_iter().filter(two).collect();
    let before = solve_rate(&learner, &problems);
    let mut value_losses = Vec::new();
    for round in 0..config.rounds {
        let (_, metrics, _) =
            train::round(&mut learner, &ToyGrader, &problems, &config, round).unwrap();
        assert!(metrics.first_ratio_gap == 0.0 && metrics.sampler_gap_max < 1e-4);
        value_losses.push(metrics.value_loss);
    }
    let after = solve_rate(&learner, &problems);
    assert!(
        after > before + 0.2,
        "solves {before} before and {after} after"
    );
    let head = learner.policy.value_head().unwrap().clone();
    assert!(head.abs().max().into_scalar::<f32>() > 1e-3);
    let [first, last] = [&value_losses[..3], &value_losses[value_losses.len() - 3..]]
        .map(|losses| losses.iter().sum::<f64>() / 3.0);
    assert!(last < 0.7 * first, "value losses {value_losses:?}");
}

#[test]
fn a_sampler_gap_past_the_bound_stops_before_any_weight_moves() {
    let mut config = config();
    let mut learner = learner(&config);
    // What rounding leaves between the two is above this.
    config.objective.max_sampler_gap = 1e-12;
    let weights = |learner: &Learner| {
        let value = &learner.value.as_ref().unwrap().decoder;
        [&learner.policy, value].map(|network| network.weights.tensors[3].to_data())
    };
    let before = weights(&learner);
    let result = train::round(&mut learner, &ToyGrader, &problems(), &config, 0);
    let Err(TrainError::SamplerGap { largest, bound, .. }) = result else {
        panic!("the round went on");
    };
    assert!(largest > bound && largest < 1e-4, "{largest}");
    assert_eq!(weights(&learner), before);
    config.objective.max_sampler_gap = f64::INFINITY;
    train::round(&mut learner, &ToyGrader, &problems(), &config, 0).unwrap();
    assert_ne!(weights(&learner), before);
}

/// Plays rounds of a run as the command does, and stops without a word after `until`.
fn play(folder: &Path, value_head: ValueHead, resume: bool, until: usize) {
    let (mut run, config, mut progress) = if resume {
        Run::resume(folder).unwrap()
    } else {
        let mut config = TrainConfig {
            rounds: 5,
            ..config()
        };
        config.objective.value_head = value_head;
        (
            Run::create(folder, &config).unwrap(),
            config,
            rlef::run::Progress::default(),
        )
    };
    let mut learner = learner(&config);
    run.restore(&mut learner, &progress, &Device::flex())
        .unwrap();
    while progress.rounds < until {
        let step = learner.policy_optimizer.steps();
        let (groups, metrics, timings) = train::round(
            &mut learner,
            &ToyGrader,
            &problems(),
            &config,
            progress.rounds,
        )
        .unwrap();
        run.record(step, &groups, &metrics, &timings).unwrap();
        progress.rounds += 1;
        if progress.rounds % config.resources.checkpoint_every == 0 {
            run.checkpoint(&learner, progress.rounds).unwrap();
        }
    }
}

#[test]
fn a_killed_run_continues_as_if_it_had_not_been() {
    continues(ValueHead::Separate);
}

#[test]
fn a_killed_run_with_a_shared_body_continues_as_if_it_had_not_been() {
    continues(ValueHead::Shared);
}

fn continues(value_head: ValueHead) {
    let directory = tempfile::tempdir().unwrap();
    let (whole, killed) = (
        directory.path().join("whole"),
        directory.path().join("killed"),
    );
    play(&whole, value_head, false, 5);
    play(&killed, value_head, false, 3);
    // The third round is past the last checkpoint; a half-written line follows it.
    let journal = killed.join("journal.jsonl");
    let mut text = std::fs::read(&journal).unwrap();
    text.extend_from_slice(b"{\"step\": 12, \"prob");
    std::fs::write(&journal, text).unwrap();
    play(&killed, value_head, true, 5);
    for name in ["journal.jsonl", "metrics.jsonl"] {
        let (a, b) = (
            std::fs::read(whole.join(name)).unwrap(),
            std::fs::read(killed.join(name)).unwrap(),
        );
        assert!(a == b, "{name} differs");
    }
    let records: Vec<EpisodeRecord> = rlef::journal::read(&journal).unwrap();
    assert_eq!(records.len(), 5 * 24 * 4);
}

#[test]
fn a_run_is_not_started_over_another() {
    let directory = tempfile::tempdir().unwrap();
    Run::create(directory.path(), &config()).unwrap();
    let message = Run::create(directory.path(), &config())
        .err()
        .unwrap()
        .to_string();
    assert!(message.contains("--resume"), "{message}");
}

/// A judge whose sandbox is gone.
struct BrokenGrader;

impl Judge for BrokenGrader {
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
    let result = train::round(&mut learner, &BrokenGrader, &problems(), &config, 0);
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

/// Every weight of a decoder as bits.
pub(crate) fn bits(decoder: &Decoder) -> Vec<u32> {
    let tensors = decoder.trained().tensors.iter();
    tensors
        .flat_map(|tensor| tensor.clone().inner().into_data().try_to_vec::<f32>())
        .flatten()
        .map(f32::to_bits)
        .collect()
}

/// A rate at which the first step leaves weights that are finite and cannot be learnt from.
fn exploding() -> TrainConfig {
    let mut config = config();
    config.policy_optimizer.learning_rate = 1e30;
    config.policy_optimizer.warmup_steps = 0;
    config.updates_per_round = 4;
    config
}

#[test]
fn a_gradient_that_is_no_number_moves_nothing_and_is_counted() {
    let config = exploding();
    let mut learner = learner(&config);
    let (groups, metrics, timings) =
        train::round(&mut learner, &ToyGrader, &problems(), &config, 0).unwrap();
    // The first update was taken, and there is no gradient at where it led.
    assert_eq!((metrics.step, metrics.skipped_updates), (1, 3));
    assert_eq!(metrics.skipped_value_updates, 0);
    let weights = bits(&learner.policy);
    let finite = |bits: &u32| f32::from_bits(*bits).is_finite();
    assert!(weights.iter().all(finite));
    let numbers = [
        metrics.gradient_norm,
        metrics.policy_loss,
        metrics.approx_kl,
    ];
    assert!(
        numbers.iter().all(|number| number.is_finite()),
        "{metrics:?}"
    );
    let diverged = learner.diverged().unwrap().to_string();
    assert!(
        diverged.contains("gradient of the policy") && diverged.contains("3 updates in a row"),
        "{diverged}"
    );
    assert!(learner.is_in_doubt());
    // Its line of metrics can be read.
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::create(folder.path(), &config).unwrap();
    run.record(0, &groups, &metrics, &timings).unwrap();
    let text = std::fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let read: train::RoundMetrics = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(read.skipped_updates, 3, "{text}");
    // Another round of it moves no weight either.
    match train::round(&mut learner, &ToyGrader, &problems(), &config, 1) {
        Ok((_, metrics, _)) => assert_eq!(metrics.skipped_updates, 4),
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains("the policy's"), "{message}");
        }
    }
    assert_eq!(bits(&learner.policy), weights);
}

/// Multiplies one matrix of a network.
fn spoil(decoder: &mut Decoder, place: usize, factor: f32) {
    decoder.weights.tensors[place] = decoder.weights.tensors[place].clone() * factor;
}

#[test]
fn networks_that_compute_no_number_are_named_and_nothing_moves() {
    let config = config();
    let play = |learner: &mut Learner| {
        let before = bits(&learner.policy);
        let result = train::round(learner, &ToyGrader, &problems(), &config, 0);
        assert_eq!(bits(&learner.policy), before);
        result.err().unwrap()
    };
    let fault = |learner: &Learner| {
        let folder = tempfile::tempdir().unwrap();
        let mut run = Run::create(folder.path(), &config).unwrap();
        let message = run.checkpoint(learner, 1).unwrap_err().to_string();
        let left = std::fs::read_dir(folder.path().join("checkpoints")).unwrap();
        assert_eq!(left.count(), 0);
        message
    };

    let mut broken = learner(&config);
    spoil(&mut broken.policy, 0, f32::NAN);
    let message = fault(&broken);
    assert!(message.contains("the policy computes"), "{message}");
    let error = play(&mut broken);
    assert!(error.is_of_weights());
    let message = error.to_string();
    assert!(
        message.contains("the policy's log-probability of a token is NaN"),
        "{message}"
    );

    let mut broken = learner(&config);
    spoil(&mut broken.value.as_mut().unwrap().decoder, 0, f32::NAN);
    let message = fault(&broken);
    assert!(message.contains("the value network computes"), "{message}");
    let message = play(&mut broken).to_string();
    assert!(message.contains("a value is NaN"), "{message}");
}

#[test]
fn weights_that_are_no_numbers_in_their_type_are_not_saved() {
    let learner = learner(&config());
    let place = learner.policy.weights.tensors.len() - 1;
    let name = learner.policy.weights.names[place].clone();
    for (factor, precision) in [
        (f32::NAN, Precision::F32),
        (f32::INFINITY, Precision::Bf16),
        // A number of four bytes, and none of two.
        (1e9, Precision::F16),
    ] {
        let mut policy = learner.policy.clone();
        spoil(&mut policy, place, factor);
        let folder = tempfile::tempdir().unwrap();
        let saved = checkpoint::save(folder.path(), &policy, &learner.tokenizer, precision);
        let message = saved.unwrap_err().to_string();
        assert!(
            message.contains(&name) && message.contains("no finite number"),
            "{message}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_reference_that_computes_no_number_is_named_and_nothing_moves() {
    let config = config();
    let mut learner = learner(&config);
    spoil(&mut learner.reference, 0, f32::NAN);
    let before = bits(&learner.policy);
    let message = train::round(&mut learner, &ToyGrader, &problems(), &config, 0)
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.contains("the reference's log-probability"),
        "{message}"
    );
    assert_eq!(bits(&learner.policy), before);
}

#[test]
fn an_exploded_checkpoint_never_takes_the_place_of_a_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let config = config();
    let mut learner = learner(&config);
    let mut run = Run::create(folder.path(), &config).unwrap();
    let good = run.checkpoint(&learner, 1).unwrap();
    let text = std::fs::read(good.join("model.safetensors")).unwrap();
    let place = learner.policy.weights.tensors.len() - 1;
    let tensor = learner.policy.weights.tensors[place].clone();
    for bad in [f32::NAN, f32::INFINITY] {
        let mut policy = learner.policy.clone();
        policy.weights.tensors[place] = tensor.clone() * bad;
        std::mem::swap(&mut learner.policy, &mut policy);
        for rounds in [1, 2] {
            run.checkpoint(&learner, rounds).unwrap_err();
        }
        std::mem::swap(&mut learner.policy, &mut policy);
    }
    let names: Vec<_> = std::fs::read_dir(folder.path().join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["000001"]);
    assert_eq!(std::fs::read(good.join("model.safetensors")).unwrap(), text);
}
