//! open-instruct: a bit a test.

use rlef_serve::Bounds;
use serde_json::json;

use super::keys;
use crate::client::post;
use crate::straw::{Straw, server};

#[test]
fn open_instruct_gets_a_bit_a_test() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let tests = json!([{"input": "1", "output": "1"}, {"input": "2", "output": "2"}]);
    for tests in [tests.clone(), tests.to_string().into()] {
        let body = json!({"program": "print 1", "tests": tests, "max_execution_time": 2.0});
        let said = post(server.address(), "/test_program_stdio", &body).json();
        assert_eq!(said["results"], json!([1, 0]));
        assert_eq!(
            (
                said["runtimes"][0].as_f64().unwrap() > 0.0,
                &said["runtimes"][1]
            ),
            (true, &json!(-1.0))
        );
    }
    let none = json!({"program": "x", "tests": []});
    assert_eq!(
        post(server.address(), "/test_program", &none).json(),
        json!({"results": [], "runtimes": []})
    );
    let broken = json!({"program": "break", "tests": tests});
    let answer = post(
        server.address(),
        "/open-instruct/test_program_stdio",
        &broken,
    );
    assert_eq!((answer.status, keys(&answer.json())), (500, vec!["detail"]));
    for tests in [
        json!("eJw="),
        json!([{"input": "1"}]),
        json!(["f(1) == 2"]),
        json!(7),
    ] {
        let path = if tests[0].is_object() {
            "/test_program_stdio"
        } else {
            "/test_program"
        };
        let answer = post(
            server.address(),
            path,
            &json!({"program": "x", "tests": tests}),
        );
        assert_eq!(answer.status, 422, "{tests}: {answer:?}");
    }
}
