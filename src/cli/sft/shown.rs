//! How far a training is, for who watches it.

use crate::cli::output::{insist, say};
use crate::cli::progress::Progress;
use crate::sft::SftEvent;

/// Shows how far it is.
pub(super) fn show(event: SftEvent<'_>, progress: &mut Option<Progress>) {
    match event {
        SftEvent::Demonstrated { sets, of, episodes } => {
            let shown =
                progress.get_or_insert_with(|| Progress::new("demonstrating", "set", of as u64));
            shown.set(sets as u64, &format!("{episodes} episodes"));
        }
        SftEvent::Stage {
            number,
            episodes,
            too_long,
            tokens,
            updates,
            config,
        } => {
            if let Some(shown) = progress.take() {
                shown.finish();
            }
            let of = match &config.data {
                Some(path) => format!(" of {}", path.display()),
                None => String::new(),
            };
            say!("stage {number}: {episodes} episodes{of}, {tokens} tokens");
            if too_long > 0 {
                say!("{too_long} more are left out, for they exceed the context");
            }
            *progress = Some(Progress::new("learning", "update", updates as u64));
        }
        SftEvent::Update(seen) => {
            if let Some(shown) = progress {
                let words = format!("loss {:.3}, {} tokens", seen.loss, seen.tokens);
                shown.set(seen.update as u64, &words);
            }
        }
        SftEvent::Ended { passed_over } => {
            if let Some(shown) = progress.take() {
                shown.finish();
            }
            if passed_over > 0 {
                insist!(
                    "{passed_over} updates were passed over: their gradient was not a finite number"
                );
            }
        }
    }
}
