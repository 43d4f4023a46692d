//! Under load: nothing is made up, nobody is starved, whoever leaves frees his place, and the end is orderly.

mod ends;

use std::sync::atomic::Ordering;
use std::time::Duration;

use rlef_serve::Bounds;
use serde_json::{Value, json};

use crate::client::{Client, get, post};
use crate::straw::{Straw, eventually, server};

fn judge(program: &str) -> Value {
    json!({"problem_id": "toy/1", "program": program})
}

fn metric(server: &rlef_serve::Server, name: &str) -> f64 {
    let text = get(server.address(), "/metrics").text;
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{name}: {text}"))
        .rsplit(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn a_full_house_is_said_with_when_to_come_again() {
    let straw = Straw::new(1);
    let bounds = Bounds {
        requests: 4,
        ..Bounds::default()
    };
    let server = server(&straw, bounds);
    let mut clients: Vec<Client> = (0..3)
        .map(|number| {
            let mut client = Client::new(server.address());
            client.send(
                "POST",
                "/v1/judge",
                Some(&judge(&format!("wait {number}")).to_string()),
            );
            client
        })
        .collect();
    eventually("three that wait", || metric(&server, "rlef_working") >= 3.0);
    // Nobody has all places.
    let answer = post(server.address(), "/v1/judge", &judge("print 1"));
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (429, Some("1")),
        "{answer:?}"
    );
    assert_eq!(answer.json()["error"]["kind"], "share");
    // Dialects say it their way.
    assert_eq!(
        post(
            server.address(),
            "/slime",
            &json!({"response": "", "label": "7"})
        )
        .status,
        429
    );
    straw.let_go();
    for client in &mut clients {
        assert_eq!(client.receive().unwrap().status, 200);
    }
    eventually("room", || {
        post(server.address(), "/v1/judge", &judge("print 1")).status == 200
    });
}

#[test]
fn a_run_that_is_not_served_in_its_clients_time_is_told_504_and_never_a_verdict() {
    let straw = Straw::new(1);
    let bounds = Bounds {
        requests: 2,
        margin: Duration::from_secs(7),
        ..Bounds::default()
    };
    let server = server(&straw, bounds);
    let run = |code: &str| json!({"code": code, "language": "python", "run_timeout": 0.1, "compile_timeout": 0.1});
    let mut waiting = Client::new(server.address());
    waiting.send("POST", "/run_code", Some(&run("wait").to_string()));
    eventually("a run", || straw.running.load(Ordering::SeqCst) == 1);
    // Three seconds of patience are left of 10.2; its turn doesn't come.
    let mut clients: Vec<Client> = (0..3)
        .map(|number| {
            let mut client = Client::new(server.address());
            client.send(
                "POST",
                "/run_code",
                Some(&run(&format!("wait {number}")).to_string()),
            );
            client
        })
        .collect();
    for client in &mut clients {
        let answer = client.receive().unwrap();
        assert_eq!(answer.status, 504, "{answer:?}");
        assert!(answer.json()["detail"].is_string());
    }
    assert_eq!(waiting.receive().unwrap().status, 504);
    eventually("the end of what ran", || {
        straw.running.load(Ordering::SeqCst) == 0
    });
    eventually("the next is run", || {
        post(server.address(), "/run_code", &run("print 1")).json()["run_result"]["stdout"] == "1"
    });
}

#[test]
fn who_hangs_up_frees_his_place_and_ends_what_runs_for_him() {
    let straw = Straw::new(1);
    let bounds = Bounds {
        requests: 8,
        ..Bounds::default()
    };
    let server = server(&straw, bounds);
    let run = json!({"code": "wait", "language": "python"});
    let batch = json!({"items": [judge("wait a"), judge("wait b"), judge("wait c")]});
    for (path, body, running) in [
        ("/v1/judge", judge("wait"), 1),
        ("/run_code", run, 1),
        ("/v1/judge/batch", batch, 3),
        (
            "/openrlhf",
            json!({"query": ["```python\nwait\n```"], "prompts": [""], "labels": ["7"]}),
            1,
        ),
    ] {
        let before = straw.cancelled.load(Ordering::SeqCst);
        let mut client = Client::new(server.address());
        client.send("POST", path, Some(&body.to_string()));
        eventually(path, || straw.running.load(Ordering::SeqCst) == running);
        drop(client);
        eventually("nothing runs", || straw.running.load(Ordering::SeqCst) == 0);
        assert_eq!(straw.cancelled.load(Ordering::SeqCst), before + running);
        eventually("nothing is held", || metric(&server, "rlef_waiting") == 0.0);
    }
    // What nobody waits for any more is not begun.
    let begun = straw.begun.lock().unwrap().len();
    let mut busy: Vec<Client> = (0..4)
        .map(|number| {
            let mut client = Client::new(server.address());
            client.send(
                "POST",
                "/v1/judge",
                Some(&judge(&format!("wait {number}")).to_string()),
            );
            client
        })
        .collect();
    eventually("all threads are busy", || {
        straw.running.load(Ordering::SeqCst) == 4
    });
    let mut late = Client::new(server.address());
    late.send("POST", "/v1/judge", Some(&judge("print late").to_string()));
    eventually("one waits", || metric(&server, "rlef_waiting") == 1.0);
    let left = metric(&server, "rlef_callers_left_total");
    drop(late);
    eventually("one left", || {
        metric(&server, "rlef_callers_left_total") > left
    });
    straw.let_go();
    for client in &mut busy {
        assert_eq!(client.receive().unwrap().status, 200);
    }
    eventually("the line is empty", || {
        metric(&server, "rlef_waiting") == 0.0
    });
    assert_eq!(straw.begun.lock().unwrap().len(), begun + 4);
}

#[test]
fn the_same_question_is_judged_once_and_outlives_the_first_who_asked() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let mut clients: Vec<Client> = (0..20)
        .map(|_| {
            let mut client = Client::new(server.address());
            client.send("POST", "/v1/judge", Some(&judge("wait").to_string()));
            client
        })
        .collect();
    eventually("nineteen join", || {
        metric(&server, "rlef_joined_total") == 19.0
    });
    eventually("it runs", || straw.running.load(Ordering::SeqCst) == 1);
    drop(clients.remove(0));
    eventually("one left", || {
        metric(&server, "rlef_callers_left_total") == 1.0
    });
    straw.let_go();
    for client in &mut clients {
        assert_eq!(client.receive().unwrap().json()["verdict"], "wrong_answer");
    }
    assert_eq!(straw.begun.lock().unwrap().len(), 1);
    assert_eq!(straw.cancelled.load(Ordering::SeqCst), 0);
}

