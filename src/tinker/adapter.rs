//! The archive of a snapshot → a folder in PEFT's layout.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use tar::Archive;

use super::TinkerError;

/// The files that an adapter is; whatever else an archive holds is left out.
const FILES: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];

/// Writes the adapter that an archive holds into a folder, by names of this side's alone.
pub(super) fn unpack(archive: &[u8], folder: &Path) -> Result<(), TinkerError> {
    let failed = |reason: std::io::Error| TinkerError::Adapter(reason.to_string());
    let mut found = [false; FILES.len()];
    let reader: Box<dyn Read> = if archive.starts_with(&[0x1f, 0x8b]) {
        Box::new(GzDecoder::new(archive))
    } else {
        Box::new(archive)
    };
    for entry in Archive::new(reader).entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let name = entry.path().map_err(failed)?;
        let name = name.file_name().and_then(|name| name.to_str());
        let place = FILES.iter().position(|file| Some(*file) == name);
        let Some(place) = place.filter(|_| entry.header().entry_type().is_file()) else {
            continue;
        };
        let mut file = File::create(folder.join(FILES[place])).map_err(failed)?;
        std::io::copy(&mut entry, &mut file).map_err(failed)?;
        found[place] = true;
    }
    match FILES.iter().zip(found).find(|(_, found)| !found) {
        None => name_targets(folder),
        Some((name, _)) => Err(TinkerError::Adapter(format!("it holds no {name}"))),
    }
}

/// Says which linear maps are adapted, where the server leaves that to whoever looks at the tensors.
fn name_targets(folder: &Path) -> Result<(), TinkerError> {
    let failed = |reason: String| TinkerError::Adapter(reason);
    let read = |name: &str| {
        std::fs::read(folder.join(name)).map_err(|error| failed(format!("{name}: {error}")))
    };
    let mut config: Value = serde_json::from_slice(&read(FILES[0])?)
        .map_err(|error| failed(format!("{}: {error}", FILES[0])))?;
    if !config["target_modules"].is_null() {
        return Ok(());
    }
    let bytes = read(FILES[1])?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|error| failed(format!("{}: {error}", FILES[1])))?;
    let adapted = tensors.names().into_iter().filter_map(|name| {
        let (map, _) = name.split_once(".lora_")?;
        map.rsplit('.').next().map(str::to_owned)
    });
    let targets: BTreeSet<String> = adapted.collect();
    config["target_modules"] = json!(targets);
    let text = config.to_string();
    std::fs::write(folder.join(FILES[0]), text).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use safetensors::tensor::{Dtype, TensorView};

    use super::*;

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn an_adapter_is_taken_out_packed_or_not() {
        let files: [(&str, &[u8]); 3] = [
            (
                "s0/adapter_config.json",
                br#"{"target_modules": ["q_proj"]}"#,
            ),
            ("s0/adapter_model.safetensors", b"weights"),
            ("s0/other", b"x"),
        ];
        let plain = packed(&files);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(&plain).unwrap();
        for archive in [plain, encoder.finish().unwrap()] {
            let folder = tempfile::tempdir().unwrap();
            unpack(&archive, folder.path()).unwrap();
            let read = std::fs::read(folder.path().join(FILES[1])).unwrap();
            assert_eq!(read, b"weights");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }

    /// As SkyRL 0.4 leaves it.
    #[test]
    fn targets_that_are_not_said_are_those_of_the_tensors() {
        let data = [0_u8; 4];
        let tensor = || TensorView::new(Dtype::F32, vec![1, 1], &data).unwrap();
        let names = ["v_proj.lora_A", "v_proj.lora_B", "o_proj.lora_A"];
        let tensors = names.map(|name| (format!("base_model.model.x.{name}.weight"), tensor()));
        let weights = safetensors::serialize(tensors, None).unwrap();
        let archive = packed(&[
            (
                "adapter_config.json",
                br#"{"r": 8, "target_modules": null}"#,
            ),
            ("adapter_model.safetensors", &weights),
        ]);
        let folder = tempfile::tempdir().unwrap();
        unpack(&archive, folder.path()).unwrap();
        let config = std::fs::read(folder.path().join(FILES[0])).unwrap();
        let config: Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(
            config,
            json!({"r": 8, "target_modules": ["o_proj", "v_proj"]})
        );
    }

    #[test]
    fn half_an_adapter_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let half = packed(&[("adapter_config.json", b"{}")]);
        let refused = unpack(&half, folder.path()).unwrap_err().to_string();
        assert!(refused.contains("adapter_model.safetensors"), "{refused}");
        assert!(unpack(b"no archive at all", folder.path()).is_err());
    }
}
