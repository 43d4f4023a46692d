//! Training from a serving engine: fakes of vLLM and SGLang that hold real weights, sample from them, and load others when
//! told. They speak the interfaces as documented; no real engine is asked.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use burn::tensor::Device;
use rlef::checkpoint::tokenizer::Tokenizer;
use rlef::checkpoint::{self, adapter_file};
use rlef::completion::{FinishReason, Sampling};
use rlef::model::decoder::Decoder;
use rlef::model::sampler::{self, Request};
use rlef::train::RoundMetrics;
use serde_json::{Value, json};

use crate::cli::{refused, rlef, starter, write};

/// How a fake misbehaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// It doesn't.
    None,
    /// Every third completion has no answer at first.
    Flaky,
    /// It leaves log-probabilities out.
    Silent,
    /// It says that it loads weights, and doesn't.
    Stale,
    /// It knows an id that the policy hasn't.
    Stranger,
    /// From the second load of weights on it answers nothing.
    Gone,
    /// It computes as coarsely as engines do: every log-probability is a little off, and one in forty is off by far.
    Coarse,
}

struct Fake {
    sglang: bool,
    fault: Fault,
    held: Option<(Decoder, Tokenizer)>,
    version: String,
    failed: HashSet<u64>,
    loads: usize,
    /// The longest context it serves, where it says so.
    context: Option<usize>,
    /// What it computes with, where it says so.
    dtype: Option<&'static str>,
    /// The adapters that it holds, over the weights it was started with.
    adapters: HashMap<String, Decoder>,
    paths: Vec<String>,
}

/// Serves until the test ends; its address, and what it saw.
fn serve(sglang: bool, fault: Fault) -> (String, Arc<Mutex<Fake>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let fake = Arc::new(Mutex::new(Fake {
        sglang,
        fault,
        held: None,
        version: String::new(),
        failed: HashSet::new(),
        loads: 0,
        context: None,
        dtype: None,
        adapters: HashMap::new(),
        paths: Vec::new(),
    }));
    let shared = Arc::clone(&fake);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let fake = Arc::clone(&shared);
            std::thread::spawn(move || handle(stream.unwrap(), &fake));
        }
    });
    (url, fake)
}

fn handle(mut stream: TcpStream, fake: &Mutex<Fake>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let lower = head.to_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let Some(answer) = fake.lock().unwrap().answer(&path, &body) else {
        return;
    };
    let text = answer.to_string();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
}

impl Fake {
    /// Nothing stands for a connection that ends without a word.
    fn answer(&mut self, path: &str, body: &Value) -> Option<Value> {
        self.paths.push(path.to_owned());
        match path {
            "/update_weights_from_disk" => {
                self.load(
                    &body["model_path"],
                    body["weight_version"].as_str().unwrap(),
                );
                Some(json!({"success": true, "message": "Succeeded to update model weights."}))
            }
            "/collective_rpc" => {
                assert_eq!(body["method"], "reload_weights");
                self.load(&body["kwargs"]["weights_path"], "");
                Some(json!({"results": [null]}))
            }
            "/pause?mode=wait" | "/resume" | "/reset_prefix_cache" => Some(json!({})),
            "/v1/models" => Some(match self.context {
                Some(length) => json!({"data": [{"id": "m", "max_model_len": length}]}),
                None => json!({"detail": "Not Found"}),
            }),
            "/get_server_info" => Some(match self.dtype {
                Some(dtype) => json!({"tp_size": 1, "kv_cache_dtype": "auto", "dtype": dtype}),
                None => json!({"detail": "Not Found"}),
            }),
            "/server_info?config_format=json" => Some(match self.dtype {
                Some(dtype) => {
                    json!({"vllm_config": {"model_config": {"dtype": format!("torch.{dtype}")}}})
                }
                None => json!({"detail": "Not Found"}),
            }),
            "/load_lora_adapter" | "/v1/load_lora_adapter" => {
                let (base, _) = self.held.as_ref().unwrap();
                let folder = Path::new(body["lora_path"].as_str().unwrap());
                let adapter = adapter_file::load(folder, base, &Device::default()).unwrap();
                let adapted = Decoder {
                    adapter: Some(adapter),
                    ..base.clone()
                };
                let name = body["lora_name"].as_str().unwrap().to_owned();
                assert!(self.adapters.insert(name, adapted).is_none());
                self.loads += 1;
                Some(json!({"success": true}))
            }
            "/unload_lora_adapter" | "/v1/unload_lora_adapter" => {
                let gone = self.adapters.remove(body["lora_name"].as_str().unwrap());
                assert!(gone.is_some());
                Some(json!({"success": true}))
            }
            "/generate" | "/inference/v1/generate" => self.generate(body),
            other => panic!("{other} was asked"),
        }
    }

