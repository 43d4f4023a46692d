//! OpenRLHF and slime: numbers.

use rlef_serve::Bounds;
use serde_json::{Value, json};

use super::keys;
use crate::client::post;
use crate::straw::{Straw, server};

#[test]
fn openrlhf_and_slime_get_numbers_and_a_failure_is_none() {
    let straw = Straw::new(2);
    let server = server(&straw, Bounds::default());
    let fenced = |source: &str| format!("```python\n{source}\n```");
    // The prompt has code of its own, which is none of the answer's.
    let prompt = format!("Like {}", fenced("print 9"));
    let own = json!({"inputs": ["x"], "outputs": ["5"]});
    let body = json!({
        "query": [format!("{prompt}{}", fenced("print 7")), format!("{prompt} no"), fenced("print 5"), fenced("print 5")],
        "prompts": [prompt, prompt, "", ""],
        "labels": ["7", 7, own, own.to_string()],
    });
    for path in ["/openrlhf", "/openrlhf/get_reward"] {
        let said = post(server.address(), path, &body).json();
        assert_eq!(
            (&said["rewards"], &said["scores"]),
            (&json!([1.0, 0.0, 1.0, 1.0]), &json!([1.0, 0.0, 1.0, 1.0]))
        );
        assert_eq!(
            said["extra_logs"]["passed_tests"],
            json!([1.0, 0.0, 1.0, 1.0])
        );
    }
    let broken = json!({"query": [fenced("break"), fenced("print 7")], "prompts": ["", ""], "labels": ["7", "7"]});
    let answer = post(server.address(), "/openrlhf", &broken);
    assert_eq!(answer.status, 500);
    assert_eq!(keys(&answer.json()), ["error"]);
    let uneven = json!({"query": ["x"], "prompts": [], "labels": []});
    assert_eq!(post(server.address(), "/openrlhf", &uneven).status, 400);
    let slime = |response: &str, label: Value| {
        let body = json!({"prompt": "p", "response": response, "label": label});
        post(server.address(), "/slime", &body)
    };
    assert_eq!(slime(&fenced("print 7"), json!("7")).json(), json!(1.0));
    assert_eq!(
        slime(&fenced("print 8"), json!({"problem_id": "7"})).json(),
        json!(0.0)
    );
    assert_eq!(slime(&fenced("break"), json!("7")).status, 500);
    assert_eq!(slime("x", json!("none")).status, 404);
    assert_eq!(slime("x", json!([1])).status, 400);
}
