//! Problems → Groups of Episodes: the policy proposes, the judge grades, the feedback opens the next turn.
//! Turn-synchronous: all live episodes are sampled together, then judged together. Knows nothing of rewards.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::episode::{Episode, StopReason};
use crate::feedback::{self, FeedbackOptions, FeedbackStyle};
use crate::policy::sampler::{Completion, Sampling};
use crate::policy::tokenizer::Place;
use crate::policy::{Answer, Ask, Policy, PolicyError};
use crate::problem::Problem;
use crate::program::Program;
use crate::prompt::{self, PromptStyle};
use crate::verdict::{Grade, HostJudge, JudgeError, PublicVerdict, Scope, StopAt, Task, Verdict};

/// The episodes of one problem, whose rewards are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The problem.
    pub problem_id: String,
    /// Its episodes, by sample.
    pub episodes: Vec<Episode>,
}

/// Whose feedback a policy is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackSource {
    /// What its own program did.
    #[default]
    Real,
    /// That it failed, and nothing else.
    Silent,
    /// What another problem's wrong program did, the stop rule unchanged (RLEF, section 4.3).
    Random,
    /// Nothing of any execution: it is asked to read its own answer again, through all turns, so that not even the stop says
    /// whether tests passed (the ablation without execution feedback of RLEF, section 4.2).
    SelfRepair,
    /// There is no feedback and no history: every turn is a fresh answer to the bare problem, until one passes the public
    /// tests. Independent samples under the budget and stop rule of `Real`, to tell repair from trying again.
    Independent,
}

impl FeedbackSource {
    /// Whether a policy may learn from such episodes: their ids are what it was shown.
    pub const fn is_one_dialogue(self) -> bool {
        !matches!(self, Self::Independent)
    }

    /// The name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Silent => "silent",
            Self::Random => "random",
            Self::SelfRepair => "self_repair",
            Self::Independent => "independent",
        }
    }
}

/// How episodes are played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RolloutConfig {
    /// Episodes per problem.
    pub group: usize,
    /// Completions per episode at most; the paper's is 3 (section 3.1).
    pub turns: usize,
    /// Temperature, cuts, length and stop texts.
    pub sampling: Sampling,
    /// Wording of prompts and feedback.
    pub style: PromptStyle,
    /// Whose feedback is shown.
    pub feedback: FeedbackSource,
}

impl Default for RolloutConfig {
    /// As in the paper, with the short wording that small policies learn from.
    fn default() -> Self {
        Self {
            group: 2,
            turns: 3,
            sampling: Sampling::default(),
            style: PromptStyle::Compact,
            feedback: FeedbackSource::Real,
        }
    }
}

/// Who grades programs: the judge, or a fake in tests.
pub trait Grader {
    /// Grades all work, in order; an error is the sandbox's failure and never says anything of the program.
    fn grade(&self, work: &[Work<'_>]) -> Vec<Result<Verdict, JudgeError>>;
}

impl Grader for HostJudge {
    /// Public tests all run, for feedback shows what failed; grading ends at the first failure.
    fn grade(&self, work: &[Work<'_>]) -> Vec<Result<Verdict, JudgeError>> {
        self.judge_tasks(&tasks_of(work))
    }
}

/// Work as the judge takes it.
pub(crate) fn tasks_of<'a>(work: &[Work<'a>]) -> Vec<Task<'a>> {
    work.iter()
        .map(|work| Task {
            program: Some(work.program),
            problem: work.problem,
            scope: work.scope,
            stop: if work.scope == Scope::Public {
                StopAt::Never
            } else {
                StopAt::FirstFailure
            },
        })
        .collect()
}

/// One program to grade.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// Whose tests.
    pub problem: &'a Problem,
    /// What to run.
    pub program: &'a Program,
    /// Which of the tests.
    pub scope: Scope,
}

/// What a rollout cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RolloutStats {
    /// Tokens sampled.
    pub tokens: usize,
    /// Programs judged, repetitions of one program included.
    pub programs: usize,
    /// Episodes that ended because no answer came.
    pub lost_answers: usize,
    /// Episodes that ended because no verdict came.
    pub lost_verdicts: usize,
    /// Seconds spent sampling.
    pub sampling_seconds: f64,
    /// Seconds spent judging.
    pub judging_seconds: f64,
}

