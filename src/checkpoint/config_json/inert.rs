//! Fields of a `config.json` that say nothing about what is computed here: transformers knows them for other models or other
//! tools write them. What is on no list is refused by name.

use serde_json::{Value, json};

use super::fields::Fields;

/// What they say can't change an answer or a gradient, whatever it is.
const INERT: &[&str] = &[
    // Who made the file, and how it is loaded elsewhere.
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_attn_implementation_internal",
    "_commit_hash",
    "_flash_attn_2_enabled",
    "_name_or_path",
    "architectures",
    "attn_implementation",
    "auto_map",
    "dtype",
    "is_llama_config",
    "keys_to_ignore_at_inference",
    "model_name",
    "pretraining_tp",
    "tie_encoder_decoder",
    "tokenizer_class",
    "torch_dtype",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "trl_version",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
    "use_mrope",
    // What a forward pass hands back there.
    "output_attentions",
    "output_hidden_states",
    "output_router_logits",
    "return_dict",
    "use_return_dict",
    "chunk_size_feed_forward",
    // How it was begun or trained; nothing is dropped out here.
    "attention_dropout",
    "classifier_dropout",
    "embd_pdrop",
    "hidden_dropout",
    "initializer_range",
    "resid_pdrop",
    "rope_init_type",
    // Windows of attention that other fields switch on.
    "max_window_layers",
    // Other tasks than to write.
    "finetuning_task",
    "id2label",
    "label2id",
    "num_labels",
    "prefix",
    "problem_type",
    "task_specific_params",
    "tf_legacy_loss",
    // Tokens that nothing here asks for.
    "cls_token_id",
    "decoder_start_token_id",
    "mask_token_id",
    "sep_token_id",
    "unk_token_id",
    // How to draw: transformers has long kept that in a file of its own, and so have commands and configurations here.
    "bad_words_ids",
    "cache_implementation",
    "begin_suppress_tokens",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "length_penalty",
    "max_length",
    "max_new_tokens",
    "min_length",
    "min_p",
    "model_max_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "penalty_alpha",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "suppress_tokens",
    "temperature",
    "tokenizer_model_max_length",
    "top_k",
    "top_p",
    "typical_p",
    "use_liger_kernel",
    "use_fused_rms_norm",
];

/// What they may say: with any other value something else is computed.
fn neutral() -> [(&'static str, Value); 12] {
    [
        ("hidden_act", json!("silu")),
        ("hidden_activation", json!("silu")),
        ("use_sliding_window", json!(false)),
        ("is_encoder_decoder", json!(false)),
        ("is_decoder", json!(false)),
        ("add_cross_attention", json!(false)),
        ("cross_attention_hidden_size", Value::Null),
        ("pruned_heads", json!({})),
        ("partial_rotary_factor", json!(1.0)),
        ("rope_interleaved", json!(false)),
        ("use_qk_norm", json!(false)),
        ("quantization_config", Value::Null),
    ]
}

/// Takes out the fields that change nothing, and refuses those that would.
pub(super) fn drop_neutral(fields: &mut Fields) -> Result<(), String> {
    // A decoder is one whether it is said or not.
    if fields.left.get("is_decoder") == Some(&Value::Bool(true)) {
        fields.take("is_decoder");
    }
    for (name, only) in neutral() {
        fields.fixed(name, &only)?;
    }
    fields
        .left
        .retain(|name, value| !value.is_null() && !INERT.contains(&name.as_str()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_twice_or_on_both_lists() {
        let mut names = INERT.to_vec();
        names.extend(neutral().map(|(name, _)| name));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