    fn load(&mut self, path: &Value, version: &str) {
        self.loads += 1;
        version.clone_into(&mut self.version);
        if self.fault != Fault::Stale || self.held.is_none() {
            let path = Path::new(path.as_str().unwrap());
            self.held = Some(checkpoint::load(path, &Device::default()).unwrap());
        }
    }

    fn generate(&mut self, body: &Value) -> Option<Value> {
        let (ids, parameters, length, seed) = if self.sglang {
            (
                &body["input_ids"],
                &body["sampling_params"],
                "max_new_tokens",
                "sampling_seed",
            )
        } else {
            (
                &body["token_ids"],
                &body["sampling_params"],
                "max_tokens",
                "seed",
            )
        };
        let sampling = Sampling {
            temperature: parameters["temperature"].as_f64().unwrap(),
            max_tokens: parameters[length].as_u64().unwrap() as usize,
            ..Sampling::default()
        };
        let numbers =
            |value: &Value| -> Vec<u32> { serde_json::from_value(value.clone()).unwrap() };
        let request = Request {
            prefix: numbers(ids),
            seed: parameters[seed].as_u64().unwrap(),
        };
        if let Some(context) = self.context {
            let needed = request.prefix.len() + sampling.max_tokens;
            assert!(needed <= context, "{needed} of {context} tokens were asked");
        }
        let gone = self.fault == Fault::Gone && self.loads > 1;
        let flaky = self.fault == Fault::Flaky && request.seed.is_multiple_of(3);
        if gone || flaky && self.failed.insert(request.seed) {
            return None;
        }
        let ends = numbers(&parameters["stop_token_ids"]);
        let adapter = body[if self.sglang { "lora_path" } else { "model" }].as_str();
        let decoder = match adapter {
            Some(name) => &self.adapters[name],
            None => &self.held.as_ref().unwrap().0,
        };
        let mut drawn = sampler::sample(decoder, &[request], &sampling, &ends, 1).remove(0);
        if self.fault == Fault::Stranger {
            drawn.sampled.ids[0] = 4_000_000;
        }
        if self.fault == Fault::Coarse {
            for (place, value) in drawn.sampled.log_probs.iter_mut().enumerate() {
                *value -= if place % 40 == 7 { 4.0 } else { 0.01 };
            }
        }
        let cut = drawn.stop == FinishReason::Length;
        let pairs = drawn.sampled.ids.iter().zip(&drawn.sampled.log_probs);
        let silent = self.fault == Fault::Silent;
        Some(if self.sglang {
            let logprobs: Vec<Value> = pairs
                .map(|(id, logprob)| json!([logprob, id, null]))
                .collect();
            let mut about = json!({"weight_version": self.version, "finish_reason": {"type": if cut { "length" } else { "stop" }}});
            if !silent {
                about["output_token_logprobs"] = logprobs.into();
            }
            json!({"text": "", "output_ids": drawn.sampled.ids, "meta_info": about})
        } else {
            let content: Vec<Value> = pairs
                .map(|(id, logprob)| json!({"token_id": id, "logprob": logprob, "rank": 1}))
                .collect();
            let logprobs = if silent {
                Value::Null
            } else {
                json!({"content": content})
            };
            json!({"request_id": "r", "choices": [{"index": 0, "token_ids": drawn.sampled.ids, "logprobs": logprobs,
                "finish_reason": if cut { "length" } else { "stop" }}]})
        })
    }
}