/// Plays `config.group` episodes of each problem. `seed` names the round: equal seeds give equal draws.
pub fn play(
    policy: &mut dyn Policy,
    grader: &dyn Grader,
    problems: &[&Problem],
    config: &RolloutConfig,
    seed: u64,
) -> Result<(Vec<Group>, RolloutStats), PolicyError> {
    let mut stats = RolloutStats::default();
    let mut episodes = Vec::with_capacity(problems.len() * config.group);
    for problem in problems {
        let prompt = policy.message(
            Place::Opening,
            &prompt::statement(config.style, problem.language(), &problem.statement),
        )?;
        for sample in 0..config.group {
            episodes.push(Episode::start(problem.id.clone(), sample, prompt.clone()));
        }
    }
    let problem_of = |index: usize| problems[index / config.group];
    for turn in 0..config.turns {
        let live: Vec<usize> = (0..episodes.len())
            .filter(|&index| episodes[index].stop.is_none())
            .collect();
        if live.is_empty() {
            break;
        }
        let clock = std::time::Instant::now();
        let asks: Vec<Ask<'_>> = live
            .iter()
            .map(|&index| Ask {
                problem_id: &episodes[index].problem_id,
                sample: episodes[index].sample,
                turn,
                prefix: prefix_of(&episodes[index], config.feedback),
                seed: stream(
                    seed,
                    &episodes[index].problem_id,
                    episodes[index].sample,
                    turn,
                ),
            })
            .collect();
        let said = policy.propose(&asks, &config.sampling)?;
        let (live, said) = heard(&mut episodes, live, said, &mut stats);
        stats.tokens += said
            .iter()
            .map(|(completion, _)| completion.tokens.len())
            .sum::<usize>();
        stats.sampling_seconds += clock.elapsed().as_secs_f64();
        let clock = std::time::Instant::now();
        let on: Vec<&Problem> = live.iter().map(|&index| problem_of(index)).collect();
        let verdicts = judge_public(grader, &on, &said, &mut stats);
        stats.judging_seconds += clock.elapsed().as_secs_f64();
        for ((&index, (completion, text)), verdict) in live.iter().zip(said).zip(verdicts) {
            match verdict {
                Ok(verdict) => {
                    let limit = turn_limit(problem_of(index), config);
                    episodes[index].push(completion, text, verdict, limit);
                    if config.feedback == FeedbackSource::SelfRepair && turn + 1 < limit {
                        // To stop at a pass would tell the policy that earlier answers failed.
                        episodes[index].stop = None;
                    }
                }
                Err(error) => abort(&mut episodes[index], &error, &mut stats),
            }
        }
        answer_all(
            policy,
            &mut episodes,
            &problem_of,
            config,
            seed.wrapping_add(turn as u64),
        )?;
    }
    let clock = std::time::Instant::now();
    grade_finals(grader, &mut episodes, &problem_of, &mut stats);
    if config.feedback == FeedbackSource::SelfRepair {
        grade_earlier(grader, &mut episodes, &problem_of, &mut stats);
    }
    stats.judging_seconds += clock.elapsed().as_secs_f64();
    let mut groups = Vec::with_capacity(problems.len());
    let mut rest = episodes.into_iter();
    for problem in problems {
        groups.push(Group {
            problem_id: problem.id.clone(),
            episodes: rest.by_ref().take(config.group).collect(),
        });
    }
    Ok((groups, stats))
}

/// The episodes whose answer came, with it; the others are aborted.
fn heard(
    episodes: &mut [Episode],
    live: Vec<usize>,
    said: Vec<Answer>,
    stats: &mut RolloutStats,
) -> (Vec<usize>, Vec<(Completion, String)>) {
    live.into_iter()
        .zip(said)
        .filter_map(|(index, answer)| match answer {
            Ok(answer) => Some((index, answer)),
            Err(error) => {
                tracing::warn!(
                    problem = episodes[index].problem_id,
                    sample = episodes[index].sample,
                    %error,
                    "episode aborted"
                );
                episodes[index].stop = Some(StopReason::Aborted);
                stats.lost_answers += 1;
                None
            }
        })
        .unzip()
}

/// Ends an episode that is no data.
fn abort(episode: &mut Episode, error: &JudgeError, stats: &mut RolloutStats) {
    // Whoever stopped it needs no list of what was under way.
    if !matches!(error, JudgeError::Stopped) {
        tracing::warn!(
            problem = episode.problem_id,
            sample = episode.sample,
            %error,
            "episode aborted"
        );
    }
    episode.stop = Some(StopReason::Aborted);
    stats.lost_verdicts += 1;
}

