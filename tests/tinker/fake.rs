//! A server of the Tinker API (over 400 lines: its state, routes and steps are one protocol) that holds real weights, samples, passes and steps as SkyRL 0.4 does on JAX, and refuses what that
//! one takes in silence: every trap of it that a client must keep out of is an error here, and is found in `faults`.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use burn::tensor::Device;
use prost::Message;
use rlef::checkpoint::{self, adapter_file};
use rlef::completion::{FinishReason, Sampling};
use rlef::model::decoder::Decoder;
use rlef::model::lora::{Adapter, LoraConfig};
use rlef::model::sampler::{self, Request};
use rlef::update::{GradientSum, Optimizer};
use serde_json::{Value, json};

use super::messages::*;
use super::passes::{fresh, log_probs};

pub(super) struct Model {
    pub(super) decoder: Decoder,
    pub(super) optimizer: Option<Optimizer>,
    pub(super) steps: usize,
    pub(super) gradient: Option<GradientSum>,
    /// The newest snapshot, and the steps that it is of.
    snapshot: Option<(String, usize)>,
    sequences: HashMap<i64, (Vec<u8>, String)>,
}

pub(super) struct Fake {
    pub(super) base: Decoder,
    pub(super) models: HashMap<String, Model>,
    /// What was saved: a folder each, which a server that is started again has, too.
    folder: PathBuf,
    pub(super) names: Vec<String>,
    futures: Vec<Result<Vec<u8>, (u16, String)>>,
    /// What a client must never ask.
    pub(super) faults: Vec<String>,
    pub(super) paths: Vec<String>,
    pub(super) unloaded: usize,
    /// Whether every answer to a call that trains is lost once.
    pub(super) flaky: bool,
    lost: HashSet<Vec<u8>>,
    /// Times that the next futures are said to be not there yet.
    pub(super) slow: usize,
    /// Optimizer steps after which it is started again, and has lost its models.
    pub(super) dies_after: usize,
    /// Whether the norm of the next gradient is none.
    pub(super) ruined: bool,
    pub(super) backend_sums: bool,
}

