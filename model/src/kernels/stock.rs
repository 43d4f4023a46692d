//! The decoder's hot parts and their gradients in stock operations, for backends without kernels: they are computed in pieces
//! of a bounded size, and what a piece worked with is computed again on the way back. Tensors here belong to no graph.

mod attention;

use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData, activation};

#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub(super) use attention::{attention, attention_gradients};

use super::extension::Targets;
use super::swiglu::{Curve, gelu_argument};
use super::target_log_probs::rows_at_once;

/// Gradients of the stream and of the weight, as in [`super::rms_norm`].
pub(super) fn rms_norm_gradients(
    x_btd: Tensor<3>,
    weight_d: Tensor<1>,
    epsilon: f32,
    gradient_btd: Tensor<3>,
) -> (Tensor<3>, Tensor<1>) {
    let [_, _, d] = x_btd.dims();
    let scale = (x_btd.clone().square().mean_dim(2) + epsilon)
        .sqrt()
        .recip();
    let normed = x_btd * scale.clone();
    let of_weight = (gradient_btd.clone() * normed.clone()).sum_dims(&[0, 1]);
    let pulled = gradient_btd * weight_d.unsqueeze::<3>();
    // d scale / d x = −x · scale³ / d
    let mean = (pulled.clone() * normed.clone()).mean_dim(2);
    let of_x = (pulled - normed * mean) * scale;
    (of_x, of_weight.reshape([d]))
}

/// Gradients of gate and up, as in [`super::gated_by`].
pub(super) fn gate_gradients(
    [gate_btf, up_btf]: [Tensor<3>; 2],
    curve: Curve,
    gradient_btf: Tensor<3>,
) -> [Tensor<3>; 2] {
    let (opening, bend) = match curve {
        Curve::Silu => (activation::sigmoid(gate_btf.clone()), None),
        Curve::GeluTanh => {
            let (argument, slope) = gelu_argument(&gate_btf);
            (activation::sigmoid(argument), Some(slope))
        }
    };
    let value = gate_btf * opening.clone();
    // (g · σ(u))′ = σ(u) + g · σ(u) · (1 − σ(u)) · u′
    let mut rest = -opening.clone() + 1.0;
    if let Some(bend) = bend {
        rest = rest * bend;
    }
    let slope = opening + value.clone() * rest;
    [gradient_btf.clone() * up_btf * slope, gradient_btf * value]
}

/// As [`super::target_log_probs`].
pub(super) fn target_log_probs(
    hidden_nd: &Tensor<2>,
    head_vd: &Tensor<2>,
    targets: &Targets,
) -> (Tensor<1>, Tensor<1>) {
    let pieces = pieces(hidden_nd, head_vd, targets).map(|piece| {
        let log_probs = piece.log_probs(head_vd);
        let of_targets = log_probs.clone().gather(1, piece.tokens.clone());
        let entropies = (log_probs.clone().exp() * log_probs).sum_dim(1).neg();
        (of_targets, entropies)
    });
    let (log_probs, entropies): (Vec<_>, Vec<_>) = pieces.unzip();
    let joined = |pieces| Tensor::cat(pieces, 0).flatten(0, 1);
    (joined(log_probs), joined(entropies))
}

/// Gradients of the hidden states and, where `of_head` asks for it, of the head.
pub(super) fn target_log_probs_gradients(
    hidden_nd: &Tensor<2>,
    head_vd: &Tensor<2>,
    targets: &Targets,
    gradient_n: Tensor<1>,
    of_head: bool,
) -> (Tensor<2>, Option<Tensor<2>>) {
    let n = targets.tokens.len();
    let pulls = gradient_n.reshape([n, 1]) / targets.temperature;
    let mut of_hidden = Vec::new();
    let mut head_gradient: Option<Tensor<2>> = None;
    for piece in pieces(hidden_nd, head_vd, targets) {
        let [rows, _] = piece.tokens.dims();
        let pull = pulls.clone().narrow(0, piece.start, rows);
        // (1[token] − p) · pull
        let logits = piece.log_probs(head_vd).exp() * pull.clone().neg();
        let logits = logits.scatter(1, piece.tokens.clone(), pull, IndexingUpdateOp::Add);
        of_hidden.push(logits.clone().matmul(head_vd.clone()));
        if of_head {
            let more = logits.transpose().matmul(piece.hidden);
            head_gradient = Some(match head_gradient {
                Some(sum) => sum + more,
                None => more,
            });
        }
    }
    (Tensor::cat(of_hidden, 0), head_gradient)
}