#[test]
fn runs_of_one_program_are_one_batch_however_it_is_cut() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    // Four threads are held.
    let mut busy: Vec<Client> = (0..4)
        .map(|number| {
            let mut client = Client::new(server.address());
            client.send(
                "POST",
                "/v1/judge",
                Some(&judge(&format!("wait {number}")).to_string()),
            );
            client
        })
        .collect();
    eventually("all threads are busy", || {
        straw.running.load(Ordering::SeqCst) == 4
    });
    let run = |input: &str| json!({"code": "echo", "language": "python", "stdin": input});
    let mut clients: Vec<Client> = (0..12)
        .map(|number| {
            let mut client = Client::new(server.address());
            client.send(
                "POST",
                "/run_code",
                Some(&run(&number.to_string()).to_string()),
            );
            client
        })
        .collect();
    eventually("twelve wait", || metric(&server, "rlef_waiting") == 12.0);
    // One of them leaves.
    drop(clients.remove(5));
    eventually("one left", || {
        metric(&server, "rlef_callers_left_total") == 1.0
    });
    straw.let_go();
    for (place, client) in clients.iter_mut().enumerate() {
        let expected = if place < 5 { place } else { place + 1 };
        let answer = client.receive().unwrap().json();
        assert_eq!(answer["run_result"]["stdout"], expected.to_string());
    }
    assert_eq!(straw.batches.load(Ordering::SeqCst), 1);
    assert_eq!(metric(&server, "rlef_runs_together_total"), 11.0);
    for client in &mut busy {
        client.receive().unwrap();
    }
}

#[test]
fn a_run_that_breaks_or_is_left_takes_no_other_with_it() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let run = |code: &str| json!({"code": code, "language": "python"});
    let answer = post(server.address(), "/run_code", &run("break"));
    assert_eq!(
        (answer.status, answer.json()["status"].clone()),
        (200, json!("SandboxError"))
    );
    assert!(!answer.text.contains("/secret"), "{answer:?}");
    assert_eq!(straw.begun.lock().unwrap().len(), 3, "it is tried again");
    assert_eq!(
        post(server.address(), "/run_code", &run("panic")).json()["status"],
        "SandboxError"
    );
    assert_eq!(
        post(server.address(), "/run_code", &run("print 1")).json()["status"],
        "Success"
    );
}

#[test]
fn one_with_much_holds_up_nobody_with_little() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let mut others: Vec<Client> = (0..4)
        .map(|number| {
            let mut client = Client::new(server.address()).with("X-Rlef-Client: greedy");
            client.send(
                "POST",
                "/v1/judge",
                Some(&judge(&format!("wait {number}")).to_string()),
            );
            client
        })
        .collect();
    eventually("all threads are held", || {
        straw.running.load(Ordering::SeqCst) == 4
    });
    let mut greedy = Client::new(server.address()).with("X-Rlef-Client: greedy");
    let items: Vec<Value> = (0..400)
        .map(|number| judge(&format!("print greedy {number}")))
        .collect();
    greedy.send(
        "POST",
        "/v1/judge/batch",
        Some(&json!({ "items": items }).to_string()),
    );
    eventually("the line is long", || {
        metric(&server, "rlef_waiting") == 32.0
    });
    let mut modest = Client::new(server.address()).with("X-Rlef-Client: modest");
    modest.send("POST", "/v1/judge", Some(&judge("print 1").to_string()));
    // Only who stands in the line can be passed over in it.
    eventually("he stands behind them", || {
        metric(&server, "rlef_waiting") == 33.0
    });
    // Each thread that comes free takes from everybody in turn.
    let begun = straw.begun.lock().unwrap().len();
    straw.let_go();
    assert_eq!(modest.receive().unwrap().status, 200);
    let place = straw
        .begun
        .lock()
        .unwrap()
        .iter()
        .position(|source| source == "print 1")
        .unwrap();
    assert!(place <= begun + 10, "{place} after {begun}");
    for client in &mut others {
        client.receive().unwrap();
    }
    assert_eq!(greedy.receive().unwrap().status, 200);
}
