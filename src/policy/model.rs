//! A Llama-architecture decoder on Burn: tokens → hidden states → log-probabilities or values.
//! RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied or untied head
//! (Touvron et al. 2023, arXiv 2302.13971; Ainslie et al. 2023, arXiv 2305.13245).
//! Knows nothing of files, text or losses.

use burn::tensor::{Device, Int, Tensor, TensorData, module};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::kernels::{self, RopeTable};

/// Shape of a decoder, in the field names of a Hugging Face `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the SwiGLU's inner layer.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; divides `num_attention_heads`.
    pub num_key_value_heads: usize,
    /// Width of one head; even.
    pub head_dim: usize,
    /// Number of tokens.
    pub vocab_size: usize,
    /// Longest sequence.
    pub max_position_embeddings: usize,
    /// Added to the mean square in RMSNorm.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Whether the head is the embedding table.
    pub tie_word_embeddings: bool,
}

/// Every parameter as a matrix, in a fixed order; a norm's weight is `[1, d]`, a linear map `[out, in]`.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Names as in a Hugging Face checkpoint.
    pub names: Vec<String>,
    /// The matrices, in the order of `names`.
    pub tensors: Vec<Tensor<2>>,
}

impl Weights {
    /// The same values as leaves of an autodiff graph, each asking for its gradient.
    #[must_use]
    pub fn tracked(&self) -> Self {
        self.map(|tensor| tensor.inner().autodiff().require_grad())
    }

    /// The same values without any autodiff association.
    #[must_use]
    pub fn plain(&self) -> Self {
        self.map(Tensor::inner)
    }

    fn map(&self, change: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        Self {
            names: self.names.clone(),
            tensors: self.tensors.iter().cloned().map(change).collect(),
        }
    }
}

/// What is read from the last hidden state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// A distribution over tokens.
    Language,
    /// One number per position (RLEF's value network, arXiv 2410.02089 section 2.2).
    Value,
}

/// The decoder: its shape and its parameters.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Shape.
    pub config: ModelConfig,
    /// Parameters; the last one is the value head where there is one.
    pub weights: Weights,
}

const LAYER_PARAMETERS: [&str; 9] = [
    "input_layernorm.weight",
    "self_attn.q_proj.weight",
    "self_attn.k_proj.weight",
    "self_attn.v_proj.weight",
    "self_attn.o_proj.weight",
    "post_attention_layernorm.weight",
    "mlp.gate_proj.weight",
    "mlp.up_proj.weight",
    "mlp.down_proj.weight",
];

impl ModelConfig {
    /// Names and shapes of all parameters, in the order of [`Weights`].
    pub fn parameters(&self, head: Head) -> Vec<(String, [usize; 2])> {
        let (d, f) = (self.hidden_size, self.intermediate_size);
        let (q, kv) = (
            self.num_attention_heads * self.head_dim,
            self.num_key_value_heads * self.head_dim,
        );
        let shapes = [
            [1, d],
            [q, d],
            [kv, d],
            [kv, d],
            [d, q],
            [1, d],
            [f, d],
            [f, d],
            [d, f],
        ];
        let mut all = vec![("model.embed_tokens.weight".to_owned(), [self.vocab_size, d])];
        for layer in 0..self.num_hidden_layers {
            for (name, shape) in LAYER_PARAMETERS.iter().zip(shapes) {
                all.push((format!("model.layers.{layer}.{name}"), shape));
            }
        }
        all.push(("model.norm.weight".to_owned(), [1, d]));
        match head {
            Head::Language if self.tie_word_embeddings => {}
            Head::Language => all.push(("lm_head.weight".to_owned(), [self.vocab_size, d])),
            Head::Value => all.push(("value_head.weight".to_owned(), [1, d])),
        }
        all
    }
}