/// Serves until the test ends; its address, and what it saw.
pub(super) fn serve(
    policy: &std::path::Path,
    folder: &std::path::Path,
) -> (String, Arc<Mutex<Fake>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (base, _) = checkpoint::load(policy, &Device::default()).unwrap();
    let fake = Arc::new(Mutex::new(Fake {
        base,
        models: HashMap::new(),
        folder: folder.to_owned(),
        names: Vec::new(),
        futures: Vec::new(),
        faults: Vec::new(),
        paths: Vec::new(),
        unloaded: 0,
        flaky: false,
        lost: HashSet::new(),
        slow: 0,
        dies_after: usize::MAX,
        ruined: false,
        backend_sums: false,
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
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let lower = head.to_lowercase();
        let field = |name: &str| {
            lower
                .lines()
                .find_map(|line| line.strip_prefix(name).map(str::trim))
        };
        let mut body = vec![0; field("content-length:").map_or(0, |text| text.parse().unwrap())];
        reader.read_exact(&mut body).unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let protobuf = field("content-type:") == Some("application/x-protobuf");
        let Some(answer) = fake.lock().unwrap().answer(path, &body, protobuf) else {
            return;
        };
        let (status, bytes) = match answer {
            Ok(bytes) => (200, bytes),
            Err((status, detail)) => (status, json!({"detail": detail}).to_string().into_bytes()),
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        if stream
            .write_all(&[head.as_bytes(), &bytes].concat())
            .is_err()
        {
            return;
        }
    }
}

pub(super) type Answer = Result<Vec<u8>, (u16, String)>;

pub(super) fn refused(status: u16, detail: impl Into<String>) -> Answer {
    Err((status, detail.into()))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands beside answers that are refusals"
)]
pub(super) fn said(value: &Value) -> Answer {
    Ok(value.to_string().into_bytes())
}

impl Fake {
    /// Nothing stands for a connection that ends without a word.
    fn answer(&mut self, path: &str, body: &[u8], protobuf: bool) -> Option<Answer> {
        let name = path.strip_prefix("/api/v1/").unwrap().to_owned();
        self.paths.push(name.clone());
        if let Some(rest) = name.strip_prefix("training_runs/") {
            return Some(self.download(rest));
        }
        if name == "get_server_capabilities" {
            let models = json!({"supported_models": [{"model_name": "the/starter"}]});
            return Some(said(&models));
        }
        if name == "forward_backward" {
            if !protobuf {
                return Some(refused(415, "Unsupported Media Type"));
            }
            let request = ForwardBackwardRequest::decode(body).unwrap();
            let (model, number) = (request.model_id.clone(), i64::from(request.seq_id));
            return self.once(&model, number, body, |fake| fake.pass(&request));
        }
        let body: Value = serde_json::from_slice(body).unwrap();
        let model = body["model_id"].as_str().unwrap_or_default().to_owned();
        match &*name {
            "create_session" => {
                assert!(body["tags"].is_array() && body["sdk_version"].is_string());
                Some(said(
                    &json!({"type": "create_session", "session_id": "session_1"}),
                ))
            }
            "session_heartbeat" => {
                assert_eq!(body["session_id"], "session_1");
                Some(said(&json!({"type": "session_heartbeat"})))
            }
            "retrieve_future" => {
                if self.slow > 0 {
                    self.slow -= 1;
                    return Some(refused(408, "Timeout waiting for result"));
                }
                let number: usize = body["request_id"].as_str().unwrap().parse().unwrap();
                Some(self.futures[number].clone())
            }
            "create_model" => {
                assert_eq!(body["session_id"], "session_1");
                if body["base_model"] != "the/starter" {
                    self.faults.push(format!("the base {}", body["base_model"]));
                }
                Some(self.create(&body["lora_config"]))
            }
            "unload_model" => {
                self.unloaded += usize::from(self.models.remove(&model).is_some());
                Some(self.future(said(&json!({"status": "unloaded"}))))
            }
            "asample" => {
                let sampled = self.sample(&body);
                Some(self.future(sampled))
            }
            "save_weights" | "save_weights_for_sampler" => Some(self.save(&name, &model, &body)),
            "load_weights" => {
                let loaded = self.load(&model, &body);
                Some(self.future(loaded))
            }
            "optim_step" => {
                let number = body["seq_id"].as_i64().unwrap();
                let raw = body.to_string().into_bytes();
                self.once(&model, number, &raw, |fake| {
                    fake.step(&model, &body["adam_params"])
                })
            }
            other => panic!("{other} was asked"),
        }
    }

    fn future(&mut self, answer: Answer) -> Answer {
        self.futures.push(answer);
        let number = (self.futures.len() - 1).to_string();
        said(&json!({"future_id": number, "status": "pending", "request_id": number}))
    }

    /// What trains is done once, however often it is sent; another body under the same number is refused.
    fn once(
        &mut self,
        model: &str,
        number: i64,
        body: &[u8],
        work: impl FnOnce(&mut Self) -> Answer,
    ) -> Option<Answer> {
        let unknown =
            || format!("Model {model} not loaded (likely stale request from previous server)");
        let known = match self.models.get(model) {
            None => return Some(self.future(refused(400, unknown()))),
            Some(held) => held.sequences.get(&number).cloned(),
        };
        if let Some((before, request)) = known {
            if before != body {
                self.faults.push(format!("another body as number {number}"));
                return Some(refused(409, "Training request sequence number was reused"));
            }
            return Some(said(&json!({"request_id": request})));
        }
        let done = work(self);
        let answer = self.future(done);
        let request = (self.futures.len() - 1).to_string();
        if let Some(held) = self.models.get_mut(model) {
            held.sequences.insert(number, (body.to_vec(), request));
        }
        (!(self.flaky && self.lost.insert(body.to_vec()))).then_some(answer)
    }

    fn create(&mut self, lora: &Value) -> Answer {
        let config = LoraConfig {
            rank: lora["rank"].as_u64().unwrap() as usize,
            seed: lora["seed"].as_u64().unwrap() + 77,
            ..LoraConfig::default()
        };
        let mut decoder = self.base.clone();
        decoder.adapter = Some(Adapter::new(&config, &decoder).unwrap());
        let name = format!("model_{}", self.futures.len());
        let held = Model {
            decoder,
            optimizer: None,
            steps: 0,
            gradient: None,
            snapshot: None,
            sequences: HashMap::new(),
        };
        self.models.insert(name.clone(), held);
        self.future(said(
            &json!({"model_id": name, "lora_config": {"rank": config.rank, "alpha": 32.0}}),
        ))
    }

    fn save(&mut self, call: &str, model: &str, body: &Value) -> Answer {
        let name = body["path"].as_str().unwrap().to_owned();
        let fine = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        assert!(name.len() <= 255 && name.chars().all(fine), "{name}");
        if self.names.contains(&name) {
            self.faults.push(format!("the name {name} again"));
            return refused(409, "Checkpoint already exists");
        }
        self.names.push(name.clone());
        let Some(held) = self.models.get_mut(model) else {
            let unknown = refused(400, format!("Model {model} not loaded"));
            return self.future(unknown);
        };
        let at = self.folder.join(&name);
        adapter_file::save(&at, &held.decoder, "the/starter").unwrap();
        let path = if call == "save_weights" {
            if let Some(optimizer) = &held.optimizer {
                let names = &held.decoder.trained().names;
                optimizer
                    .save(&at.join("moments.safetensors"), names)
                    .unwrap();
            }
            std::fs::write(at.join("steps"), held.steps.to_string()).unwrap();
            format!("tinker://{model}/weights/{name}")
        } else {
            held.snapshot = Some((name.clone(), held.steps));
            format!("tinker://{model}/{name}")
        };
        self.future(said(&json!({"path": path, "type": call})))
    }

    fn load(&mut self, model: &str, body: &Value) -> Answer {
        let name = body["path"].as_str().unwrap().rsplit('/').next().unwrap();
        let at = self.folder.join(name);
        let held = self.models.get_mut(model).unwrap();
        if !held.sequences.is_empty() {
            self.faults
                .push("weights loaded into a model in use".to_owned());
            return refused(400, "LoadWeights is not permitted");
        }
        assert_eq!(body["optimizer"], true);
        let adapter = adapter_file::load(&at, &self.base, &Device::default()).unwrap();
        held.decoder.adapter = Some(adapter);
        held.steps = std::fs::read_to_string(at.join("steps"))
            .unwrap()
            .parse()
            .unwrap();
        if held.steps > 0 {
            let mut optimizer = fresh(&held.decoder, 1e-3);
            let moments = at.join("moments.safetensors");
            optimizer
                .load(&moments, &held.decoder, held.steps, &Device::default())
                .unwrap();
            held.optimizer = Some(optimizer);
        }
        said(&json!({"type": "load_weights"}))
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "it stands beside answers that are refusals"
    )]
    fn download(&mut self, rest: &str) -> Answer {
        let name = rest.split('/').nth(2).unwrap();
        assert!(rest.ends_with("/download"), "{rest}");
        // It says as little of it as SkyRL's does.
        let at = self.folder.join(name).join("adapter_config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&at).unwrap()).unwrap();
        (config["target_modules"], config["task_type"]) = (Value::Null, Value::Null);
        std::fs::write(&at, config.to_string()).unwrap();
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_dir_all(".", self.folder.join(name)).unwrap();
        Ok(tar.into_inner().unwrap())
    }

    fn sample(&mut self, body: &Value) -> Answer {
        let ids = |value: &Value| -> Vec<u32> { serde_json::from_value(value.clone()).unwrap() };
        let prompt = ids(&body["prompt"]["chunks"][0]["tokens"]);
        let parameters = &body["sampling_params"];
        if prompt.is_empty()
            || prompt
                .iter()
                .any(|&id| id as usize >= self.base.config.vocab_size)
        {
            self.faults.push(format!("the prompt {prompt:?}"));
        }
        if body["prompt_logprobs"] == true {
            assert_eq!(body["base_model"], "the/starter");
            let rows = log_probs(&self.base, &[prompt]);
            return Ok(SampleResponse {
                sequences: Vec::new(),
                prompt_logprobs: Some(bytes(&rows[0])),
            }
            .encode_to_vec());
        }
        let path = body["model_path"].as_str().unwrap();
        let (model, name) = path
            .strip_prefix("tinker://")
            .unwrap()
            .split_once('/')
            .unwrap();
        let Some(held) = self.models.get(model) else {
            return refused(400, format!("Model {model} not loaded"));
        };
        if held.snapshot != Some((name.to_owned(), held.steps)) {
            self.faults
                .push(format!("an older snapshot {name} was sampled"));
        }
        let stop = parameters["stop"].as_array().filter(|all| !all.is_empty());
        if stop.is_none() || parameters["temperature"] != 1.0 || parameters["top_p"] != 1.0 {
            self.faults.push(format!("sampled with {parameters}"));
        }
        let seed = parameters["seed"].as_u64().unwrap();
        assert!(seed < 1 << 31);
        let sampling = Sampling {
            max_tokens: parameters["max_tokens"].as_u64().unwrap() as usize,
            ..Sampling::default()
        };
        let request = Request {
            prefix: prompt,
            seed,
        };
        let ends = ids(&parameters["stop"]);
        let drawn = sampler::sample(&held.decoder, &[request], &sampling, &ends, 1).remove(0);
        let tokens = drawn.sampled.ids.iter();
        Ok(SampleResponse {
            sequences: vec![Sequence {
                stop_reason: i32::from(drawn.stop == FinishReason::Length),
                tokens: tokens.flat_map(|&id| (id as i32).to_le_bytes()).collect(),
                logprobs: Some(bytes(&drawn.sampled.log_probs)),
            }],
            prompt_logprobs: None,
        }
        .encode_to_vec())
    }
}
