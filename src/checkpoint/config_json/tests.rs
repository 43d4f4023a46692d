use serde_json::{Value, json};

use super::limits::{LARGEST, MOST_BLOCKS};
use super::*;
use crate::model::rope::RopeScaling;

fn file(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut file = json!({
        "model_type": "qwen2", "hidden_act": "silu", "hidden_size": 8, "intermediate_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 32,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": true,
        "eos_token_id": [3, 4], "use_sliding_window": false, "sliding_window": 32, "max_window_layers": 2
    });
    change(&mut file);
    file.to_string().into_bytes()
}

#[test]
fn shapes_and_frequencies_that_compute_nothing_are_refused() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 8] = [
        (
            |file| file["rope_scaling"] = json!({"rope_type": "linear", "factor": 0}),
            "entry factor",
        ),
        (
            |file| file["rope_scaling"] = json!({"rope_type": "linear", "factor": -2}),
            "entry factor",
        ),
        (
            |file| file["rope_scaling"] = json!({"rope_type": "yarn", "factor": 0}),
            "entry factor",
        ),
        (
            |file| {
                file["rope_scaling"] = json!({"rope_type": "yarn", "factor": 4, "beta_slow": 0});
            },
            "entry beta_slow",
        ),
        (
            |file| {
                file["rope_scaling"] = json!({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
                    "high_freq_factor": 1, "original_max_position_embeddings": 16});
            },
            "entry high_freq_factor",
        ),
        (
            |file| {
                file["rope_theta"] = json!(1);
                file["rope_scaling"] = json!({"rope_type": "yarn", "factor": 4,
                    "original_max_position_embeddings": 1024});
            },
            "finite frequencies",
        ),
        (
            |file| {
                for name in ["hidden_size", "intermediate_size", "vocab_size"] {
                    file[name] = json!(LARGEST);
                }
                file["num_hidden_layers"] = json!(MOST_BLOCKS);
                file["head_dim"] = json!(2);
            },
            "parameters, found one of",
        ),
        (
            |file| {
                file["hidden_size"] = json!(1 << 16);
                file["intermediate_size"] = json!(LARGEST);
                file["num_hidden_layers"] = json!(MOST_BLOCKS);
                file["head_dim"] = json!(2);
            },
            "parameters, found one of",
        ),
    ];
    parse(&file(|_| ())).unwrap();
    for (change, words) in cases {
        let reason = parse(&file(change)).unwrap_err();
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let scaling = RopeScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 16,
    };
    let (_, shape, tokens) = parse(&file(|_| ())).unwrap();
    assert_eq!(
        (shape.head_dim, tokens.ends.as_slice()),
        (2, [3, 4].as_slice())
    );
    for family in [Family::Llama, Family::Mistral, Family::Qwen2, Family::Qwen3] {
        for rope_scaling in [None, Some(scaling)] {
            let extras = Extras {
                query_key_value_bias: family == Family::Qwen2,
                query_key_norm: family == Family::Qwen3,
                ..Extras::default()
            };
            let shape = ModelConfig {
                rope_scaling,
                extras,
                ..shape.clone()
            };
            let text = render(family, &shape, &tokens, "float32").to_string();
            assert_eq!(
                parse(text.as_bytes()).unwrap(),
                (family, shape, tokens.clone())
            );
        }
    }
}

/// As google/gemma-3-1b-it has it, smaller.
fn gemma_file(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut file = json!({
        "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "hidden_activation": "gelu_pytorch_tanh",
        "attention_bias": false, "attention_dropout": 0.0, "attn_logit_softcapping": null, "final_logit_softcapping": null,
        "cache_implementation": "hybrid", "bos_token_id": 2, "eos_token_id": [1, 106], "pad_token_id": 0, "head_dim": 8,
        "hidden_size": 12, "initializer_range": 0.02, "intermediate_size": 24, "max_position_embeddings": 64,
        "num_attention_heads": 4, "num_hidden_layers": 3, "num_key_value_heads": 1, "query_pre_attn_scalar": 10,
        "rms_norm_eps": 1e-6, "rope_local_base_freq": 10_000, "rope_scaling": null, "rope_theta": 1_000_000,
        "sliding_window": 16, "sliding_window_pattern": 2, "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 120
    });
    change(&mut file);
    file.to_string().into_bytes()
}

