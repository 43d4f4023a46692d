//! A Llama-architecture decoder on Burn: tokens → hidden states → log-probabilities or values.
//! RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied or untied head
//! (Touvron et al. 2023, arXiv 2302.13971; Ainslie et al. 2023, arXiv 2305.13245), with the biases of Qwen2, the query and key
//! norms of Qwen3 and what Gemma 3 does otherwise; what one block does is in `block`. Knows nothing of files, text or losses.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData, module};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub use crate::block::gather_rows;
use crate::block::{Block, norm};
use crate::kernels;
use crate::lora::Adapter;
use crate::packing::Packing;
pub use crate::products::{Products, Projections};
pub use crate::shape::{Extras, Gemma, Head, ModelConfig, Positions};
use crate::shape::{LANGUAGE_HEAD, VALUE_HEAD, is_bias, is_vector};
pub use crate::weights::{Arithmetic, Frozen, Held, Weights};

/// The decoder: its shape, its parameters, and low-rank changes to them where only those are trained.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Shape.
    pub config: ModelConfig,
    /// Parameters; the last one is the value head where there is one and no adapter, which holds it otherwise.
    pub weights: Weights,
    /// Low-rank changes; with them, `weights` is frozen.
    pub adapter: Option<Adapter>,
    /// In what its linear maps are computed.
    pub arithmetic: Arithmetic,
}

impl Decoder {
    /// A copy of everything that it multiplies with as it is now, laid out for [`Products::ByRow`].
    pub fn projections(&self) -> Projections {
        let adapter = self.adapter.as_ref().map(|adapter| &adapter.weights);
        let all = [Some(&self.weights), adapter].into_iter().flatten();
        let pairs = all.flat_map(|weights| weights.names.iter().zip(&weights.tensors));
        // The first one, the embedding, is looked up, and multiplied with only where it is the head as well. No value is
        // read while sampling.
        let multiplied = pairs
            .skip(1)
            .filter(|(name, _)| !is_vector(name) && *name != VALUE_HEAD);
        Projections::new(multiplied, self.head_parameter(), self.arithmetic)
    }