fn config(at: &Path, kind: &str, url: &str, rounds: usize, more: &str) {
    let text = format!(
        "policy = {:?}\nrounds = {rounds}\nproblems_per_round = 4\nupdates_per_round = 2\n{more}[evaluation]\nproblems = \"\"\n\
         [resources]\ncheckpoint_every = 2\n[engine]\nkind = \"{kind}\"\nurl = \"{url}\"\nweights = \"weights\"\ntries = 2\n",
        starter().to_string_lossy()
    );
    write(at, "run.toml", &text);
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn train(at: &Path, run: &str) -> std::process::Output {
    rlef(at, &["train", "--config", "run.toml", "--run", run])
}

fn metrics(at: &Path, run: &str) -> Vec<RoundMetrics> {
    let text = std::fs::read_to_string(at.join(run).join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn versions(at: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(at.join("weights"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.retain(|path| path.is_dir());
    all.sort();
    all
}

#[test]
fn training_from_either_engine_samples_the_weights_that_are_trained() {
    let mut journals = Vec::new();
    for (kind, sglang) in [("vllm", false), ("sglang", true)] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (url, fake) = serve(sglang, Fault::Flaky);
        config(at, kind, &url, 3, "");
        // What a killed run left, and what is not of this program's making.
        for name in ["version-000777", "version-mine"] {
            std::fs::create_dir_all(at.join("weights").join(name)).unwrap();
        }
        let output = train(at, "run");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let rounds = metrics(at, "run");
        assert_eq!(rounds.len(), 3);
        for round in &rounds {
            assert!(
                round.sampler_gap_max < 1e-3 && round.tokens > 0,
                "{round:?}"
            );
            assert_eq!(round.aborted, 0, "{round:?}");
        }
        // Once at the start and after each round but the last; the version before the last is gone.
        let fake = fake.lock().unwrap();
        assert_eq!(fake.loads, 3);
        assert_eq!(
            versions(at),
            [
                at.join("weights/version-000004"),
                at.join("weights/version-mine")
            ]
        );
        if !sglang {
            let order: Vec<&str> = fake.paths.iter().take(4).map(String::as_str).collect();
            assert_eq!(
                order,
                [
                    "/pause?mode=wait",
                    "/collective_rpc",
                    "/reset_prefix_cache",
                    "/resume"
                ]
            );
        }
        journals.push(std::fs::read(at.join("run/journal.jsonl.zst")).unwrap());
    }
    assert!(!journals[0].is_empty());
    assert!(journals[0] == journals[1], "the journals differ");
}

/// Weights are handed over as the numbers that the engine computes with, where it says which or somebody else does.
#[test]
fn weights_are_handed_over_in_the_engine_s_numbers() {
    for (kind, sglang, says, set, expected) in [
        ("vllm", false, Some("bfloat16"), "", "bfloat16"),
        ("sglang", true, Some("float16"), "", "float16"),
        ("sglang", true, Some("auto"), "", "float32"),
        ("vllm", false, None, "", "float32"),
        (
            "vllm",
            false,
            Some("bfloat16"),
            "dtype = \"float32\"\n",
            "float32",
        ),
        ("sglang", true, None, "bfloat16 = true\n", "bfloat16"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (url, fake) = serve(sglang, Fault::None);
        fake.lock().unwrap().dtype = says;
        config(at, kind, &url, 1, "");
        let text = std::fs::read_to_string(at.join("run.toml")).unwrap();
        write(at, "run.toml", &(text + set));
        let output = train(at, "run");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let [version] = &versions(at)[..] else {
            panic!("there is one version");
        };
        let text = std::fs::read_to_string(version.join("config.json")).unwrap();
        let about: Value = serde_json::from_str(&text).unwrap();
        let dtype = about["dtype"].as_str().or(about["torch_dtype"].as_str());
        assert_eq!(dtype, Some(expected), "{kind} {says:?} {set}");
        let file = std::fs::metadata(version.join("model.safetensors")).unwrap();
        let whole = if expected == "float32" { 4 } else { 2 };
        let (decoder, _) = checkpoint::load(version, &Device::default()).unwrap();
        let numbers: usize = (decoder.weights.tensors.iter())
            .map(|tensor| tensor.dims().iter().product::<usize>())
            .sum();
        assert!(
            file.len() < (numbers * whole + 65_536) as u64,
            "{}",
            file.len()
        );
    }
}

/// An adapter is handed over as one, under a name of its own, and answers; the whole model is never written.
#[test]
fn adapters_are_handed_over_as_adapters() {
    let mut journals = Vec::new();
    for (kind, sglang) in [("vllm", false), ("sglang", true)] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (url, fake) = serve(sglang, Fault::None);
        // As it was started, with the policy that the run begins with.
        let base = checkpoint::load(&starter(), &Device::default()).unwrap();
        fake.lock().unwrap().held = Some(base);
        config(at, kind, &url, 3, "");
        let text = std::fs::read_to_string(at.join("run.toml")).unwrap();
        write(
            at,
            "run.toml",
            &(text + "adapters = true\n[lora]\nrank = 4\n"),
        );
        let output = train(at, "run");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        for round in metrics(at, "run") {
            assert!(
                round.sampler_gap_max < 1e-3 && round.tokens > 0,
                "{round:?}"
            );
        }
        let fake = fake.lock().unwrap();
        assert_eq!((fake.loads, fake.adapters.len()), (3, 1));
        let [version] = &versions(at)[..] else {
            panic!("there is one version");
        };
        assert!(version.join("adapter_model.safetensors").exists());
        assert!(!version.join("model.safetensors").exists());
        journals.push(std::fs::read(at.join("run/journal.jsonl.zst")).unwrap());
    }
    assert!(journals[0] == journals[1], "the journals differ");
    // Without one to train, there is nothing to hand over.
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "vllm", "http://127.0.0.1:1", 1, "");
    let text = std::fs::read_to_string(at.join("run.toml")).unwrap();
    write(at, "run.toml", &(text + "adapters = true\n"));
    let arguments = ["train", "--config", "run.toml", "--run", "run"];
    refused(at, &arguments, 2, &["engine.adapters", "without [lora]"]);
}

/// Tokens that an engine's rounding moves by far are counted, and their weight is cut; the run goes on.
#[test]
fn a_coarse_engine_is_learnt_from_and_its_outliers_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (url, _) = serve(false, Fault::Coarse);
    config(at, "vllm", &url, 2, "objective.algorithm = \"grpo\"\n");
    let output = train(at, "run");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for round in metrics(at, "run") {
        assert!(round.sampler_gap_max > 3.9, "{round:?}");
        assert!(
            round.sampler_outliers > 0.005 && round.sampler_outliers < 0.09,
            "{round:?}"
        );
        let changed = round.own.get("correction_changed").unwrap();
        assert!(changed > 0.005 && changed < 0.09, "{round:?}");
    }
    let kept = std::fs::read_to_string(at.join("run/config.toml")).unwrap();
    assert!(kept.contains("veto = 0.0001"), "{kept}");
}

/// An engine is evaluated with what it serves, by the ids it is asked for when it is trained with.
#[test]
fn an_engine_is_evaluated_as_the_policy_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let all = rlef(at, &["contest", "--split", "test", "--out", "all.jsonl"]);
    assert_eq!(all.status.code(), Some(0));
    let all = std::fs::read_to_string(at.join("all.jsonl")).unwrap();
    let some: Vec<&str> = all.lines().take(6).collect();
    write(at, "some.jsonl", &some.join("\n"));
    let folder_of = starter().display().to_string();
    let mut journals = Vec::new();
    for (kind, sglang) in [("vllm", false), ("sglang", true)] {
        let (url, fake) = serve(sglang, Fault::None);
        let mut held = fake.lock().unwrap();
        held.held = Some(checkpoint::load(&starter(), &Device::default()).unwrap());
        // Whoever started it gave it a name of his own.
        held.version = "default".to_owned();
        held.context = Some(700);
        drop(held);
        let policy = format!("engine:{url}");
        let (journal, out) = (format!("{kind}.jsonl"), format!("{kind}.json"));
        let shared = [
            "eval",
            "--policy",
            &policy,
            "--engine",
            kind,
            "--problems",
            "some.jsonl",
        ];
        let more = [
            "--rollouts",
            "2",
            "--turns",
            "2",
            "--journal",
            &journal,
            "--out",
            &out,
        ];
        let output = rlef(
            at,
            &[&shared[..], &["--tokenizer", &folder_of], &more].concat(),
        );
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let episodes: Vec<rlef::journal::EpisodeRecord> =
            rlef::journal::read(&at.join(&journal)).unwrap();
        assert_eq!(episodes.len(), 12);
        assert!(episodes[0].turns[0].tokens.is_some());
        journals.push(episodes);
        let fake = fake.lock().unwrap();
        assert_eq!(fake.loads, 0, "{:?}", fake.paths);
        let text = std::fs::read_to_string(at.join(&out)).unwrap();
        assert!(text.contains(&format!("engine:{url}")), "{text}");
    }
    assert!(journals[0] == journals[1], "the journals differ");
    let without = [
        "eval",
        "--policy",
        "engine:http://127.0.0.1:1",
        "--problems",
        "some.jsonl",
    ];
    refused(at, &without, 2, &["--tokenizer FOLDER"]);
    let without = [&without[..], &["--tokenizer", &folder_of]].concat();
    refused(at, &without, 2, &["--engine vllm or --engine sglang"]);
}

/// What an engine with a short context would refuse is not asked of it, and episodes end where it would.
#[test]
fn an_engine_s_context_is_asked_for_and_kept_to() {
    for (kind, sglang) in [("vllm", false), ("sglang", true)] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (url, fake) = serve(sglang, Fault::None);
        // Room for a first answer, and seldom for a second.
        fake.lock().unwrap().context = Some(300);
        config(at, kind, &url, 1, "");
        let output = train(at, "run");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let episodes: Vec<rlef::journal::EpisodeRecord> =
            rlef::journal::read(&at.join("run")).unwrap();
        let cut = |stop| stop == rlef::episode::StopReason::ContextFull;
        assert!(episodes.iter().any(|one| cut(one.stop)), "{episodes:?}");
    }
}