#[test]
fn gemma_3_is_read_in_all_its_spellings_and_written_so_that_it_is_read_again() {
    type Change = fn(&mut Value);
    let (family, shape, tokens) = parse(&gemma_file(|_| ())).unwrap();
    let gemma = shape.extras.gemma.unwrap();
    assert!(shape.tie_word_embeddings && shape.extras.query_key_norm);
    let kinds: Vec<bool> = (0..3).map(|layer| gemma.is_local(layer)).collect();
    assert_eq!((gemma.sliding_window, kinds), (16, vec![true, false, true]));
    let again = render(family, &shape, &tokens, "bfloat16").to_string();
    let whole = (family, shape, tokens);
    assert_eq!(parse(again.as_bytes()).unwrap(), whole);
    let newer = parse(&gemma_file(|file| {
        for name in [
            "sliding_window_pattern",
            "rope_theta",
            "rope_local_base_freq",
        ] {
            file.as_object_mut().unwrap().remove(name);
        }
        file["layer_types"] = json!(["sliding_attention", "full_attention", "sliding_attention"]);
        file["rope_parameters"] = json!({"full_attention": {"rope_type": "default", "rope_theta": 1_000_000},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10_000}});
    }));
    assert_eq!(newer.unwrap(), whole);
    let cases: [(Change, &str); 8] = [
        (|file| file["model_type"] = json!("gemma3"), "pictures"),
        (
            |file| file["hidden_activation"] = json!("gelu"),
            "hidden_activation",
        ),
        (
            |file| file["final_logit_softcapping"] = json!(30.0),
            "final_logit_softcapping",
        ),
        (
            |file| {
                file["layer_types"] =
                    json!(["full_attention", "sliding_attention", "sliding_attention"]);
            },
            "layer_types",
        ),
        (
            |file| file["sliding_window"] = Value::Null,
            "sliding_window",
        ),
        (
            |file| file["query_pre_attn_scalar"] = json!(0),
            "query_pre_attn_scalar",
        ),
        (|file| file["head_dim"] = Value::Null, "head_dim"),
        (
            |file| file["use_bidirectional_attention"] = json!(true),
            "use_bidirectional_attention",
        ),
    ];
    for (change, words) in cases {
        let reason = parse(&gemma_file(change)).unwrap_err();
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn rotary_entries_of_transformers_5_are_read() {
    let text = file(|file| {
        file.as_object_mut().unwrap().remove("rope_theta");
        file["rope_parameters"] = json!({"rope_type": "yarn", "rope_theta": 5e5, "factor": 4.0,
            "original_max_position_embeddings": 16});
    });
    let (_, shape, _) = parse(&text).unwrap();
    assert_eq!(shape.rope_theta, 5e5);
    assert!(matches!(
        shape.rope_scaling,
        Some(RopeScaling::Yarn {
            beta_fast: 32.0,
            ..
        })
    ));
}

#[test]
fn sizes_that_no_model_has_are_refused_before_anything_is_made() {
    let cases = [
        ("num_hidden_layers", json!(10_000_000), "num_hidden_layers"),
        ("num_hidden_layers", json!(1_u64 << 40), "num_hidden_layers"),
        ("num_hidden_layers", json!(0), "num_hidden_layers"),
        ("hidden_size", json!(1_u64 << 63), "hidden_size"),
        ("hidden_size", json!(0), "hidden_size"),
        ("vocab_size", json!(1_u64 << 40), "vocab_size"),
        ("intermediate_size", json!(u64::MAX), "intermediate_size"),
        ("head_dim", json!(1_u64 << 50), "head_dim"),
        (
            "head_dim",
            json!(1_u64 << 23),
            "num_attention_heads and head_dim",
        ),
        (
            "max_position_embeddings",
            json!(1_u64 << 50),
            "max_position_embeddings",
        ),
        ("rms_norm_eps", json!(-1.0), "rms_norm_eps"),
        ("rope_theta", json!(0.0), "rope_theta"),
    ];
    for (name, value, expected) in cases {
        let reason = parse(&file(|file| file[name] = value)).unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }
    // Deep, wide and long, and still a shape that can be spoken of.
    let large = file(|file| {
        file["num_hidden_layers"] = json!(500);
        file["hidden_size"] = json!(65_536);
        file["max_position_embeddings"] = json!(10_485_760);
    });
    parse(&large).unwrap();
}

#[test]
fn what_would_compute_something_else_is_refused_by_name() {
    let cases: [(&str, Value, &str); 8] = [
        (
            "model_type",
            json!("mixtral"),
            "field model_type: expected \"llama\"",
        ),
        (
            "hidden_act",
            json!("gelu"),
            "field hidden_act: expected \"silu\", found \"gelu\"",
        ),
        (
            "use_sliding_window",
            json!(true),
            "field use_sliding_window: expected false",
        ),
        (
            "quantization_config",
            json!({}),
            "field quantization_config: expected null",
        ),
        (
            "hidden_size",
            Value::Null,
            "field hidden_size: expected a whole number, found none",
        ),
        (
            "hidden_size",
            json!("8"),
            "field hidden_size: expected a whole number, found \"8\"",
        ),
        (
            "num_key_value_heads",
            json!(3),
            "field num_key_value_heads: expected a divisor",
        ),
        (
            "rope_scaling",
            json!({"type": "dynamic", "factor": 2.0}),
            "entry rope_type: expected default",
        ),
    ];
    for (name, value, expected) in cases {
        let reason = parse(&file(|file| file[name] = value)).unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }
}

/// As transformers, Unsloth, TRL, Axolotl and LLaMA-Factory leave it behind.
#[test]
fn what_other_tools_write_beside_a_model_changes_nothing() {
    let plain = parse(&file(|_| ())).unwrap();
    let written = file(|file| {
        for (name, value) in [
            ("unsloth_fixed", json!(true)),
            ("model_name", json!("a/b")),
            ("_attn_implementation_autoset", json!(true)),
            ("attn_implementation", json!("sdpa")),
            ("do_sample", json!(true)),
            ("temperature", json!(0.7)),
            ("max_length", json!(20)),
            ("is_decoder", json!(true)),
            ("is_encoder_decoder", json!(false)),
            ("pruned_heads", json!({})),
            ("quantization_config", Value::Null),
            ("problem_type", Value::Null),
            ("something_new", Value::Null),
            ("partial_rotary_factor", json!(1.0)),
        ] {
            file[name] = value;
        }
    });
    assert_eq!(parse(&written).unwrap(), plain);
    for (name, value) in [
        ("partial_rotary_factor", json!(0.5)),
        ("rope_interleaved", json!(true)),
        ("add_cross_attention", json!(true)),
        ("quantization_config", json!({"bits": 4})),
        ("pruned_heads", json!({"0": [1]})),
        ("something_new", json!(false)),
        ("use_qk_norm", json!(true)),
    ] {
        let reason = parse(&file(|file| file[name] = value)).unwrap_err();
        assert!(reason.starts_with(&format!("field {name}:")), "{reason}");
    }
}

#[test]
fn mistral_is_read_where_it_attends_to_all() {
    let read = |window: Value| {
        parse(&file(|file| {
            file["model_type"] = json!("mistral");
            file["sliding_window"] = window;
        }))
    };
    for window in [Value::Null, json!(64), json!(4096)] {
        let (family, shape, _) = read(window).unwrap();
        assert_eq!(family, Family::Mistral);
        assert!(!shape.extras.query_key_value_bias);
    }
    let reason = read(json!(32)).unwrap_err();
    assert!(
        reason.starts_with("field sliding_window: expected none"),
        "{reason}"
    );
}
