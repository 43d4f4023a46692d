//! Lessons, one after the other → a policy: each demonstrates built-in problems, or reads a data set of texts, and is learnt.

use burn::tensor::Device;

use super::{Diverged, SftConfig, SftProgress, StageConfig, train};
use crate::checkpoint::tokenizer::{Tokenizer, TokenizerError};
use crate::config::TrainConfig;
use crate::demonstration;
use crate::examples::{self, Example, ExampleError};
use crate::judge::Judge;
use crate::model::decoder::Decoder;
use crate::objective::Shape;
use crate::policy::PolicyError;
use crate::problem::contest::{self, ContestConfig, ContestItem, Split};

/// Why no policy was made.
#[derive(Debug, thiserror::Error)]
pub enum SftError {
    /// Demonstrations could not be played.
    #[error("{0}")]
    Policy(#[from] PolicyError),
    /// A data set can't be learnt from.
    #[error("{0}")]
    Examples(#[from] ExampleError),
    /// There is no tokenizer for it.
    #[error("{0}")]
    Tokenizer(#[from] TokenizerError),
    /// The gradient is no number any more.
    #[error("{0}")]
    Diverged(#[from] Diverged),
    /// A lesson has nothing to learn.
    #[error(
        "failed to learn stage {stage}: none of its episodes fits the policy's context of {context} tokens"
    )]
    Nothing {
        /// Counted from one.
        stage: usize,
        /// Tokens of the context.
        context: usize,
    },
}

/// What is told on the way.
#[derive(Clone, Copy, Debug)]
pub enum SftEvent<'a> {
    /// So many of a lesson's sets are demonstrated.
    Demonstrated {
        /// Sets so far.
        sets: usize,
        /// Sets there will be.
        of: usize,
        /// Episodes so far.
        episodes: usize,
    },
    /// A lesson begins.
    Stage {
        /// Counted from one.
        number: usize,
        /// Episodes of it, or examples of its data set.
        episodes: usize,
        /// Those left out, for they exceed the context.
        too_long: usize,
        /// Their tokens.
        tokens: usize,
        /// Updates there will be.
        updates: usize,
        /// The lesson.
        config: &'a StageConfig,
    },
    /// An update was taken.
    Update(SftProgress),
    /// A lesson has ended; so many of its updates were passed over.
    Ended {
        /// Their gradient was not a finite number.
        passed_over: usize,
    },
}

/// Makes a policy by the lessons of a configuration: `from` one that is there, or from random weights with a tokenizer of its
/// own. `judge` judges demonstrated programs that no set has written; lessons on data sets ask it nothing.
pub fn make(
    config: &SftConfig,
    from: Option<(Decoder, Tokenizer)>,
    judge: Option<&dyn Judge>,
    device: &Device,
    on_event: &mut dyn FnMut(SftEvent<'_>),
) -> Result<(Decoder, Tokenizer), SftError> {
    let (mut decoder, tokenizer) = if let Some(policy) = from {
        policy
    } else {
        let tokenizer = Tokenizer::train(&texts(config)?, config.vocab_size)?;
        let shape = config.model.config(tokenizer.vocab_size());
        let decoder = Decoder::random(&shape, config.seed, device);
        (decoder, tokenizer)
    };
    let context = decoder.config.max_position_embeddings;
    for (place, stage) in config.stages.iter().enumerate() {
        let number = place + 1;
        let (episodes, too_long) = match (&stage.data, judge) {
            (Some(path), _) => {
                let found = examples::read(path, Shape::Texts, &tokenizer, context)?;
                (found.kept, found.too_long)
            }
            (None, Some(judge)) => {
                let mut all = demonstrated(config, place, &tokenizer, judge, on_event)?;
                let before = all.len();
                all.retain(|episode| episode.longest() <= context);
                let too_long = before - all.len();
                (all, too_long)
            }
            (None, None) => (Vec::new(), 0),
        };
        if episodes.is_empty() {
            return Err(SftError::Nothing {
                stage: number,
                context,
            });
        }
        on_event(SftEvent::Stage {
            number,
            episodes: episodes.len(),
            too_long,
            tokens: episodes.iter().map(Example::longest).sum(),
            updates: episodes.len().div_ceil(config.batch) * stage.epochs,
            config: stage,
        });
        let passed_over = train(&mut decoder, &episodes, config, stage, |seen| {
            on_event(SftEvent::Update(seen));
        })?;
        on_event(SftEvent::Ended { passed_over });
    }
    Ok((decoder, tokenizer))
}

/// Texts that the tokenizer is to know: those of the largest lesson on problems, and of every data set.
fn texts(config: &SftConfig) -> Result<Vec<String>, SftError> {
    let of_problems = config.stages.iter().filter(|stage| stage.data.is_none());
    let largest = of_problems.max_by_key(|stage| stage.problems);
    let mut texts = largest.map_or_else(Vec::new, |stage| demonstration::texts(&items(stage, 0)));
    for path in config.stages.iter().filter_map(|stage| stage.data.as_ref()) {
        texts.extend(examples::texts(path)?);
    }
    Ok(texts)
}

fn demonstrated(
    config: &SftConfig,
    place: usize,
    tokenizer: &Tokenizer,
    judge: &dyn Judge,
    on_event: &mut dyn FnMut(SftEvent<'_>),
) -> Result<Vec<Example>, PolicyError> {
    let (stage, rollout) = (&config.stages[place], TrainConfig::default().rollout);
    let seed = config.seed.wrapping_mul(1000).wrapping_add(place as u64);
    let mut episodes = Vec::new();
    for set in 0..stage.sets {
        episodes.extend(demonstration::demonstrate(
            &items(stage, set),
            &stage.author,
            tokenizer,
            judge,
            &rollout,
            seed.wrapping_add((set as u64) << 32),
        )?);
        on_event(SftEvent::Demonstrated {
            sets: set + 1,
            of: stage.sets,
            episodes: episodes.len(),
        });
    }
    Ok(episodes)
}

/// The train problems of one of a lesson's sets.
fn items(stage: &StageConfig, set: usize) -> Vec<ContestItem> {
    let config = ContestConfig {
        seed: set as u64,
        train: stage.problems,
        longest: stage.longest,
        hidden_share: stage.hidden_share,
        ..ContestConfig::default()
    };
    contest::items(Split::Train, &config)
}
