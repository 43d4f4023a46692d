//! Prefixes of requests → what several of them begin with, so that it is computed and held once. A tree by tokens: a node
//! is a stretch that all requests below it have next; it is read when the first of them is due, and let go when the last
//! was. Knows no decoder: reading is its caller's.

use crate::decoder::ModelConfig;
use crate::kv_cache::{Prefix, RowCache};

/// Shortest stretch worth sharing.
const SHORTEST: usize = 8;

/// Tokens read at once, so that what is needed beside the caches stays bounded.
const TOKENS_AT_ONCE: usize = 2048;

/// Appends tokens to caches and gives the logits after the last of each.
pub(super) type Read<'a> = &'a mut dyn FnMut(&mut [RowCache], &[&[u32]]) -> Vec<Vec<f32>>;

/// What several requests begin with, and the order to take requests in.
pub(super) struct Prefixes<'a> {
    tokens: &'a [&'a [u32]],
    /// By tokens, so that those that share follow each other.
    order: Vec<usize>,
    nodes: Vec<Node>,
    /// The deepest node of each request.
    node_of: Vec<Option<usize>>,
}

struct Node {
    parent: Option<usize>,
    depth: usize,
    /// A request below, and where in its prefix the node's stretch ends.
    request: usize,
    end: usize,
    /// Requests below that are still to come.
    due: usize,
    /// Keys and values up to its end, and the logits after it, once read.
    held: Option<(Prefix, Vec<f32>)>,
}

impl<'a> Prefixes<'a> {
    pub(super) fn new(tokens: &'a [&'a [u32]]) -> Self {
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order.sort_by_key(|&request| (tokens[request], request));
        let mut found = Self {
            tokens,
            order: order.clone(),
            nodes: Vec::new(),
            node_of: vec![None; tokens.len()],
        };
        // Ranges of the order with the node above them and how many tokens are known to be common.
        let mut open = vec![(order.as_slice(), None, 0)];
        while let Some((range, parent, known)) = open.pop() {
            found.split(range, parent, known, &mut open);
        }
        found
    }

    /// Requests in the order to take them in.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    fn split<'b>(
        &mut self,
        range: &'b [usize],
        parent: Option<usize>,
        known: usize,
        open: &mut Vec<(&'b [usize], Option<usize>, usize)>,
    ) {
        let [first, .., last] = range else {
            for &request in range {
                self.node_of[request] = parent;
            }
            return;
        };
        // In order of tokens, what the first and the last share all share.
        let (one, other) = (self.tokens[*first], self.tokens[*last]);
        let same = one[known..].iter().zip(&other[known..]);
        let common = known + same.take_while(|(a, b)| a == b).count();
        let start = parent.map_or(0, |node| self.nodes[node].end);
        let here = if common - start >= SHORTEST {
            self.nodes.push(Node {
                parent,
                depth: parent.map_or(0, |node| self.nodes[node].depth + 1),
                request: *first,
                end: common,
                due: range.len(),
                held: None,
            });
            Some(self.nodes.len() - 1)
        } else {
            parent
        };
        let next = |request: usize| self.tokens[request].get(common);
        for part in range.chunk_by(|&a, &b| next(a) == next(b)) {
            if next(part[0]).is_none() {
                for &request in part {
                    self.node_of[request] = here;
                }
            } else {
                open.push((part, here, common));
            }
        }
    }

    /// Caches of whole prefixes and the logits after them, for the requests that are due now.
    pub(super) fn read(
        &mut self,
        requests: &[usize],
        config: &ModelConfig,
        read: Read<'_>,
    ) -> Vec<(RowCache, Vec<f32>)> {
        self.read_nodes(requests, config, read);
        let mut caches = Vec::with_capacity(requests.len());
        let mut parts: Vec<&[u32]> = Vec::with_capacity(requests.len());
        let mut logits: Vec<Vec<f32>> = Vec::with_capacity(requests.len());
        for &request in requests {
            let held = self.node_of[request].and_then(|node| self.nodes[node].held.as_ref());
            let (prefix, after) = held.map_or_else(Default::default, |(prefix, logits)| {
                (prefix.clone(), logits.clone())
            });
            let rest = &self.tokens[request][prefix.len()..];
            logits.push(if rest.is_empty() { after } else { Vec::new() });
            parts.push(rest);
            caches.push(RowCache::after(&prefix, config));
        }
        read_some(&mut caches, &parts, &mut logits, read);
        for &request in requests {
            let mut above = self.node_of[request];
            while let Some(node) = above {
                let node = &mut self.nodes[node];
                node.due -= 1;
                if node.due == 0 {
                    node.held = None;
                }
                above = node.parent;
            }
        }
        caches.into_iter().zip(logits).collect()
    }

    /// Reads the nodes above `requests` that were not yet, from the root down.
    fn read_nodes(&mut self, requests: &[usize], config: &ModelConfig, read: Read<'_>) {
        let mut missing = Vec::new();
        for &request in requests {
            let mut above = self.node_of[request];
            while let Some(node) = above.filter(|&node| self.nodes[node].held.is_none()) {
                missing.push((self.nodes[node].depth, node));
                above = self.nodes[node].parent;
            }
        }
        missing.sort_unstable();
        missing.dedup();
        for level in missing.chunk_by(|one, other| one.0 == other.0) {
            let mut caches = Vec::with_capacity(level.len());
            let mut parts = Vec::with_capacity(level.len());
            for &(_, node) in level {
                let node = &self.nodes[node];
                let above = node.parent.and_then(|node| self.nodes[node].held.as_ref());
                let before = above.map(|(prefix, _)| prefix.clone()).unwrap_or_default();
                parts.push(&self.tokens[node.request][before.len()..node.end]);
                caches.push(RowCache::after(&before, config));
            }
            let mut logits = vec![Vec::new(); level.len()];
            read_some(&mut caches, &parts, &mut logits, read);
            for ((&(_, node), cache), logits) in level.iter().zip(caches).zip(logits) {
                self.nodes[node].held = Some((cache.into_prefix(), logits));
            }
        }
    }
}

