//! Requests and answers of each row.

use super::*;
use serde_json::json;

const FORM: Form<'static> = Form {
    model: "m",
    limit: LimitField::Max,
};

fn question<'a>(options: &'a Options, ids: &'a [u32], ends: &'a [u32]) -> Question<'a> {
    Question {
        ids,
        ends,
        version: Some(4),
        ..Question::of_text(&[], options, u64::MAX)
    }
}

#[test]
fn a_served_context_is_that_of_the_model() {
    let list = json!({"data": [{"id": "other", "max_model_len": 8192}, {"id": "m", "max_model_len": 512}]});
    assert_eq!(context(&list, "m"), Some(512));
    assert_eq!(context(&list, ""), Some(8192));
    assert_eq!(context(&json!({"data": [{"id": "m"}]}), "m"), None);
    assert_eq!(context(&json!([]), "m"), None);
}

#[test]
fn what_an_engine_computes_with_is_found_wherever_it_says_it() {
    let of = |value: Value| precision(&value);
    for (value, expected) in [
        (json!({"dtype": "bfloat16"}), Some(Precision::Bf16)),
        (
            json!({"vllm_config": {"model_config": {"kv_cache_dtype": "float16", "dtype": "torch.bfloat16"}}}),
            Some(Precision::Bf16),
        ),
        (
            json!({"vllm_config": "model='m', dtype=torch.float16, max_seq_len=4096"}),
            Some(Precision::F16),
        ),
        (json!({"torch_dtype": "float32"}), Some(Precision::F32)),
        (
            json!({"dtype": "auto", "model_config": {"dtype": "half"}}),
            Some(Precision::F16),
        ),
        (json!({"dtype": "auto"}), None),
        (
            json!({"kv_cache_dtype": "bfloat16", "quant_dtype": "float16"}),
            None,
        ),
        (json!({"detail": "Not Found"}), None),
        (json!(null), None),
    ] {
        assert_eq!(of(value.clone()), expected, "{value}");
    }
}

#[test]
fn an_adapter_is_asked_by_its_name_and_loaded_before_the_old_one_goes() {
    let options = Options::default();
    let question = Question {
        adapter: Some("rlef-000004"),
        version: None,
        ..question(&options, &[5], &[])
    };
    assert_eq!(VLLM.body(&question, &FORM)["model"], "rlef-000004");
    assert_eq!(SGLANG.body(&question, &FORM)["lora_path"], "rlef-000004");
    for engine in [VLLM, SGLANG] {
        let told = engine.adapt(Path::new("/w/v"), "new", Some("old"));
        let paths: Vec<&str> = told.iter().map(|(path, _)| *path).collect();
        assert!(
            paths[0].contains("/load") || paths[0].starts_with("load"),
            "{paths:?}"
        );
        assert!(paths[1].contains("unload"), "{paths:?}");
        assert_eq!(told[0].1["lora_name"], "new");
        assert_eq!(told[0].1["lora_path"], "/w/v");
        assert_eq!(told[1].1["lora_name"], "old");
        assert_eq!(engine.adapt(Path::new("/w/v"), "new", None).len(), 1);
    }
}

#[test]
fn names_are_distinct() {
    let names: std::collections::BTreeSet<&str> = TABLE.iter().map(|row| row.name()).collect();
    assert_eq!(names.len(), TABLE.len());
}

#[test]
fn engines_are_given_ids_and_asked_for_the_policy_s_own_log_probabilities() {
    let options = Options {
        temperature: Some(1.0),
        max_tokens: Some(9),
        stop: vec!["\n\n".to_owned()],
        ..Options::default()
    };
    let question = question(&options, &[5, 6], &[3]);
    let vllm = VLLM.body(&question, &FORM);
    assert_eq!(
        (&vllm["token_ids"], &vllm["model"]),
        (&json!([5, 6]), &json!("m"))
    );
    let parameters = &vllm["sampling_params"];
    assert_eq!(parameters["logprobs"], 0);
    assert_eq!(parameters["seed"], i64::MAX);
    let sglang = SGLANG.body(&question, &FORM);
    assert_eq!(sglang["input_ids"], json!([5, 6]));
    assert_eq!(sglang["return_logprob"], true);
    for parameters in [parameters, &sglang["sampling_params"]] {
        assert_eq!(parameters["stop_token_ids"], json!([3]));
        assert_eq!(parameters["stop"], json!(["\n\n"]));
        // A checkpoint's own settings would stand in for what is left out.
        assert_eq!(parameters["repetition_penalty"], 1.0);
        for neutral in ["presence_penalty", "frequency_penalty", "min_p"] {
            assert_eq!(parameters[neutral], 0.0, "{neutral}");
        }
    }
}

#[test]
fn an_answer_of_vllm_is_read_and_one_without_log_probabilities_says_what_to_start_with() {
    let options = Options::default();
    let read = |answer: &Value| VLLM.read(answer, &question(&options, &[], &[]));
    let entry = |id: u32, logprob: f64| json!({"token_id": id, "logprob": logprob, "rank": 1});
    let answer = json!({"choices": [{"token_ids": [7, 3], "finish_reason": "stop",
        "logprobs": {"content": [entry(7, -0.5), entry(3, -1.25)]}}]});
    let reply = read(&answer).unwrap();
    let sampled = reply.sampled.unwrap();
    assert_eq!(
        (sampled.ids, sampled.log_probs),
        (vec![7, 3], vec![-0.5, -1.25])
    );
    assert!(!reply.cut);
    let mut silent = answer.clone();
    silent["choices"][0]["logprobs"] = Value::Null;
    assert!(read(&silent).unwrap_err().contains("processed_logprobs"));
    let mut other = answer;
    other["choices"][0]["token_ids"] = json!([7, 4]);
    assert!(read(&other).unwrap_err().contains("place 1"));
    assert!(read(&json!({})).unwrap_err().contains("token_ids"));
}

fn sglang() -> Value {
    json!({"output_ids": [7, 3], "meta_info": {"weight_version": "4", "finish_reason": {"type": "length"},
        "output_token_logprobs": [[-0.5, 7, null], [-1.25, 3, null]]}})
}

#[test]
fn an_answer_of_sglang_must_be_of_the_right_version() {
    let options = Options::default();
    let read = |answer: &Value| SGLANG.read(answer, &question(&options, &[], &[]));
    let reply = read(&sglang()).unwrap();
    let sampled = reply.sampled.unwrap();
    assert_eq!(
        (sampled.ids, sampled.log_probs, reply.cut),
        (vec![7, 3], vec![-0.5, -1.25], true)
    );
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut answer = sglang();
        change(&mut answer);
        read(&answer).unwrap_err()
    };
    let stale = refused(&|answer| answer["meta_info"]["weight_version"] = "3".into());
    assert!(stale.contains("version 3"), "{stale}");
    let silent = refused(&|answer| answer["meta_info"]["output_token_logprobs"] = Value::Null);
    assert!(silent.contains("output_token_logprobs"), "{silent}");
    let longer = refused(&|answer| answer["output_ids"] = json!([7, 3, 9]));
    assert!(longer.contains("3 tokens and 2"), "{longer}");
    let other = refused(&|answer| answer["output_ids"] = json!([7, 9]));
    assert!(other.contains("place 1"), "{other}");
}