/// Some of the rows whose logits are asked for.
struct Piece {
    /// Which is the first of them.
    start: usize,
    hidden: Tensor<2>,
    tokens: Tensor<2, Int>,
    temperature: f32,
}

impl Piece {
    fn log_probs(&self, head_vd: &Tensor<2>) -> Tensor<2> {
        let logits = self.hidden.clone().matmul(head_vd.clone().transpose());
        activation::log_softmax(logits / self.temperature, 1)
    }
}

fn pieces<'a>(
    hidden_nd: &'a Tensor<2>,
    head_vd: &Tensor<2>,
    targets: &'a Targets,
) -> impl Iterator<Item = Piece> + 'a {
    let [vocabulary, _] = head_vd.dims();
    let rows = rows_at_once(vocabulary);
    let chunks = targets.tokens.chunks(rows).enumerate();
    chunks.map(move |(index, tokens)| {
        let start = index * rows;
        let ids: Vec<i32> = tokens.iter().map(|&token| token as i32).collect();
        let ids = TensorData::new(ids, [tokens.len(), 1]);
        Piece {
            start,
            hidden: hidden_nd.clone().narrow(0, start, tokens.len()),
            tokens: Tensor::from_data(ids, &hidden_nd.device()),
            temperature: targets.temperature,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, assert_way_back, elements, random};
    use super::super::{rms_norm, swiglu, target_log_probs as composed};
    use super::*;

    #[test]
    fn a_norm_has_the_gradients_of_its_graph_and_of_its_slopes() {
        for shape @ [_, _, d] in [[1, 1, 3], [2, 7, 64], [3, 50, 37]] {
            assert_way_back(
                [shape.iter().product(), d],
                |[x, weight]| rms_norm::composed(x.reshape(shape), weight, 1e-5).flatten::<1>(0, 2),
                |[x, weight], gradient| {
                    let (x, gradient) = (x.reshape(shape), gradient.reshape(shape));
                    let (of_x, of_weight) = rms_norm_gradients(x, weight, 1e-5, gradient);
                    [of_x.flatten::<1>(0, 2), of_weight]
                },
            );
        }
    }

    #[test]
    fn a_gate_has_the_gradients_of_its_graph_and_of_its_slopes() {
        let shape = [2, 5, 33];
        for curve in [Curve::Silu, Curve::GeluTanh] {
            assert_way_back(
                [330, 330],
                |[gate, up]| {
                    let (gate, up) = (gate.reshape(shape), up.reshape(shape));
                    swiglu::composed(gate, up, curve).flatten::<1>(0, 2)
                },
                |inputs, gradient| {
                    let inputs = inputs.map(|x| x.reshape(shape));
                    let found = gate_gradients(inputs, curve, gradient.reshape(shape));
                    found.map(|x| x.flatten::<1>(0, 2))
                },
            );
        }
    }

    #[test]
    fn chunks_of_the_vocabulary_give_what_all_of_it_at_once_gives() {
        // The last one in three chunks, the one before it in rows of which each is a chunk's.
        for ([n, d, v], temperature) in [([1, 3, 2], 1.0), ([5, 8, 11], 0.7), ([1100, 6, 37], 1.3)]
        {
            let tokens: Vec<u32> = (0..n).map(|row| ((row * 7 + 3) % v) as u32).collect();
            let targets = Targets {
                tokens: tokens.clone().into(),
                temperature,
            };
            let shaped =
                |[hidden, head]: [Tensor<1>; 2]| (hidden.reshape([n, d]), head.reshape([v, d]));
            let whole = |inputs: [Tensor<1>; 2]| {
                let (hidden, head) = shaped(inputs);
                composed::composed(hidden, head, &tokens, f64::from(temperature))
            };
            assert_way_back(
                [n * d, v * d],
                |inputs| whole(inputs).0,
                |inputs, gradient| {
                    let (hidden, head) = shaped(inputs);
                    let (a, b) =
                        target_log_probs_gradients(&hidden, &head, &targets, gradient, true);
                    [a.flatten::<1>(0, 1), b.unwrap().flatten::<1>(0, 1)]
                },
            );
            let (hidden, head) = (random(1, [n, d]), random(2, [v, d]));
            let (log_probs, entropies) = target_log_probs(&hidden, &head, &targets);
            let expected = whole([hidden.flatten(0, 1), head.flatten(0, 1)]);
            assert_close(&elements(log_probs), &elements(expected.0), 1e-5);
            assert_close(&elements(entropies), &elements(expected.1), 1e-5);
        }
    }
}