/// Reads what there is to read, some at a time.
pub(super) fn read_some(
    caches: &mut [RowCache],
    parts: &[&[u32]],
    logits: &mut [Vec<f32>],
    read: Read<'_>,
) {
    let mut start = 0;
    while start < parts.len() {
        let mut end = start;
        let mut count = 0;
        // What has nothing to read is passed over; of the rest, one at least.
        if parts[start].is_empty() {
            start += 1;
            continue;
        }
        while end < parts.len()
            && !parts[end].is_empty()
            && (end == start || count + parts[end].len() <= TOKENS_AT_ONCE)
        {
            count += parts[end].len();
            end += 1;
        }
        let found = read(&mut caches[start..end], &parts[start..end]);
        for (place, found) in logits[start..end].iter_mut().zip(found) {
            *place = found;
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::ModelConfig;

    /// Reads like a decoder that counts: remembers what was read, and "logits" that are the last token.
    fn recorded(requests: &[Vec<u32>], batch: usize) -> Vec<Vec<u32>> {
        let config = ModelConfig {
            hidden_size: 8,
            intermediate_size: 8,
            num_hidden_layers: 1,
            num_attention_heads: 1,
            num_key_value_heads: 1,
            head_dim: 8,
            vocab_size: 100,
            ..super::super::tests::small().config
        };
        let tokens: Vec<&[u32]> = requests.iter().map(Vec::as_slice).collect();
        let mut prefixes = Prefixes::new(&tokens);
        let mut read = Vec::new();
        for due in prefixes.order().to_vec().chunks(batch) {
            let found = prefixes.read(due, &config, &mut |caches, parts| {
                for (cache, part) in caches.iter_mut().zip(parts) {
                    read.push(part.to_vec());
                    cache.advance(part.len());
                }
                parts
                    .iter()
                    .map(|part| vec![part[part.len() - 1] as f32])
                    .collect()
            });
            for (&request, (cache, logits)) in due.iter().zip(found) {
                assert_eq!(cache.len(), requests[request].len());
                let last = requests[request][requests[request].len() - 1];
                assert_eq!(logits, [last as f32], "request {request}");
            }
        }
        assert!(
            prefixes
                .nodes
                .iter()
                .all(|node| node.held.is_none() && node.due == 0)
        );
        read.sort();
        read
    }

    #[test]
    fn what_is_shared_is_read_once() {
        let (a, b): (Vec<u32>, Vec<u32>) = ((0..20).collect(), (30..45).collect());
        let joined = |parts: [&[u32]; 2]| parts.concat();
        let requests = vec![
            joined([&a, &b]),
            b.clone(),
            joined([&a, &[50, 51]]),
            a.clone(),
            joined([&a, &b]),
            b[..3].to_vec(),
            joined([&a, &b[..12]]),
        ];
        let whole = vec![
            a.clone(),
            b[..3].to_vec(),
            b[..12].to_vec(),
            b[12..].to_vec(),
            b.clone(),
            vec![50, 51],
        ];
        let mut expected = whole;
        // The last three of one group are shared by two requests but too few for a node of their own.
        expected.push(b[12..].to_vec());
        expected.sort();
        assert_eq!(recorded(&requests, 100), expected);
        // However few are due at a time, nothing is read twice.
        for batch in [1, 2, 3] {
            assert_eq!(recorded(&requests, batch), expected, "{batch} at a time");
        }
    }
}