#[test]
fn a_run_whose_engine_goes_loses_no_round_and_continues_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (good, _) = serve(true, Fault::None);
    config(at, "sglang", &good, 2, "");
    let output = train(at, "whole");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let (gone, _) = serve(true, Fault::Gone);
    config(at, "sglang", &gone, 2, "");
    let output = train(at, "broken");
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(
        said(&output).contains("check that the server runs"),
        "{}",
        said(&output)
    );
    assert_eq!(metrics(at, "broken").len(), 1);
    assert!(at.join("broken/checkpoints/000001").exists());
    // The run's own configuration names the engine.
    let resolved = at.join("broken/config.toml");
    let text = std::fs::read_to_string(&resolved)
        .unwrap()
        .replace(&gone, &good);
    write(at, "broken/config.toml", &text);
    let output = rlef(at, &["train", "--resume", "--run", "broken"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for name in ["journal.jsonl.zst", "metrics.jsonl"] {
        let read = |run: &str| std::fs::read(at.join(run).join(name)).unwrap();
        assert!(read("whole") == read("broken"), "{name} differs");
    }
}

#[test]
fn what_cannot_be_learnt_from_stops_the_run_with_the_reason() {
    for (kind, sglang, fault, words) in [
        ("vllm", false, Fault::Silent, "processed_logprobs"),
        ("sglang", true, Fault::Silent, "output_token_logprobs"),
        (
            "vllm",
            false,
            Fault::Stranger,
            "the engine serves another model",
        ),
        ("sglang", true, Fault::Stale, "sampler and trainer differ"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (url, _) = serve(sglang, fault);
        // Large steps, so that old weights show.
        config(
            at,
            kind,
            &url,
            3,
            "[policy_optimizer]\nlearning_rate = 0.01\nweight_decay = 0.01\nwarmup_steps = 0\nbeta_1 = 0.9\nbeta_2 = 0.95\nepsilon = 1e-8\nmax_gradient_norm = 1.0\n",
        );
        let output = train(at, "run");
        assert_eq!(
            output.status.code(),
            Some(4),
            "{fault:?}: {}",
            said(&output)
        );
        assert!(
            said(&output).contains(words),
            "{fault:?}: {}",
            said(&output)
        );
        // Whose fault it was is not the sandbox's, and nothing was learnt of what was left.
        if fault != Fault::Stale {
            let said = said(&output);
            assert!(!said.contains("the sandbox lost"), "{said}");
            assert!(metrics(at, "run").is_empty());
        }
    }
}

#[test]
fn two_runs_do_not_share_a_folder_for_weights() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (url, fake) = serve(true, Fault::None);
    config(at, "sglang", &url, 1, "");
    std::fs::create_dir(at.join("weights")).unwrap();
    let lock = std::fs::File::create(at.join("weights/lock")).unwrap();
    lock.lock().unwrap();
    let arguments = ["train", "--config", "run.toml", "--run", "run"];
    refused(at, &arguments, 2, &["weights", "does; let it end"]);
    assert!(!at.join("run").exists());
    assert_eq!(fake.lock().unwrap().loads, 0);
}

#[test]
fn an_engine_that_is_not_there_is_a_fault_of_the_machine_s_and_leaves_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "vllm", "http://127.0.0.1:1", 1, "");
    let arguments = ["train", "--config", "run.toml", "--run", "run"];
    refused(at, &arguments, 4, &["no answer"]);
    assert!(!at.join("run").exists());
}

#[test]
fn a_server_that_gives_no_ids_is_refused_before_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "openai", "http://127.0.0.1:1", 1, "");
    let arguments = ["train", "--config", "run.toml", "--run", "run"];
    refused(
        at,
        &arguments,
        2,
        &["engine.kind", "no token ids", "rlef eval"],
    );
    assert!(!at.join("run").exists());
}
