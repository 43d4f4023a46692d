//! A serving engine that holds real weights.

use super::*;

/// How a fake misbehaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
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

pub(super) struct Fake {
    pub(super) sglang: bool,
    pub(super) fault: Fault,
    pub(super) held: Option<(Decoder, Tokenizer)>,
    pub(super) version: String,
    pub(super) failed: HashSet<u64>,
    pub(super) loads: usize,
    /// The longest context it serves, where it says so.
    pub(super) context: Option<usize>,
    /// What it computes with, where it says so.
    pub(super) dtype: Option<&'static str>,
    /// The adapters that it holds, over the weights it was started with.
    pub(super) adapters: HashMap<String, Decoder>,
    pub(super) paths: Vec<String>,
}

/// Serves until the test ends; its address, and what it saw.
pub(super) fn serve(sglang: bool, fault: Fault) -> (String, Arc<Mutex<Fake>>) {
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