/// Judges each distinct program of each problem once: a group often says the same thing.
fn judge_public(
    grader: &dyn Grader,
    problems: &[&Problem],
    said: &[(Completion, String)],
    stats: &mut RolloutStats,
) -> Vec<Result<Verdict, JudgeError>> {
    let programs: Vec<Option<Program>> = said
        .iter()
        .zip(problems)
        .map(|((_, text), problem)| Program::extract(text, problem.language()).ok())
        .collect();
    let work: Vec<Option<Work<'_>>> = problems
        .iter()
        .zip(&programs)
        .map(|(&problem, program)| {
            program.as_ref().map(|program| Work {
                problem,
                program,
                scope: turn_scope(problem),
            })
        })
        .collect();
    stats.programs += work.iter().flatten().count();
    grade_once(grader, &work)
        .into_iter()
        .zip(problems)
        .map(|(verdict, problem)| {
            verdict.unwrap_or_else(|| {
                Ok(Verdict::no_program(
                    turn_scope(problem).tests(problem).len(),
                ))
            })
        })
        .collect()
}

/// The tests a turn is judged on: the public ones; a problem without any has one turn, which all tests grade.
pub(crate) fn turn_scope(problem: &Problem) -> Scope {
    if problem.public_tests.is_empty() {
        Scope::All
    } else {
        Scope::Public
    }
}

/// Completions an episode may take: feedback needs a public test.
fn turn_limit(problem: &Problem, config: &RolloutConfig) -> usize {
    if problem.public_tests.is_empty() {
        1
    } else {
        config.turns
    }
}

/// Grades the last answer of each episode: what fails a public test has failed; the rest meets the private ones.
fn grade_finals<'a>(
    grader: &dyn Grader,
    episodes: &mut [Episode],
    problem_of: &dyn Fn(usize) -> &'a Problem,
    stats: &mut RolloutStats,
) {
    let programs: Vec<Option<Program>> = episodes
        .iter()
        .enumerate()
        .map(|(index, episode)| {
            let last = episode
                .turns
                .last()
                .filter(|_| episode.stop != Some(StopReason::Aborted))?;
            let passed = last.verdict.is_accepted();
            passed
                .then(|| Program::extract(&last.text, problem_of(index).language()).ok())
                .flatten()
        })
        .collect();
    let work: Vec<Option<Work<'_>>> = programs
        .iter()
        .enumerate()
        .map(|(index, program)| {
            program.as_ref().map(|program| Work {
                problem: problem_of(index),
                program,
                scope: Scope::All,
            })
        })
        .collect();
    stats.programs += work.iter().flatten().count();
    for (episode, verdict) in episodes.iter_mut().zip(grade_once(grader, &work)) {
        match verdict {
            Some(Ok(verdict)) => episode.outcome = Some(verdict),
            Some(Err(error)) => abort(episode, &error, stats),
            None if episode.stop == Some(StopReason::Aborted) => {}
            None => episode.outcome = episode.turns.last().map(|turn| turn.verdict.clone()),
        }
    }
}

/// What the policy is shown before it speaks.
fn prefix_of(episode: &Episode, feedback: FeedbackSource) -> &[u32] {
    match episode.turns.first() {
        Some(first) if feedback == FeedbackSource::Independent => {
            &episode.tokens[..first.prompt_end]
        }
        _ => &episode.tokens,
    }
}

/// Grades by all tests the answers before the last that pass the public ones.
fn grade_earlier<'a>(
    grader: &dyn Grader,
    episodes: &mut [Episode],
    problem_of: &dyn Fn(usize) -> &'a Problem,
    stats: &mut RolloutStats,
) {
    let places: Vec<(usize, usize, Program)> = episodes
        .iter()
        .enumerate()
        .filter(|(_, episode)| episode.stop != Some(StopReason::Aborted))
        .flat_map(|(index, episode)| {
            let earlier = episode.turns.len().saturating_sub(1);
            episode.turns[..earlier]
                .iter()
                .enumerate()
                .filter_map(move |(turn, said)| {
                    let passed = said.verdict.is_accepted();
                    let language = problem_of(index).language();
                    let program = Program::extract(&said.text, language).ok();
                    Some((index, turn, program.filter(|_| passed)?))
                })
        })
        .collect();
    let work: Vec<Option<Work<'_>>> = places
        .iter()
        .map(|(index, _, program)| {
            Some(Work {
                problem: problem_of(*index),
                program,
                scope: Scope::All,
            })
        })
        .collect();
    stats.programs += work.len();
    let verdicts = grade_once(grader, &work);
    for ((index, turn, _), verdict) in places.iter().zip(verdicts) {
        match verdict {
            Some(Ok(verdict)) => episodes[*index].turns[*turn].full = Some(verdict),
            Some(Err(error)) => {
                abort(&mut episodes[*index], &error, stats);
                episodes[*index].outcome = None;
            }
            None => {}
        }
    }
}

