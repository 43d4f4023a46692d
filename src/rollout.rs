//! Problems → Groups of Episodes: many environments played side by side by one policy.
//! Turn-synchronous: all live episodes are sampled together, then judged together. What is judged, said and worth what is the
//! environment's; here are the tokens.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rlef_sandbox::Cancel;
use serde::{Deserialize, Serialize};

use crate::checkpoint::tokenizer::Place;
use crate::completion::{Completion, Sampling};
use crate::environment::{self, Play, PlayConfig, RewardRule, Together};
pub use crate::environment::{COMPACT_FEEDBACK, FeedbackSource, turn_scope};
use crate::episode::{Episode, StopReason};
pub use crate::judge::Judge as Grader;
use crate::judge::{Judge, JudgeError};
use crate::policy::{Answer, Ask, Policy, PolicyError};
use crate::problem::Problem;
use crate::prompt::PromptStyle;
use crate::verdict::Grade;

/// The episodes of one problem, whose rewards are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The problem.
    pub problem_id: String,
    /// Its episodes, by sample.
    pub episodes: Vec<Episode>,
}

/// How episodes are played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RolloutConfig {
    /// Episodes per problem in a round; the paper doesn't say how many of its 1024 are of one.
    pub group: usize,
    /// Completions per episode at most; the paper's is 3 (section 3.1).
    pub turns: usize,
    /// Temperature, cuts, length and stop texts.
    pub sampling: Sampling,
    /// Wording of prompts and feedback: `compact`, the bare statement and one short failing case, for small policies that learnt
    /// that form, or `full`, which asks for a fenced program as the paper's do (appendix C).
    pub style: PromptStyle,
    /// Whose feedback is shown: `real`, or for ablations `silent`, `random` or `self_repair`.
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

/// Plays `config.group` episodes of each problem. `seed` names the round: equal seeds give equal draws. Episodes carry the
/// rewards of the paper.
pub fn play(
    policy: &mut dyn Policy,
    judge: &dyn Judge,
    problems: &[&Problem],
    config: &RolloutConfig,
    seed: u64,
) -> Result<(Vec<Group>, RolloutStats), PolicyError> {
    play_scored(
        policy,
        judge,
        problems,
        config,
        &RewardRule::default(),
        seed,
    )
}

/// [`play`], with episodes that carry the rewards of `rule`.
pub fn play_scored(
    policy: &mut dyn Policy,
    judge: &dyn Judge,
    problems: &[&Problem],
    config: &RolloutConfig,
    rule: &RewardRule,
    seed: u64,
) -> Result<(Vec<Group>, RolloutStats), PolicyError> {
    let game = PlayConfig {
        turns: config.turns,
        style: config.style,
        feedback: config.feedback,
        rewards: rule.clone(),
    };
    // Without descriptors for it, judges end by themselves.
    let cancel = Cancel::new().unwrap_or_default();
    let mut stats = RolloutStats::default();
    let mut all = Vec::with_capacity(problems.len() * config.group);
    for problem in problems {
        let play = Play::open(problem, &game);
        let prompt = policy.message(Place::Opening, &play.opening())?;
        for sample in 0..config.group {
            all.push(Live {
                episode: Episode::start(problem.id.clone(), sample, prompt.clone()),
                play: play.clone(),
            });
        }
    }
    for turn in 0..config.turns {
        let mut live: Vec<&mut Live<'_>> = all
            .iter_mut()
            .filter(|one| one.episode.stop.is_none())
            .collect();
        if live.is_empty() {
            break;
        }
        let clock = std::time::Instant::now();
        let asks: Vec<Ask<'_>> = live
            .iter()
            .map(|one| one.ask(turn, seed, config.feedback))
            .collect();
        let said = policy.propose(&asks, &config.sampling)?;
        let said = heard(&mut live, said, &mut stats);
        stats.tokens += said
            .iter()
            .map(|(completion, _)| completion.tokens.len())
            .sum::<usize>();
        stats.sampling_seconds += clock.elapsed().as_secs_f64();
        let clock = std::time::Instant::now();
        let (completions, texts): (Vec<Completion>, Vec<String>) = said.into_iter().unzip();
        let mut plays: Vec<&mut Play<'_>> = live.iter_mut().map(|one| &mut one.play).collect();
        let judged = environment::judge_answers(judge, &mut plays, texts, &cancel);
        stats.judging_seconds += clock.elapsed().as_secs_f64();
        stats.take(&mut live, judged);
        for (one, completion) in live.iter_mut().zip(completions) {
            one.push(completion);
        }
        live.retain(|one| one.episode.stop.is_none());
        answer_all(policy, &mut live, config, seed.wrapping_add(turn as u64))?;
    }
    let clock = std::time::Instant::now();
    let mut live: Vec<&mut Live<'_>> = all.iter_mut().collect();
    let mut plays: Vec<&mut Play<'_>> = live.iter_mut().map(|one| &mut one.play).collect();
    let judged = environment::judge_ends(judge, &mut plays, &cancel);
    stats.take(&mut live, judged);
    stats.judging_seconds += clock.elapsed().as_secs_f64();
    let mut groups = Vec::with_capacity(problems.len());
    let mut rest = all.into_iter().map(Live::into_episode);
    for problem in problems {
        groups.push(Group {
            problem_id: problem.id.clone(),
            episodes: rest.by_ref().take(config.group).collect(),
        });
    }
    Ok((groups, stats))
}

