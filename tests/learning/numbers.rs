//! Numbers that are no numbers: nothing is learnt from them, nothing saved.

use super::*;

/// A rate at which the first step leaves weights that are finite and cannot be learnt from.
fn exploding() -> TrainConfig {
    let mut config = config();
    config.policy_optimizer.learning_rate = 1e30;
    config.policy_optimizer.warmup_steps = 0;
    config.updates_per_round = 4;
    config
}

#[test]
fn a_gradient_that_is_no_number_moves_nothing_and_is_counted() {
    let config = exploding();
    let mut learner = learner(&config);
    let (groups, metrics, timings) =
        train::round(&mut learner, &ToyJudge, &problems(), &config, 0).unwrap();
    // The first update was taken, and there is no gradient at where it led.
    assert_eq!((metrics.step, metrics.skipped_updates), (1, 3));
    assert_eq!(metrics.skipped_value_updates, 0);
    let weights = bits(&learner.policy);
    let finite = |bits: &u32| f32::from_bits(*bits).is_finite();
    assert!(weights.iter().all(finite));
    let numbers = [
        metrics.gradient_norm,
        metrics.policy_loss,
        metrics.approx_kl,
    ];
    assert!(
        numbers.iter().all(|number| number.is_finite()),
        "{metrics:?}"
    );
    let diverged = learner.diverged().unwrap().to_string();
    assert!(
        diverged.contains("gradient of the policy") && diverged.contains("3 updates in a row"),
        "{diverged}"
    );
    assert!(learner.is_in_doubt());
    // Its line of metrics can be read.
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::create(folder.path(), &config).unwrap();
    run.record(0, &groups, &metrics, &timings).unwrap();
    let text = std::fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let read: train::RoundMetrics = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(read.skipped_updates, 3, "{text}");
    // Another round of it moves no weight either.
    match train::round(&mut learner, &ToyJudge, &problems(), &config, 1) {
        Ok((_, metrics, _)) => assert_eq!(metrics.skipped_updates, 4),
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains("the policy's"), "{message}");
        }
    }
    assert_eq!(bits(&learner.policy), weights);
}

/// Multiplies one matrix of a network.
fn spoil(decoder: &mut Decoder, place: usize, factor: f32) {
    decoder.weights.tensors[place] = decoder.weights.tensors[place].clone() * factor;
}

#[test]
fn networks_that_compute_no_number_are_named_and_nothing_moves() {
    let config = config();
    let play = |learner: &mut Learner| {
        let before = bits(&learner.policy);
        let result = train::round(learner, &ToyJudge, &problems(), &config, 0);
        assert_eq!(bits(&learner.policy), before);
        result.err().unwrap()
    };
    let fault = |learner: &Learner| {
        let folder = tempfile::tempdir().unwrap();
        let mut run = Run::create(folder.path(), &config).unwrap();
        let message = run.checkpoint(learner, 1).unwrap_err().to_string();
        let left = std::fs::read_dir(folder.path().join("checkpoints")).unwrap();
        assert_eq!(left.count(), 0);
        message
    };

    let mut broken = learner(&config);
    spoil(&mut broken.policy, 0, f32::NAN);
    let message = fault(&broken);
    assert!(message.contains("the policy computes"), "{message}");
    let error = play(&mut broken);
    assert!(error.is_of_weights());
    let message = error.to_string();
    assert!(
        message.contains("the policy's log-probability of a token is NaN"),
        "{message}"
    );

    let mut broken = learner(&config);
    spoil(&mut broken.value.as_mut().unwrap().decoder, 0, f32::NAN);
    let message = fault(&broken);
    assert!(message.contains("the value network computes"), "{message}");
    let message = play(&mut broken).to_string();
    assert!(message.contains("a value is NaN"), "{message}");
}

#[test]
fn weights_that_are_no_numbers_in_their_type_are_not_saved() {
    let learner = learner(&config());
    let place = learner.policy.weights.tensors.len() - 1;
    let name = learner.policy.weights.names[place].clone();
    for (factor, precision) in [
        (f32::NAN, Precision::F32),
        (f32::INFINITY, Precision::Bf16),
        // A number of four bytes, and none of two.
        (1e9, Precision::F16),
    ] {
        let mut policy = learner.policy.clone();
        spoil(&mut policy, place, factor);
        let folder = tempfile::tempdir().unwrap();
        let saved = checkpoint::save(folder.path(), &policy, &learner.tokenizer, precision);
        let message = saved.unwrap_err().to_string();
        assert!(
            message.contains(&name) && message.contains("no finite number"),
            "{message}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_reference_that_computes_no_number_is_named_and_nothing_moves() {
    let config = config();
    let mut learner = learner(&config);
    spoil(&mut learner.reference, 0, f32::NAN);
    let before = bits(&learner.policy);
    let message = train::round(&mut learner, &ToyJudge, &problems(), &config, 0)
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.contains("the reference's log-probability"),
        "{message}"
    );
    assert_eq!(bits(&learner.policy), before);
}

#[test]
fn an_exploded_checkpoint_never_takes_the_place_of_a_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let config = config();
    let mut learner = learner(&config);
    let mut run = Run::create(folder.path(), &config).unwrap();
    let good = run.checkpoint(&learner, 1).unwrap();
    let text = std::fs::read(good.join("model.safetensors")).unwrap();
    let place = learner.policy.weights.tensors.len() - 1;
    let tensor = learner.policy.weights.tensors[place].clone();
    for bad in [f32::NAN, f32::INFINITY] {
        let mut policy = learner.policy.clone();
        policy.weights.tensors[place] = tensor.clone() * bad;
        std::mem::swap(&mut learner.policy, &mut policy);
        for rounds in [1, 2] {
            run.checkpoint(&learner, rounds).unwrap_err();
        }
        std::mem::swap(&mut learner.policy, &mut policy);
    }
    let names: Vec<_> = std::fs::read_dir(folder.path().join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["000001"]);
    assert_eq!(std::fs::read(good.join("model.safetensors")).unwrap(), text);
}