    /// A random decoder: normal weights of deviation 0.02, residual outputs scaled by depth (GPT-2's rule),
    /// norms at one. The same seed gives the same weights.
    pub fn random(config: &ModelConfig, seed: u64, device: &Device) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let residual = 1.0 / (2.0 * config.num_hidden_layers as f32).sqrt();
        let (names, tensors) = config
            .parameters(Head::Language)
            .into_iter()
            .map(|(name, [rows, columns])| {
                let tensor = if name.ends_with("norm.weight") && config.extras.gemma.is_none() {
                    Tensor::ones([rows, columns], device)
                } else if name.ends_with("norm.weight") {
                    // Norms multiply with one more than that.
                    Tensor::zeros([rows, columns], device)
                } else if is_bias(&name) {
                    Tensor::zeros([rows, columns], device)
                } else {
                    let scale = match name.as_str() {
                        n if n.ends_with("o_proj.weight") || n.ends_with("down_proj.weight") => {
                            0.02 * residual
                        }
                        _ => 0.02,
                    };
                    let values = (0..rows * columns)
                        .map(|_| scale * standard_normal(&mut rng))
                        .collect();
                    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
                };
                (name, tensor)
            })
            .unzip();
        Self {
            config: config.clone(),
            weights: Weights { names, tensors },
            adapter: None,
            arithmetic: Arithmetic::F32,
        }
    }

    /// The same body with a value head at zero in place of the language head, so that the first
    /// advantages are plain returns (N implementation details, "value head init 0").
    ///
    /// A policy that trains an adapter gets a value network that trains one too, beside the shared frozen body.
    #[must_use]
    pub fn value_network(&self) -> Self {
        let body = self.config.parameters(Head::Value).len() - 1;
        let mut weights = self.weights.clone();
        weights.names.truncate(body);
        weights.tensors.truncate(body);
        let network = Self {
            config: self.config.clone(),
            weights,
            adapter: self.adapter.as_ref().map(Adapter::fresh),
            arithmetic: self.arithmetic,
        };
        network.with_value_head()
    }

    /// The same decoder with a value head at zero beside the language head: one body for both.
    #[must_use]
    pub fn with_value_head(&self) -> Self {
        let mut decoder = self.clone();
        let head = Tensor::zeros([1, self.config.hidden_size], &self.device());
        let trained = decoder.trained_mut();
        trained.names.push(VALUE_HEAD.to_owned());
        trained.tensors.push(head);
        decoder
    }

    /// What training changes: the adapter where there is one, else all weights.
    pub fn trained(&self) -> &Weights {
        self.adapter
            .as_ref()
            .map_or(&self.weights, |adapter| &adapter.weights)
    }

    /// What training changes, to be changed.
    pub fn trained_mut(&mut self) -> &mut Weights {
        self.adapter
            .as_mut()
            .map_or(&mut self.weights, |adapter| &mut adapter.weights)
    }

    /// The same decoder without any autodiff association.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self {
            config: self.config.clone(),
            weights: self.weights.plain(),
            adapter: self.adapter.as_ref().map(|adapter| Adapter {
                weights: adapter.weights.plain(),
                ..adapter.clone()
            }),
            arithmetic: self.arithmetic,
        }
    }

    /// The same decoder with what training changes as leaves of an autodiff graph.
    #[must_use]
    pub fn tracked(&self) -> Self {
        let weights = match &self.adapter {
            Some(_) => self.weights.constant(),
            None => self.weights.tracked(),
        };
        Self {
            config: self.config.clone(),
            weights,
            adapter: self.adapter.as_ref().map(|adapter| Adapter {
                weights: adapter.weights.tracked(),
                ..adapter.clone()
            }),
            arithmetic: self.arithmetic,
        }
    }

    /// Where the parameters live.
    pub fn device(&self) -> Device {
        self.weights.tensors[0].device()
    }

    /// Final hidden states `[1, n, d]` of the n tokens of packed rows, causal, positions counted from each row's start.
    pub fn hidden(&self, packing: &Arc<Packing>) -> Tensor<3> {
        let all: Vec<usize> = (0..packing.tokens().len()).collect();
        self.hidden_at(packing, &all)
    }

    /// Those `[1, m, d]` at m of the places alone: the last block computes no others, for nobody sees them.
    pub fn hidden_at(&self, packing: &Arc<Packing>, read: &[usize]) -> Tensor<3> {
        let positions = self.config.positions(packing.longest());
        let products = Products::Blocked(self.arithmetic);
        self.run(self.ids(packing), products, Some(read), |layer, q, k, v| {
            kernels::attention(q, k, v, packing, positions.of(layer))
        })
    }

    /// A number that is not finite among those that this decoder's heads compute after `tokens`, if there is one; else 0.
    pub fn probe(&self, tokens: &[u32]) -> f32 {
        let packing = Arc::new(Packing::new(std::iter::once(tokens)));
        let last = self.hidden_at(&packing, &[tokens.len() - 1]);
        let last = last.flatten::<2>(0, 1);
        let logits = last.clone().matmul(self.head().transpose()).flatten(0, 1);
        let values = self.value_head().map(|head| values(last, head.clone()));
        std::iter::once(logits)
            .chain(values)
            .filter_map(|numbers| numbers.into_data().try_to_vec::<f32>().ok())
            .flatten()
            .find(|number| !number.is_finite())
            .unwrap_or(0.0)
    }

    /// The tokens of packed rows as a tensor `[1, n]`.
    fn ids(&self, packing: &Packing) -> Tensor<2, Int> {
        let ids: Vec<i32> = packing.tokens().iter().map(|&id| id as i32).collect();
        let shape = [1, ids.len()];
        Tensor::from_data(TensorData::new(ids, shape), &self.device())
    }

    /// Runs all blocks; `attend(layer, q_bthd, k_btgd, v_btgd) → [b, t, h, d]` decides who sees whom. Of the `b * t` places only
    /// those of `read` come out, as `[1, m, d]`, where it is given.
    pub fn run(
        &self,
        tokens_bt: Tensor<2, Int>,
        products: Products<'_>,
        read: Option<&[usize]>,
        mut attend: impl FnMut(usize, Tensor<4>, Tensor<4>, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<3> {
        let mut x_btd = self.look_up(tokens_bt);
        for layer in 0..self.config.num_hidden_layers {
            let read = read.filter(|_| layer + 1 == self.config.num_hidden_layers);
            x_btd = self.block(layer, x_btd, (products, read), |q, k, v| {
                attend(layer, q, k, v)
            });
        }
        self.last_norm(x_btd)
    }

    /// The residual stream `[1, n, d]` before every block, and `[1, m, d]` at m places after the last, for a way back that
    /// computes each block again.
    pub fn block_inputs(&self, packing: &Arc<Packing>, read: &[usize]) -> Vec<Tensor<3>> {
        let positions = self.config.positions(packing.longest());
        let mut found = vec![self.embed(packing)];
        for layer in 0..self.config.num_hidden_layers {
            let x_1nd = found[layer].clone();
            found.push(self.one_block(layer, x_1nd, (packing, read), &positions));
        }
        found
    }

    /// One block on a residual stream `[1, n, d]` of packed rows, as in [`Decoder::hidden_at`].
    pub fn one_block(
        &self,
        layer: usize,
        x_1nd: Tensor<3>,
        (packing, read): (&Arc<Packing>, &[usize]),
        positions: &Positions,
    ) -> Tensor<3> {
        let is_last = layer + 1 == self.config.num_hidden_layers;
        let read = is_last.then_some(read);
        let products = Products::Blocked(self.arithmetic);
        self.block(layer, x_1nd, (products, read), |q, k, v| {
            kernels::attention(q, k, v, packing, positions.of(layer))
        })
    }

    /// The residual stream `[1, n, d]` that the first block sees.
    pub fn embed(&self, packing: &Packing) -> Tensor<3> {
        self.look_up(self.ids(packing))
    }

    fn look_up(&self, tokens_bt: Tensor<2, Int>) -> Tensor<3> {
        let embedded = module::embedding(self.weights.tensors[0].clone(), tokens_bt);
        match self.config.extras.gemma {
            Some(_) => embedded * (self.config.hidden_size as f64).sqrt(),
            None => embedded,
        }
    }

    /// The hidden states of what the last block gives.
    pub fn last_norm(&self, x_btd: Tensor<3>) -> Tensor<3> {
        let stride = self.config.block_parameters().len();
        let last = 1 + self.config.num_hidden_layers * stride;
        norm(x_btd, &self.weights.tensors[last], &self.config)
    }

    fn block(
        &self,
        layer: usize,
        x_btd: Tensor<3>,
        (products, read): (Products<'_>, Option<&[usize]>),
        attend: impl FnOnce(Tensor<4>, Tensor<4>, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<3> {
        let stride = self.config.block_parameters().len();
        let start = 1 + layer * stride;
        let block = Block {
            config: &self.config,
            names: &self.weights.names[start..start + stride],
            tensors: &self.weights.tensors[start..start + stride],
            adapter: self.adapter.as_ref(),
            products,
        };
        block.forward(x_btd, read, attend)
    }

    /// The matrix `[v, d]` that maps a hidden state to logits.
    pub fn head(&self) -> Tensor<2> {
        self.head_parameter().1.clone()
    }

    /// [`Decoder::head`] and the name it goes by: the first parameter's where the two are tied.
    pub fn head_parameter(&self) -> (&String, &Tensor<2>) {
        let mut named = self.weights.names.iter().zip(&self.weights.tensors);
        named
            .rfind(|(name, _)| *name == LANGUAGE_HEAD)
            .unwrap_or((&self.weights.names[0], &self.weights.tensors[0]))
    }

    /// The row `[1, d]` that maps a hidden state to a value, where there is one: it always learns, and comes last.
    pub fn value_head(&self) -> Option<&Tensor<2>> {
        let trained = self.trained();
        let last = trained.names.last().zip(trained.tensors.last());
        last.filter(|(name, _)| *name == VALUE_HEAD)
            .map(|(_, head)| head)
    }
}

/// Log-probabilities `[n]` of `targets` and the entropies `[n]`, from hidden states `[n, d]`.
pub fn target_log_probs(
    hidden_nd: Tensor<2>,
    head_vd: Tensor<2>,
    targets: &[u32],
    temperature: f64,
) -> (Tensor<1>, Tensor<1>) {
    kernels::target_log_probs(hidden_nd, head_vd, targets, temperature)
}

/// Values `[n]` from hidden states `[n, d]`.
pub fn values(hidden_nd: Tensor<2>, head_1d: Tensor<2>) -> Tensor<1> {
    let [n, _] = hidden_nd.dims();
    hidden_nd.matmul(head_1d.transpose()).reshape([n])
}

/// A standard normal number by Box and Muller (1958), from a generator whose stream is fixed across platforms.
fn standard_normal(rng: &mut ChaCha8Rng) -> f32 {
    use rand::Rng;
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()) as f32
}