/// Grades each distinct piece of work once and hands the verdict to all that share it.
pub(crate) fn grade_once(
    grader: &dyn Grader,
    work: &[Option<Work<'_>>],
) -> Vec<Option<Result<Verdict, JudgeError>>> {
    let mut distinct: Vec<Work<'_>> = Vec::new();
    let mut places: HashMap<(&str, &Program), usize> = HashMap::new();
    let place_of: Vec<Option<usize>> = work
        .iter()
        .map(|item| {
            item.map(|item| {
                *places
                    .entry((&item.problem.id, item.program))
                    .or_insert_with(|| {
                        distinct.push(item);
                        distinct.len() - 1
                    })
            })
        })
        .collect();
    let verdicts = grader.grade(&distinct);
    place_of
        .into_iter()
        .map(|place| place.map(|place| verdicts[place].clone()))
        .collect()
}

/// One failing case says what is wrong; a small policy's context is short.
pub(crate) const COMPACT_FEEDBACK: FeedbackOptions = FeedbackOptions {
    style: FeedbackStyle::Compact,
    cases: 1,
    field_characters: 60,
    trace_characters: 80,
    language: rlef_sandbox::Language::Python,
};

/// Opens the next turn of every episode that goes on.
fn answer_all<'a>(
    policy: &mut dyn Policy,
    episodes: &mut [Episode],
    problem_of: &dyn Fn(usize) -> &'a Problem,
    config: &RolloutConfig,
    seed: u64,
) -> Result<(), PolicyError> {
    let live: Vec<usize> = (0..episodes.len())
        .filter(|&index| episodes[index].stop.is_none())
        .collect();
    if config.feedback == FeedbackSource::Independent {
        return Ok(());
    }
    let bounds = match config.style {
        PromptStyle::Compact => COMPACT_FEEDBACK,
        PromptStyle::Full => FeedbackOptions::default(),
    };
    let options = |index: usize| FeedbackOptions {
        language: problem_of(index).language(),
        ..bounds
    };
    let real: Vec<String> = live
        .iter()
        .map(|&index| {
            let last = episodes[index].turns.last();
            last.map_or(String::new(), |turn| {
                feedback::render(
                    &PublicVerdict::of(turn.verdict.clone(), problem_of(index)),
                    options(index),
                )
            })
        })
        .collect();
    let fixed = |words: &dyn Fn(&FeedbackOptions) -> String| -> Vec<String> {
        live.iter().map(|&index| words(&options(index))).collect()
    };
    let shown: Vec<String> = match config.feedback {
        FeedbackSource::Real => real,
        FeedbackSource::Silent => fixed(&feedback::silent),
        FeedbackSource::Random => strangers(&live, episodes, &real, seed),
        FeedbackSource::SelfRepair => fixed(&feedback::read_again),
        // Returned above: nothing is said.
        FeedbackSource::Independent => Vec::new(),
    };
    for (&index, text) in live.iter().zip(shown) {
        let tokens = policy.message(Place::Reply, &text)?;
        episodes[index].answer(
            text,
            &tokens,
            policy.end(),
            config.sampling.max_tokens,
            policy.context(),
        );
    }
    Ok(())
}

/// For each live episode the feedback of one of another problem; its own only where there is no other.
fn strangers(live: &[usize], episodes: &[Episode], real: &[String], seed: u64) -> Vec<String> {
    let mut order: Vec<usize> = (0..live.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut place = vec![0; live.len()];
    for (position, &item) in order.iter().enumerate() {
        place[item] = position;
    }
    (0..live.len())
        .map(|item| {
            let own = &episodes[live[item]].problem_id;
            let other = (1..live.len())
                .map(|step| order[(place[item] + step) % live.len()])
                .find(|&other| episodes[live[other]].problem_id != *own && !real[other].is_empty());
            real[other.unwrap_or(item)].clone()
        })
        .collect()
}

/// The seed of one completion: a hash of what names it, so that it doesn't depend on the rest of the batch.
fn stream(seed: u64, problem_id: &str, sample: usize, turn: usize) -> u64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new()
        .chain_update(seed.to_le_bytes())
        .chain_update((sample as u64).to_le_bytes())
        .chain_update((turn as u64).to_le_bytes())
        .chain_update(problem_id.as_bytes())
        .finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |value, &byte| (value << 8) | u64::from(byte))
}

/// Counts of grades of the last answers.
pub fn histogram(groups: &[Group]) -> std::collections::BTreeMap<Grade, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for verdict in groups
        .iter()
        .flat_map(|group| &group.episodes)
        .filter_map(|episode| episode.outcome.as_ref())
    {
        *counts.entry(verdict.grade).or_default() += 1;
    }
    counts
}
