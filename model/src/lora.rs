//! Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685): a frozen matrix W plus a trained change s·B·A, with
//! A `[r, in]` and B `[out, r]`. Makes, applies and merges changes; files are `adapter_file`'s.

use burn::tensor::{DType, FloatDType, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::decoder::{Decoder, ModelConfig, Products, Weights};
use crate::shape::{VALUE_HEAD, is_frozen_matrix};

/// What is adapted, and how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoraConfig {
    /// Rank of every change.
    pub rank: usize,
    /// The change is multiplied by `alpha / rank` (by `alpha / √rank` where stabilised).
    pub alpha: f64,
    /// Linear maps that are adapted, by the last part of their name.
    pub targets: Vec<String>,
    /// Rank-stabilised scaling (Kalajdzievski 2023, arXiv 2312.03732).
    pub rank_stabilised: bool,
    /// Seed of A; B starts at zero, so that a new adapter changes nothing.
    pub seed: u64,
}

impl Default for LoraConfig {
    fn default() -> Self {
        let all = [
            "q_proj",
            "k_proj",
            "v_proj",
            "o_proj",
            "gate_proj",
            "up_proj",
            "down_proj",
        ];
        Self {
            rank: 16,
            alpha: 32.0,
            targets: all.map(str::to_owned).to_vec(),
            rank_stabilised: false,
            seed: 0,
        }
    }
}

/// The trained changes of a decoder.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// What is adapted.
    pub config: LoraConfig,
    /// Pairs A, B in the order of the base's parameters, named after them
    /// (`model.layers.0.self_attn.q_proj.lora_A.weight`); a value network's head follows.
    pub weights: Weights,
}

/// Why a configuration doesn't fit a decoder.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoraError {
    /// A rank of zero.
    #[error("failed to set up LoRA: rank is 0; expected at least 1")]
    Rank,
    /// A target that no block has.
    #[error(
        "failed to set up LoRA: no linear map is called {0:?}; expected any of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"
    )]
    Target(String),
}

impl LoraConfig {
    /// What multiplies B·A.
    pub fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha
            / if self.rank_stabilised {
                rank.sqrt()
            } else {
                rank
            }
    }

    /// Names and shapes of the pairs for a decoder of this shape.
    pub fn parameters(&self, shape: &ModelConfig) -> Result<Vec<(String, [usize; 2])>, LoraError> {
        if self.rank == 0 {
            return Err(LoraError::Rank);
        }
        let maps = shape.linear_maps();
        let last = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
        if let Some(unknown) = self
            .targets
            .iter()
            .find(|target| !maps.iter().any(|(name, _)| last(name) == *target))
        {
            return Err(LoraError::Target(unknown.clone()));
        }
        let mut all = Vec::new();
        for layer in 0..shape.num_hidden_layers {
            for (name, [out, inner]) in &maps {
                if self.targets.iter().any(|target| last(name) == target) {
                    let stem = format!("model.layers.{layer}.{name}");
                    all.push((format!("{stem}.lora_A.weight"), [self.rank, *inner]));
                    all.push((format!("{stem}.lora_B.weight"), [*out, self.rank]));
                }
            }
        }
        Ok(all)
    }
}

impl Adapter {
    /// A change of nothing: A uniform within `±1/√in` (PEFT's Kaiming rule), B zero.
    pub fn new(config: &LoraConfig, base: &Decoder) -> Result<Self, LoraError> {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let device = base.device();
        let (names, tensors) = config
            .parameters(&base.config)?
            .into_iter()
            .map(|(name, [rows, columns])| {
                let tensor = if name.ends_with("lora_B.weight") {
                    Tensor::zeros([rows, columns], &device)
                } else {
                    let bound = 1.0 / (columns as f32).sqrt();
                    let values = (0..rows * columns).map(|_| rng.random_range(-bound..bound));
                    let values: Vec<f32> = values.collect();
                    Tensor::from_data(TensorData::new(values, [rows, columns]), &device)
                };
                (name, tensor)
            })
            .unzip();
        Ok(Self {
            config: config.clone(),
            weights: Weights { names, tensors },
        })
    }

    /// The same pairs, changing nothing again: same A, B at zero, no head.
    pub(super) fn fresh(&self) -> Self {
        let pairs = self
            .weights
            .names
            .iter()
            .zip(&self.weights.tensors)
            .filter(|(name, _)| name.contains(".lora_"));
        let (names, tensors) = pairs
            .map(|(name, tensor)| {
                let tensor = if name.ends_with("lora_B.weight") {
                    tensor.clone().inner().zeros_like()
                } else {
                    tensor.clone().inner()
                };
                (name.clone(), tensor)
            })
            .unzip();
        Self {
            config: self.config.clone(),
            weights: Weights { names, tensors },
        }
    }

    /// `s · (x Aᵀ) Bᵀ` for the weight called `name`, if it is adapted; `x [n, in]`.
    pub(super) fn change(
        &self,
        name: &str,
        x_ni: Tensor<2>,
        products: Products<'_>,
    ) -> Option<Tensor<2>> {
        let [a, b] = self.pair(name)?;
        let reduced_nr = products.of(x_ni, a.0, a.1);
        Some(products.of(reduced_nr, b.0, b.1) * self.config.scale())
    }

    /// Names and matrices of A and B.
    fn pair(&self, name: &str) -> Option<[(&String, &Tensor<2>); 2]> {
        let stem = name.strip_suffix(".weight")?;
        let is_a = |name: &String| {
            name.strip_prefix(stem)
                .is_some_and(|rest| rest == ".lora_A.weight")
        };
        let index = self.weights.names.iter().position(is_a)?;
        let place = |index: usize| (&self.weights.names[index], &self.weights.tensors[index]);
        Some([place(index), place(index + 1)])
    }
}

impl Decoder {
    /// The same decoder with the matrices of its blocks held in bf16: where an adapter learns, these never do.
    #[must_use]
    pub fn with_frozen_bf16(mut self) -> Self {
        let named = self.weights.names.iter().zip(&mut self.weights.tensors);
        for (_, tensor) in named.filter(|(name, _)| is_frozen_matrix(name)) {
            *tensor = tensor.clone().inner().cast(FloatDType::BF16);
        }
        self
    }

    /// The decoder with its changes added into its weights: `W + s·B·A`.
    #[must_use]
    pub fn merged(&self) -> Self {
        let Some(adapter) = &self.adapter else {
            return self.clone();
        };
        let mut weights = self.weights.plain();
        for (name, weight) in weights.names.iter().zip(&mut weights.tensors) {
            if weight.dtype() == DType::BF16 {
                *weight = weight.clone().cast(FloatDType::F32);
            }
            if let Some([(_, a), (_, b)]) = adapter.pair(name) {
                let change = b.clone().inner().matmul(a.clone().inner());
                *weight = weight.clone() + change * adapter.config.scale();
            }
        }
        Self {
            config: self.config.clone(),
            weights,
            adapter: None,
            arithmetic: self.arithmetic,
        }
    }

    /// The same for a decoder that reads values: [`Decoder::merged`] leaves out the head that an adapter holds.
    #[must_use]
    pub fn merged_with_head(&self) -> Self {
        let mut whole = self.merged();
        if self.adapter.is_some()
            && let Some(head) = self.value_head()
        {
            whole.weights.names.push(VALUE_HEAD.to_owned());
            whole.weights.tensors.push(head.clone().inner());
        }
        whole
    }
}
