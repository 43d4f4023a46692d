//! Callers who fill the memory or the processor with what is small on its way: nobody takes all of either.

use base64::Engine as _;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::*;

/// A server whose callers may hold three quarters of a megabyte each.
fn tight() -> Server {
    let bounds = Bounds {
        body_bytes: 64 << 10,
        all_bytes: 1 << 20,
        pause: Duration::from_millis(300),
        body: Duration::from_millis(600),
        ..Bounds::default()
    };
    server(&Straw::new(1), bounds)
}

const SHARE: usize = 768 << 10;

fn number(server: &Server, name: &str) -> usize {
    let text = get(server.address(), "/metrics").text;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{text}"))
        .trim()
        .parse()
        .unwrap()
}

fn held_bytes(server: &Server) -> usize {
    number(server, "rlef_held_bytes ")
}

fn nothing_is_held(server: &Server) {
    eventually("nothing is held", || held_bytes(server) == 0);
    serves(server);
}

#[test]
fn very_many_fields_take_no_longer_each() {
    let server = server(&Straw::new(1), Bounds::default());
    let fields = |count: usize| {
        let fields: Vec<String> = (0..count).map(|field| format!("\"f{field}\":1")).collect();
        format!("{{{}}}", fields.join(","))
    };
    let many = fields(200_000);
    let files = format!(r#"{{"code": "print 1", "language": "python", "files": {many}}}"#);
    let label = format!(r#"{{"prompt": "", "response": "", "label": {many}}}"#);
    let begun = std::time::Instant::now();
    for (path, body) in [
        ("/v1/judge", &many),
        ("/run_code", &files),
        ("/slime", &label),
    ] {
        let answer = Client::new(server.address()).ask("POST", path, Some(body));
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
    }
    let mut socket = Socket::connect(server.address(), "/ws");
    socket.send(&format!(r#"{{"type": "reset", "data": {many}}}"#));
    assert_eq!(socket.receive().unwrap()["type"], "error");
    // Compared with one another they would take minutes.
    assert!(begun.elapsed() < Duration::from_secs(30));
    let twice = many.replacen("\"f7\"", "\"f199999\"", 1);
    let answer = Client::new(server.address()).ask("POST", "/v1/judge", Some(&twice));
    assert!(answer.text.contains("field `f199999` is there twice"));
}

#[test]
fn messages_that_never_end_are_counted_and_cut_off() {
    let server = tight();
    let part = vec![b'x'; 50_000];
    let mut sockets: Vec<Socket> = (0..30)
        .map(|_| {
            let mut socket = Socket::connect(server.address(), "/ws");
            // 60,000 letters, it says.
            let head = [0x81, 0xfe, 0xea, 0x60, 0, 0, 0, 0];
            let _ = socket.0.write_all(&head);
            let _ = socket.0.write_all(&part);
            socket
        })
        .collect();
    assert!(held_bytes(&server) <= SHARE);
    for socket in &mut sockets {
        assert!(matches!(socket.end(), None | Some(1008)));
    }
    nothing_is_held(&server);
    // Between the parts of a message something else may come.
    let mut socket = Socket::connect(server.address(), "/ws");
    socket.frame(0x01, &[b'x'; 1024]);
    for _ in 0..30 {
        socket.frame(0x89, b"a ping");
        socket.frame(0x00, &[b'x'; 1024]);
    }
    eventually("all parts are held", || held_bytes(&server) >= 31 << 10);
    assert_eq!(socket.end(), Some(1008), "it is told why");
    nothing_is_held(&server);
    // Who only pings holds nothing, however long.
    let mut socket = Socket::connect(server.address(), "/ws");
    for _ in 0..2000 {
        socket.frame(0x89, &[b'p'; 125]);
    }
    socket.ask(&json!({"type": "state"}));
    nothing_is_held(&server);
}

#[test]
fn problems_and_answers_of_open_episodes_are_counted() {
    let server = tight();
    let letters = "x".repeat(40 << 10);
    let test = json!({"kind": "stdin", "input": letters, "expected": "1"});
    let open = json!({"problem": {"id": "own", "statement": "s", "private_tests": [test]}});
    let mut names = Vec::new();
    let refused = loop {
        let answer = post(server.address(), "/v1/episodes", &open);
        match answer.status {
            200 => names.push(answer.json()["episode_id"].as_str().unwrap().to_owned()),
            _ => break answer,
        }
        assert!(names.len() < 20, "{}", held_bytes(&server));
    };
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("1"))
    );
    assert!(names.len() > 10 && held_bytes(&server) <= SHARE);
    // By a socket, too.
    let mut socket = Socket::connect(server.address(), "/ws");
    let reset = json!({"type": "reset", "data": {"problem": open["problem"]}});
    let said = socket.ask(&reset);
    assert_eq!(said["data"]["code"], "CAPACITY_REACHED", "{said}");
    let close = |name: &str| {
        let path = format!("/v1/episodes/{name}");
        Client::new(server.address()).ask("DELETE", &path, None)
    };
    for name in &names {
        assert_eq!(close(name).status, 200);
    }
    assert_eq!(socket.ask(&reset)["type"], "observation");
    drop(socket);
    nothing_is_held(&server);
    // An episode that has been told much.
    let open = json!({"problem_id": "7", "turns": 100});
    let name = post(server.address(), "/v1/episodes", &open).json()["episode_id"].clone();
    let path = format!("/v1/episodes/{}", name.as_str().unwrap());
    let step = json!({"completion": format!("```python\nprint 1\n# {letters}\n```")});
    let mut turns = 0;
    while post(server.address(), &format!("{path}/steps"), &step).status == 200 {
        turns += 1;
        assert!(turns < 10);
    }
    assert!(turns >= 3);
    assert_eq!(get(server.address(), &path).json()["turn"], turns);
    assert_eq!(close(name.as_str().unwrap()).status, 200);
    nothing_is_held(&server);
}

#[test]
fn what_is_packed_small_is_counted_as_what_it_becomes() {
    let server = tight();
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&vec![b' '; 100 << 20]).unwrap();
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 128 << 10);
    let server_of_large = server_of(1 << 20);
    let packed = base64::engine::general_purpose::STANDARD.encode(packed);
    let said = json!([{"type": "message", "content": [{"type": "output_text", "text": "```python\nprint 1\n```"}]}]);
    let body = json!({
        "responses_create_params": {}, "response": {"output": said},
        "verifier_metadata": {"unit_tests": {"packed": packed}},
    });
    let answer = post(server_of_large.address(), "/verify", &body);
    assert_eq!(answer.status, 413, "{answer:?}");
    nothing_is_held(&server_of_large);
    // Values within texts are values.
    let pairs = format!(
        r#"{{"inputs": [{}"1"], "outputs": ["1"]}}"#,
        "1,".repeat(30_000)
    );
    for (path, body) in [
        (
            "/slime",
            json!({"prompt": "", "response": "x", "label": pairs}),
        ),
        (
            "/v1/judge",
            json!({"program": "print 1", "problem": {"question": "q", "input_output": pairs}}),
        ),
        (
            "/test_program",
            json!({"program": "print 1", "tests": format!("[{}\"assert f(1)\"]", "1,".repeat(30_000))}),
        ),
    ] {
        let answer = post(server.address(), path, &body);
        assert_eq!(answer.status, 413, "{path}: {answer:?}");
    }
    nothing_is_held(&server);
}