/// An episode that is being played: its text, and its tokens.
struct Live<'a> {
    play: Play<'a>,
    episode: Episode,
}

impl Live<'_> {
    /// What the policy is asked next.
    fn ask(&self, turn: usize, seed: u64, feedback: FeedbackSource) -> Ask<'_> {
        let episode = &self.episode;
        Ask {
            problem_id: &episode.problem_id,
            sample: episode.sample,
            turn,
            prefix: prefix_of(episode, feedback),
            seed: stream(seed, &episode.problem_id, episode.sample, turn),
        }
    }

    /// Takes the completion whose text was judged, unless the judgement was lost.
    fn push(&mut self, completion: Completion) {
        self.episode.stop = self.play.stop();
        if self.episode.stop != Some(StopReason::Aborted) {
            self.episode.push(completion);
        }
    }

    fn into_episode(self) -> Episode {
        let rewards = self.play.rewards();
        let (played, stop, outcome) = self.play.into_parts();
        self.episode.ended(played, stop, outcome, rewards)
    }
}

/// The answers that came; episodes whose answer did not are aborted and live no more.
fn heard(
    live: &mut Vec<&mut Live<'_>>,
    said: Vec<Answer>,
    stats: &mut RolloutStats,
) -> Vec<(Completion, String)> {
    let mut answers = Vec::with_capacity(said.len());
    for (one, answer) in live.iter_mut().zip(said) {
        match answer {
            Ok(answer) => answers.push(answer),
            Err(error) => {
                tracing::warn!(
                    problem = one.episode.problem_id,
                    sample = one.episode.sample,
                    %error,
                    "episode aborted"
                );
                one.play.abort();
                one.episode.stop = one.play.stop();
                stats.lost_answers += 1;
            }
        }
    }
    live.retain(|one| one.episode.stop.is_none());
    answers
}

impl RolloutStats {
    /// Counts what was judged, and says what was lost.
    fn take(&mut self, live: &mut [&mut Live<'_>], judged: Together) {
        self.programs += judged.programs;
        self.lost_verdicts += judged.lost.len();
        for (place, error) in judged.lost {
            let episode = &live[place].episode;
            // Whoever stopped it needs no list of what was under way.
            if !matches!(error, JudgeError::Stopped) {
                tracing::warn!(
                    problem = episode.problem_id,
                    sample = episode.sample,
                    %error,
                    "episode aborted"
                );
            }
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

/// Opens the next turn of every episode that goes on.
fn answer_all(
    policy: &mut dyn Policy,
    live: &mut [&mut Live<'_>],
    config: &RolloutConfig,
    seed: u64,
) -> Result<(), PolicyError> {
    let shown: Vec<String> = match config.feedback {
        // Nothing is said: there is no history that it would stand in.
        FeedbackSource::Independent => return Ok(()),
        FeedbackSource::Random => strangers(live, seed),
        _ => live.iter().map(|one| one.play.next_message()).collect(),
    };
    for (one, text) in live.iter_mut().zip(shown) {
        let tokens = policy.message(Place::Reply, &text)?;
        let fits = one.episode.answer(
            &tokens,
            policy.end(),
            config.sampling.max_tokens,
            policy.context(),
        );
        if fits {
            one.play.tell(text);
        } else {
            one.play.cut();
        }
        one.episode.stop = one.play.stop();
    }
    Ok(())
}

/// For each live episode the feedback of one of another problem; its own only where there is no other.
fn strangers(live: &[&mut Live<'_>], seed: u64) -> Vec<String> {
    let real: Vec<String> = live.iter().map(|one| one.play.own_feedback()).collect();
    let id = |item: usize| &live[item].episode.problem_id;
    let mut order: Vec<usize> = (0..live.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut place = vec![0; live.len()];
    for (position, &item) in order.iter().enumerate() {
        place[item] = position;
    }
    (0..live.len())
        .map(|item| {
            let other = (1..live.len())
                .map(|step| order[(place[item] + step) % live.len()])
                .find(|&other| id(other) != id(item) && !real[other].is_empty());
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
