//! The interfaces of others, by requests as their clients send them, on a machine of straw.

use serde_json::Value;

mod nemo_gym;
mod open_instruct;
mod openenv;
mod piston;
mod rewards;
mod sandbox_fusion;

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}