impl Decoder {
    /// A random decoder: normal weights of deviation 0.02, residual outputs scaled by depth (GPT-2's rule),
    /// norms at one. The same seed gives the same weights.
    pub fn random(config: &ModelConfig, seed: u64, device: &Device) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let residual = 1.0 / (2.0 * config.num_hidden_layers as f32).sqrt();
        let (names, tensors) = config
            .parameters(Head::Language)
            .into_iter()
            .map(|(name, [rows, columns])| {
                let tensor = if name.ends_with("norm.weight") {
                    Tensor::ones([rows, columns], device)
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
        }
    }

    /// The same body with a value head at zero in place of the language head, so that the first
    /// advantages are plain returns (N implementation details, "value head init 0").
    #[must_use]
    pub fn value_network(&self) -> Self {
        let body = 2 + LAYER_PARAMETERS.len() * self.config.num_hidden_layers;
        let mut weights = self.weights.clone();
        weights.names.truncate(body);
        weights.tensors.truncate(body);
        let device = weights.tensors[0].device();
        weights.names.push("value_head.weight".to_owned());
        weights
            .tensors
            .push(Tensor::zeros([1, self.config.hidden_size], &device));
        Self {
            config: self.config.clone(),
            weights,
        }
    }

    /// The same decoder with other weights of the same shapes.
    #[must_use]
    pub fn with_weights(&self, weights: Weights) -> Self {
        Self {
            config: self.config.clone(),
            weights,
        }
    }

    /// Where the parameters live.
    pub fn device(&self) -> Device {
        self.weights.tensors[0].device()
    }

    /// Final hidden states `[b, t, d]` of whole rows of tokens, causal, positions counted from the left.
    ///
    /// `lengths_b` says how many tokens of each right-padded row are real; hidden states of padding are
    /// unspecified and must not be read.
    pub fn hidden(&self, tokens_bt: Tensor<2, Int>, lengths_b: &[usize]) -> Tensor<3> {
        let [_, t] = tokens_bt.dims();
        let rope = RopeTable::new(self.config.head_dim, t, self.config.rope_theta);
        self.run(tokens_bt, |_, q, k, v| {
            kernels::attention(q, k, v, lengths_b, &rope)
        })
    }

    /// Runs all blocks; `attend(layer, q_bthd, k_btgd, v_btgd) → [b, t, h, d]` decides who sees whom.
    pub(crate) fn run(
        &self,
        tokens_bt: Tensor<2, Int>,
        mut attend: impl FnMut(usize, Tensor<4>, Tensor<4>, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<3> {
        let config = &self.config;
        let [b, t] = tokens_bt.dims();
        let (h, g, dh) = (
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
        );
        let mut x_btd = module::embedding(self.weights.tensors[0].clone(), tokens_bt);
        for layer in 0..config.num_hidden_layers {
            let w = &self.weights.tensors[1 + layer * LAYER_PARAMETERS.len()..];
            let y = self.norm(x_btd.clone(), &w[0]);
            let q = linear(y.clone(), &w[1]).reshape([b, t, h, dh]);
            let k = linear(y.clone(), &w[2]).reshape([b, t, g, dh]);
            let v = linear(y, &w[3]).reshape([b, t, g, dh]);
            let attended = attend(layer, q, k, v).reshape([b, t, h * dh]);
            x_btd = x_btd + linear(attended, &w[4]);
            let y = self.norm(x_btd.clone(), &w[5]);
            let inner = kernels::swiglu(linear(y.clone(), &w[6]), linear(y, &w[7]));
            x_btd = x_btd + linear(inner, &w[8]);
        }
        let last = 1 + config.num_hidden_layers * LAYER_PARAMETERS.len();
        self.norm(x_btd, &self.weights.tensors[last])
    }

    /// The matrix `[v, d]` that maps a hidden state to logits (or `[1, d]` of a value network).
    pub fn head(&self) -> Tensor<2> {
        let index = if self
            .weights
            .names
            .last()
            .is_some_and(|name| name.ends_with("head.weight"))
        {
            self.weights.tensors.len() - 1
        } else {
            0
        };
        self.weights.tensors[index].clone()
    }

    fn norm(&self, x_btd: Tensor<3>, weight: &Tensor<2>) -> Tensor<3> {
        let d = self.config.hidden_size;
        kernels::rms_norm(x_btd, weight.clone().reshape([d]), self.config.rms_norm_eps)
    }
}

/// `x [b, t, in]` times `weight [out, in]` transposed.
fn linear(x_btd: Tensor<3>, weight: &Tensor<2>) -> Tensor<3> {
    let [b, t, d] = x_btd.dims();
    let [out, _] = weight.dims();
    x_btd
        .reshape([b * t, d])
        .matmul(weight.clone().transpose())
        .reshape([b, t, out])
}

/// Hidden states `[n, d]` at the given places of a flattened `[b * t]` grid.
pub fn gather_rows(hidden_btd: Tensor<3>, places: &[usize]) -> Tensor<2> {
    let [b, t, d] = hidden_btd.dims();
    let indices: Vec<i32> = places.iter().map(|&place| place as i32).collect();
    let device = hidden_btd.device();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [places.len()]), &device);
    hidden_btd.reshape([b * t, d]).select(0, indices)
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
