//! What requests begin with, kept between them: the episodes of a problem come back turn after turn with the same first
//! message, which is read once. Among those that are read together, what they begin with is read once, too.

use std::collections::HashMap;

use super::prefixes::{Prefixes, Read, read_some};
use super::stream::Joining;
use crate::decoder::ModelConfig;
use crate::kv_cache::{Prefix, RowCache};

/// Keys and values by the tokens they are of.
pub(super) struct Openings {
    held: HashMap<Vec<u32>, Held>,
    /// How many are held at most beyond those that are needed at once.
    most: usize,
    uses: u64,
}

struct Held {
    prefix: Prefix,
    used: u64,
}

/// The tokens of a request that others begin with. The last token is each row's own: the logits after it are its first.
fn opening(one: &Joining) -> &[u32] {
    let prefix = &one.request.prefix;
    &prefix[..one.shared.min(prefix.len() - 1)]
}

impl Openings {
    /// For so many rows side by side. Half as many openings take less room than they do.
    pub(super) fn new(batch: usize) -> Self {
        Self {
            held: HashMap::new(),
            most: batch.div_ceil(2),
            uses: 0,
        }
    }

    /// Caches of whole prefixes and the logits after them.
    pub(super) fn read(
        &mut self,
        joining: &[Joining],
        config: &ModelConfig,
        read: Read<'_>,
    ) -> Vec<(RowCache, Vec<f32>)> {
        self.read_missing(joining, config, read);
        let mut caches = Vec::with_capacity(joining.len());
        let mut parts: Vec<&[u32]> = Vec::with_capacity(joining.len());
        for one in joining {
            let before = self.held.get(opening(one));
            let before = before.map(|held| held.prefix.clone()).unwrap_or_default();
            parts.push(&one.request.prefix[before.len()..]);
            caches.push(RowCache::after(&before, config));
        }
        let mut logits = vec![Vec::new(); joining.len()];
        read_some(&mut caches, &parts, &mut logits, read);
        self.forget();
        caches.into_iter().zip(logits).collect()
    }

    /// Reads the openings that are not held.
    fn read_missing(&mut self, joining: &[Joining], config: &ModelConfig, read: Read<'_>) {
        self.uses += 1;
        let mut missing: Vec<&[u32]> = Vec::new();
        for tokens in joining.iter().map(opening) {
            match self.held.get_mut(tokens) {
                Some(held) => held.used = self.uses,
                None if tokens.is_empty() => {}
                None => missing.push(tokens),
            }
        }
        missing.sort_unstable();
        missing.dedup();
        let mut prefixes = Prefixes::new(&missing);
        let order = prefixes.order().to_vec();
        let found = prefixes.read(&order, config, read);
        for (place, (cache, _)) in order.into_iter().zip(found) {
            let held = Held {
                prefix: cache.into_prefix(),
                used: self.uses,
            };
            self.held.insert(missing[place].to_vec(), held);
        }
    }

    /// Lets go of those that were not used for longest.
    fn forget(&mut self) {
        let over = self.held.len().saturating_sub(self.most);
        if over == 0 {
            return;
        }
        let mut uses: Vec<u64> = self.held.values().map(|held| held.used).collect();
        uses.sort_unstable();
        let oldest = uses[over];
        self.held.retain(|_, held| held.used >= oldest);
    }
}
