//! `rlef fetch` against a server here: what comes is what was asked for, or nothing is written.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::cli::{refused, rlef};

/// Serves `body` once for every connection, at the address that comes back.
fn serving(status: &'static str, body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&body);
        }
    });
    address
}

#[test]
fn other_bytes_than_were_asked_for_are_never_written() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    for (status, body, code, words) in [
        ("200 OK", b"another file".to_vec(), 2, "found 12 of "),
        ("200 OK", vec![0; 60_000], 2, "found more"),
        ("404 Not Found", Vec::new(), 4, "--mirror"),
    ] {
        let mirror = serving(status, body);
        let arguments = ["fetch", "humaneval", "--mirror", &mirror];
        refused(at, &arguments, code, &["HumanEval.jsonl.gz", words]);
        let left = std::fs::read_dir(at.join("data")).map_or(0, Iterator::count);
        assert_eq!(left, 0);
    }
    // Nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mirror = format!("http://{closed}");
    refused(
        at,
        &["fetch", "humaneval", "--mirror", &mirror],
        4,
        &["by other means"],
    );
    std::fs::create_dir_all(at.join("data")).unwrap();
    std::fs::write(at.join("data/HumanEval.jsonl.gz"), "mine").unwrap();
    refused(at, &["fetch", "humaneval"], 2, &["move it away"]);
    assert_eq!(
        std::fs::read(at.join("data/HumanEval.jsonl.gz")).unwrap(),
        b"mine"
    );
    refused(at, &["fetch", "humanevil"], 2, &["humaneval, "]);
}

#[test]
fn all_sets_are_listed_with_licence_hash_and_address() {
    let place = tempfile::tempdir().unwrap();
    let output = rlef(place.path(), &["fetch", "--list"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for words in [
        "humaneval ",
        "MIT",
        "Apache-2.0",
        "SHA-256 af43697e",
        "https://raw.githubusercontent.com/",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    assert_eq!(
        said.lines().count(),
        3 * rlef::public_sets::PUBLIC_SETS.len()
    );
}

/// The files as some people have them: [`super::datasets`] says where.
#[test]
fn what_a_mirror_holds_is_kept_where_it_is_what_the_datasets_folder_holds() {
    let Some(data) = super::datasets::data("") else {
        return;
    };
    for (folder, file, name) in [
        ("humaneval", "HumanEval.jsonl.gz", "humaneval"),
        ("mbppplus", "MbppPlus.jsonl.gz", "mbppplus"),
        ("humanevalplus", "HumanEvalPlus.jsonl.gz", "humanevalplus"),
    ] {
        let bytes = std::fs::read(data.join(folder).join(file)).unwrap();
        let place = tempfile::tempdir().unwrap();
        let mirror = serving("200 OK", bytes.clone());
        for words in ["is what was asked for", "was there"] {
            let output = rlef(
                place.path(),
                &["fetch", name, "--mirror", &mirror, "--out", "sets"],
            );
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && said.contains(words), "{said}");
        }
        assert_eq!(
            std::fs::read(place.path().join("sets").join(file)).unwrap(),
            bytes
        );
    }
}
