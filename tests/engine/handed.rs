//! What is handed over to an engine, and what it is asked.

use super::*;

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
