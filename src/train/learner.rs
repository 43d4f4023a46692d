//! Everything that learns, and whether it is still sound.

use std::sync::Arc;

use super::{KeptReference, Rates, StoredSet, TrainError};
use crate::checkpoint::tokenizer::{Place, Tokenizer};
use crate::config::{ConfigError, TrainConfig, ValueHead};
use crate::model::decoder::Decoder;
use crate::objective::Objective;
use crate::policy::engine::Engine;
use crate::rollout::Group;
use crate::tinker::Trainer;
use crate::update::{MOST_PASSED_OVER, Optimizer};

/// Everything that learns.
pub struct Learner {
    /// π, the policy.
    pub policy: Decoder,
    /// ρ, the frozen reference.
    pub reference: Decoder,
    /// What ρ says of the examples of a data set that were drawn so far.
    pub kept: KeptReference,
    /// V, where it is a network of its own; else a head of the policy is, or nothing asks for values.
    pub value: Option<ValueNetwork>,
    /// AdamW of the policy.
    pub policy_optimizer: Optimizer,
    /// Shared by all three.
    pub tokenizer: Tokenizer,
    /// Who samples the episodes, where that isn't done here.
    pub engine: Option<Engine>,
    /// Who samples and trains, where neither is done here: `policy` is then a copy of what it has learnt.
    pub trainer: Option<Trainer>,
    /// How it learns.
    pub objective: Arc<dyn Objective>,
    /// How often problems are solved, where draws go by it.
    pub rates: Option<Rates>,
    /// The stored answers to problems, where others are compared with them.
    pub stored: StoredSet,
}

/// V, as a network of its own.
pub struct ValueNetwork {
    /// Its weights.
    pub decoder: Decoder,
    /// Its AdamW.
    pub optimizer: Optimizer,
}

impl Learner {
    /// A learner that has taken no step: `policy` is π, ρ, and the body that values start from.
    pub fn new(
        policy: Decoder,
        tokenizer: Tokenizer,
        config: &TrainConfig,
        engine: Option<Engine>,
    ) -> Result<Self, ConfigError> {
        let objective: Arc<dyn Objective> = config.objective()?.into();
        let optimizer =
            |settings, decoder: &Decoder| Optimizer::new(settings, decoder.trained().tensors.len());
        let reference = policy.clone();
        let (policy, value) = match objective.needs().values.map(|values| values.head) {
            None => (policy, None),
            Some(ValueHead::Shared) => (policy.with_value_head(), None),
            Some(ValueHead::Separate) => {
                let decoder = policy.value_network();
                let optimizer = optimizer(config.value_optimizer, &decoder);
                (policy, Some(ValueNetwork { decoder, optimizer }))
            }
        };
        Ok(Self {
            policy_optimizer: optimizer(config.policy_optimizer, &policy),
            policy,
            reference,
            kept: KeptReference::default(),
            value,
            tokenizer,
            engine,
            trainer: None,
            objective,
            rates: config.data.goes_by_rates().then(Rates::default),
            stored: StoredSet::default(),
        })
    }

    /// A learner that only samples, with this one's engine: what it samples from is told to it.
    pub(super) fn sampler(&mut self) -> Self {
        let mut counted = Optimizer::elsewhere(*self.policy_optimizer.config());
        counted.set_steps(self.policy_optimizer.steps());
        Self {
            policy: self.policy.clone(),
            reference: self.reference.clone(),
            kept: KeptReference::default(),
            value: None,
            policy_optimizer: counted,
            tokenizer: self.tokenizer.clone(),
            engine: self.engine.take(),
            trainer: None,
            objective: Arc::clone(&self.objective),
            rates: None,
            stored: StoredSet::default(),
        }
    }

    /// Whether the policy is its reference still: no update was taken, and every weight of the one is the other's.
    pub(super) fn is_reference(&self) -> bool {
        let (policy, reference) = (&self.policy, &self.reference);
        if self.policy_optimizer.steps() > 0
            || policy.adapter.is_some()
            || reference.adapter.is_some()
            || policy.arithmetic != reference.arithmetic
        {
            return false;
        }
        let (policy, reference) = (&policy.weights, &reference.weights);
        let named = reference.names.iter().zip(&reference.tensors);
        named.into_iter().all(|(name, tensor)| {
            let place = policy.names.iter().position(|other| other == name);
            place.is_some_and(|place| policy.tensors[place].to_data() == tensor.to_data())
        })
    }

    /// Has a separate value network start from the body of a decoder that scores texts, its head at zero; or says why it can't:
    /// it must read the ids that the policy writes, and have the shape that a checkpoint of the run is read back in.
    pub fn start_values(&mut self, body: &Decoder, tokenizer: &Tokenizer) -> Result<(), String> {
        let Some(network) = &mut self.value else {
            return Err("the objective has no value network of its own".to_owned());
        };
        if !self.tokenizer.has_same_ids(tokenizer) {
            return Err(
                "its tokenizer is another than the policy's, so that the same ids are other texts; take a reward model that was trained from this policy, or one of its family".to_owned(),
            );
        }
        let (own, other) = (&network.decoder.config, &body.config);
        if own != other {
            let [own, other] =
                [own, other].map(|shape| serde_json::to_string(shape).unwrap_or_default());
            return Err(format!(
                "it has another shape than the policy: expected {own}, found {other}"
            ));
        }
        let body = Decoder {
            adapter: network.decoder.adapter.clone(),
            arithmetic: network.decoder.arithmetic,
            ..body.clone()
        };
        network.decoder = body.value_network();
        Ok(())
    }

    /// Takes what a round has played for the draws of later ones.
    pub(super) fn note(&mut self, groups: &[Group]) {
        if let Some(rates) = &mut self.rates {
            rates.note(groups);
        }
    }

    /// Why training should not go on: too many updates in a row had a gradient that is not a finite number.
    pub fn diverged(&self) -> Option<TrainError> {
        let value = self.value.as_ref().map(|value| &value.optimizer);
        let networks = [
            ("policy", Some(&self.policy_optimizer)),
            ("value network", value),
        ];
        networks.into_iter().find_map(|(network, optimizer)| {
            let in_a_row = optimizer?.passed_over();
            (in_a_row >= MOST_PASSED_OVER).then_some(TrainError::Diverged { network, in_a_row })
        })
    }

    /// Whether the last update of a network had no gradient: what the one before it led to may not be worth keeping.
    pub fn is_in_doubt(&self) -> bool {
        let value = self.value.as_ref().map(|value| &value.optimizer);
        std::iter::once(&self.policy_optimizer)
            .chain(value)
            .any(|optimizer| optimizer.passed_over() > 0)
    }

    /// What stands against keeping what was learnt: a policy or a value network whose weights are finite, but which computes
    /// nothing finite from them. The weights themselves are looked at as they are written.
    pub fn fault(&self) -> Option<String> {
        let Ok(prompt) = self.tokenizer.message(Place::Opening, "1") else {
            return Some("the tokenizer gives no ids for \"1\"".to_owned());
        };
        let said = self.policy.plain().probe(&prompt);
        if !said.is_finite() {
            return Some(format!("the policy computes {said} for a first prompt"));
        }
        let value = &self.value.as_ref()?.decoder;
        let said = value.plain().probe(&prompt);
        (!said.is_finite()).then(|| format!("the value network computes {said} for a first prompt"))
    }
}
