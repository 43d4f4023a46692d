//! How it ends, and a crowd.

use super::*;

#[test]
fn told_to_end_it_finishes_what_is_under_way_and_takes_no_more() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let mut working = Client::new(server.address());
    working.send("POST", "/v1/judge", Some(&judge("wait").to_string()));
    let mut idle = Client::new(server.address());
    assert_eq!(idle.get("/health").status, 200);
    let mut socket = crate::client::Socket::connect(server.address(), "/ws");
    socket.ask(&json!({"type": "reset", "data": {"problem_id": "7"}}));
    eventually("it works", || straw.running.load(Ordering::SeqCst) == 1);
    let address = server.address();
    server.drain();
    eventually("no more are taken", || {
        std::net::TcpStream::connect(address).is_err()
    });
    // An idle connection is closed, and so is an episode between two steps.
    assert!(idle.receive().is_none());
    assert!(socket.receive().is_none());
    straw.let_go();
    assert_eq!(working.receive().unwrap().status, 200);
    server.wait();
}

#[test]
fn what_is_not_done_in_time_is_ended() {
    let straw = Straw::new(1);
    let bounds = Bounds {
        drain: Duration::from_millis(50),
        ..Bounds::default()
    };
    let server = server(&straw, bounds);
    let mut working = Client::new(server.address());
    working.send("POST", "/v1/judge", Some(&judge("wait").to_string()));
    eventually("it works", || straw.running.load(Ordering::SeqCst) == 1);
    server.drain();
    assert!(working.receive().is_none());
    server.wait();
    assert_eq!(straw.cancelled.load(Ordering::SeqCst), 1);
}

/// Many callers, a tenth of whom hang up at any moment: every other is answered once, with what its program deserves.
#[test]
fn a_crowd_of_whom_some_hang_up_is_answered_once_each() {
    let straw = Straw::new(2);
    let server = server(&straw, Bounds::default());
    let address = server.address();
    let per_thread = 60;
    std::thread::scope(|threads| {
        for thread in 0..16_usize {
            threads.spawn(move || {
                let mut client = Client::new(address);
                for number in 0..per_thread {
                    let (program, verdict) = match number % 3 {
                        0 => ("print 1".to_owned(), "accepted"),
                        1 => (format!("sleep {}", number % 5), "wrong_answer"),
                        _ => (format!("print {number}x"), "wrong_answer"),
                    };
                    let body = judge(&program).to_string();
                    if (thread * 7 + number) % 10 == 0 {
                        let mut rude = Client::new(address);
                        rude.send("POST", "/v1/judge", Some(&body));
                        std::thread::sleep(Duration::from_micros((number * 97 % 1500) as u64));
                        continue;
                    }
                    let answer = client.ask("POST", "/v1/judge", Some(&body));
                    assert_eq!(answer.status, 200, "{answer:?}");
                    assert_eq!(answer.json()["verdict"], verdict, "{program}");
                }
            });
        }
    });
    eventually("nothing waits", || {
        metric(&server, "rlef_waiting") == 0.0 && straw.running.load(Ordering::SeqCst) == 0
    });
    eventually("nobody is held", || {
        metric(&server, "rlef_connections") <= 1.0
    });
}