/// One that takes larger bodies, and holds no more.
fn server_of(body_bytes: usize) -> Server {
    let bounds = Bounds {
        body_bytes,
        all_bytes: 4 << 20,
        ..Bounds::default()
    };
    server(&Straw::new(1), bounds)
}

#[test]
fn answers_that_nobody_takes_are_counted_and_byte_by_byte_is_not_taking() {
    let bounds = Bounds {
        all_bytes: 64 << 20,
        pause: Duration::from_millis(400),
        ..Bounds::default()
    };
    let server = server(&Straw::new(2), bounds);
    let ask = |code: String| {
        let mut client = Client::new(server.address());
        let body = json!({"code": code, "language": "python"}).to_string();
        client.send("POST", "/run_code", Some(&body));
        client
    };
    let fill = || format!("fill {}", 12 << 20);
    let mut first = ask(fill());
    eventually("its answer is held", || held_bytes(&server) >= 12 << 20);
    // A byte now and then.
    let mut byte = [0];
    first
        .stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let begun = std::time::Instant::now();
    while held_bytes(&server) > 0 {
        let _ = first.stream.read(&mut byte);
        std::thread::sleep(Duration::from_millis(20));
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "it is held for good"
        );
    }
    // What finds no room is told to come again, by the status that its clients try again.
    let mut crowd: Vec<Client> = (0..8).map(|_| ask(fill())).collect();
    eventually("one is refused", || {
        let text = get(server.address(), "/metrics").text;
        let refused = "rlef_requests_total{dialect=\"sandboxfusion\",status=\"504\"}";
        text.contains(refused)
    });
    for client in &mut crowd {
        // Or none, where it was not taken in time.
        drop(client.receive());
    }
    drop(crowd);
    nothing_is_held(&server);
    // Who takes it gets all of it.
    let body = json!({"code": fill(), "language": "python"});
    let answer = post(server.address(), "/run_code", &body);
    let stdout = answer.json()["run_result"]["stdout"]
        .as_str()
        .unwrap()
        .len();
    assert_eq!(stdout, 12 << 20);
}
