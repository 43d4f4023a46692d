//! Model folders that mean harm: each is refused by name, in bounded memory and without waiting for anything.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::cli::{starter, write};

/// A template that the starter's tokenizer can be used with.
pub(crate) const TEMPLATE: &str = "{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}<|assistant|>{% else %}{{ m.content }}<|end|>{% endif %}{% endfor %}";

/// The starter as a model of others: without this crate's own marks, so that its template speaks.
pub(crate) fn model(at: &Path, template: &str) {
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(starter().join(name), at.join(name)).unwrap();
    }
    let text = std::fs::read_to_string(starter().join("tokenizer.json")).unwrap();
    write(at, "tokenizer.json", &text.replace("<|pad|>", "<|fill|>"));
    let settings = json!({"chat_template": template, "eos_token": "<|end|>"});
    write(at, "tokenizer_config.json", &settings.to_string());
}

/// Exit code and errors of an evaluation by the model in `at`, in 4 GB of memory.
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test in a shell, not a candidate"
)]
fn eval(at: &Path) -> (Option<i32>, String) {
    let problem = r#"{"id":"p","statement":"Add one.","public_tests":[{"kind":"stdin","input":"1\n","expected":"2"}]}"#;
    write(at, "p.jsonl", problem);
    let script = "ulimit -v 4000000; exec \"$0\" \"$@\"";
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_rlef"), "eval"])
        .args(["--problems", "p.jsonl", "--policy", ".", "--turns", "1"])
        .args(["--rollouts", "1", "--max-tokens", "4"])
        .current_dir(at)
        .env("XDG_CACHE_HOME", super::host::cache_home())
        .env("RLEF_CACHE", at.join("cache"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[track_caller]
fn refused(at: &Path, words: &[&str]) {
    let (code, said) = eval(at);
    assert_eq!(code, Some(2), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert!(said.len() < 4000, "{} bytes were said", said.len());
}

#[test]
fn a_template_that_means_harm_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    model(at, TEMPLATE);
    let (code, said) = eval(at);
    assert_eq!(code, Some(0), "{said}");
    let loops = "{% for a in range(100000) %}{% for b in range(100000) %}";
    let ends = "{% endfor %}{% endfor %}";
    let doubled = (0..60).fold("{% set s = 'x' %}".to_owned(), |text, _| {
        text + "{% set s = s ~ s %}"
    });
    let templates = [
        format!("{loops}{ends}{{{{ messages[0].content }}}}"),
        format!("{loops}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{ends}"),
        // Texts that grow by themselves.
        "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}".to_owned(),
        doubled,
        "{% macro d(s) %}{{ s }}{{ s }}{% endmacro %}{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = d(ns.s) %}{% endfor %}".to_owned(),
        "{% set ns = namespace(s='x') %}{% for i in range(9) %}{% set ns.s = ns.s|replace('x', 'xxxxxxxxxxxxxxxx') %}{% endfor %}{{ ns.s }}".to_owned(),
        "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s|join }}".to_owned(),
        "{{ 'x' * 4000000000 }}".to_owned(),
        "{{ 'x'|indent(4000000000) }}".to_owned(),
        "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}".to_owned(),
        format!("{{{{ {}1 }}}}", "not ".repeat(200_000)),
        format!("{{{{ {}1 }}}}", "-".repeat(30_000)),
        format!("{{{{ {}1 }}}}", "2**".repeat(10_000)),
        "{% include '/etc/passwd' %}".to_owned(),
    ];
    for template in templates {
        model(at, &template);
        refused(at, &["chat template"]);
    }
}

#[test]
fn sizes_and_numbers_that_no_weights_have_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    model(at, TEMPLATE);
    let text = std::fs::read_to_string(at.join("config.json")).unwrap();
    for (name, value) in [
        ("num_hidden_layers", 10_000_000_u64),
        ("num_hidden_layers", 4000),
        ("hidden_size", 1 << 40),
        ("hidden_size", 1 << 20),
        ("vocab_size", 1 << 23),
        ("intermediate_size", 1 << 24),
        ("max_position_embeddings", 1 << 50),
    ] {
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config[name] = value.into();
        write(at, "config.json", &config.to_string());
        refused(at, &["failed to"]);
    }
    write(at, "config.json", &text);
    let whole = std::fs::read(at.join("model.safetensors")).unwrap();
    let with = |change: &dyn Fn(&mut Value, &mut Vec<u8>)| {
        let size = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        let mut header: Value = serde_json::from_slice(&whole[8..8 + size]).unwrap();
        let mut numbers = whole[8 + size..].to_vec();
        change(&mut header, &mut numbers);
        let header = header.to_string().into_bytes();
        let mut all = (header.len() as u64).to_le_bytes().to_vec();
        all.extend(header);
        all.extend(numbers);
        std::fs::write(at.join("model.safetensors"), all).unwrap();
    };
    // A shape that its bytes can't hold.
    with(&|header, _| {
        let tensor = &mut header["model.embed_tokens.weight"];
        tensor["data_offsets"][1] = (tensor["data_offsets"][0].as_u64().unwrap() + 4).into();
    });
    refused(at, &["model.safetensors", "header"]);
    // The last number of all, as a sixteen-bit one that is none.
    with(&|_, numbers| {
        let end = numbers.len();
        numbers[end - 2..].copy_from_slice(&[0xc0, 0x7f]);
    });
    refused(at, &["holds NaN", "expected finite numbers"]);
}

#[test]
fn what_is_no_regular_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for name in [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
        "chat_template.jinja",
        "model.safetensors",
        "model.safetensors.index.json",
    ] {
        for device in [false, true] {
            model(at, TEMPLATE);
            let _ = std::fs::remove_file(at.join(name));
            if device {
                std::os::unix::fs::symlink("/dev/zero", at.join(name)).unwrap();
            } else {
                nix::unistd::mkfifo(&at.join(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
            }
            refused(at, &[name, "expected a regular file"]);
            std::fs::remove_file(at.join(name)).unwrap();
        }
    }
}
