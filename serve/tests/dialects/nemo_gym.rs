//! NeMo-Gym: requests that come back with a reward.

use rlef_serve::Bounds;
use serde_json::{Value, json};

use crate::client::{get, post};
use crate::straw::{Straw, server};

#[test]
fn nemo_gym_gets_its_request_back_with_a_reward_or_a_mask() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let verify = |text: &str, tests: Value| {
        let body = json!({
            "responses_create_params": {"input": [{"role": "user", "content": "q"}]},
            "response": {"id": "r", "output": [
                {"type": "reasoning", "summary": []},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]},
            ]},
            "verifier_metadata": {"unit_tests": tests, "difficulty": "easy"},
            "agent_ref": {"name": "a"},
        });
        let answer = post(server.address(), "/nemo-gym/verify", &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let said = answer.json();
        for field in [
            "responses_create_params",
            "response",
            "verifier_metadata",
            "agent_ref",
        ] {
            assert_eq!(said[field], body[field]);
        }
        assert_eq!(said["difficulty"], "easy");
        said
    };
    let tests = json!({"inputs": ["a", "b"], "outputs": ["1", "1"], "fn_name": null});
    let said = verify("```python\nprint 1\n```", tests.clone());
    assert_eq!(
        (&said["reward"], &said["mask_sample"], &said["result"]),
        (&json!(1.0), &json!(false), &json!([true, true]))
    );
    assert_eq!(
        (&said["extracted_model_code"], &said["failure_kind"]),
        (&json!("print 1"), &Value::Null)
    );
    let said = verify("```python\nprint 2\n```", tests.clone());
    assert_eq!(
        (&said["reward"], &said["metadata"]["error_code"]),
        (&json!(0.0), &json!(-2))
    );
    let said = verify(" ", tests.clone());
    assert_eq!(
        (&said["reward"], &said["mask_sample"]),
        (&json!(0.0), &json!(false))
    );
    let said = verify("```python\nbreak\n```", tests.clone());
    assert_eq!(
        (&said["reward"], &said["mask_sample"], &said["failure_kind"]),
        (&json!(0.0), &json!(true), &json!("rlef:infrastructure"))
    );
    assert!(said["failure_reason"].is_string());
    // Packed, as zlib and base64.
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packer, tests.to_string().as_bytes()).unwrap();
    let packed = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        packer.finish().unwrap(),
    );
    let said = verify(
        "```python\nprint 1\n```",
        json!({"packed": packed, "fn_name": null}),
    );
    assert_eq!(said["reward"], 1.0);
    assert_eq!(
        post(server.address(), "/seed_session", &json!({"anything": 1})).json(),
        json!({})
    );
    let seed =
        json!({"resources_session_id": "s", "episode_id": "e", "task_id": "t", "task_data": {}});
    assert_eq!(
        post(server.address(), "/seed_session", &seed).json(),
        json!({"resources_session_id": "s"})
    );
    assert_eq!(
        post(server.address(), "/close_session", &seed).json()["resources_session_id"],
        "s"
    );
    assert_eq!(get(server.address(), "/reverify_mode").json(), "stateless");
    let all = json!({"verify_responses": [{"reward": 1.0}, {"reward": 0.0}, {"reward": 0.0, "mask_sample": true}]});
    let said = post(server.address(), "/aggregate_metrics", &all).json();
    assert_eq!(
        (
            &said["agent_metrics"]["mean/reward"],
            &said["agent_metrics"]["masked_samples"]
        ),
        (&json!(0.5), &json!(1))
    );
}
