//! Rows that come late, come back and wait are those of each alone.

use super::super::sample;
use super::super::tests::{plain, small};
use super::*;

/// Requests that join a few at a time, with pauses between them, and come back with what was drawn and a reply.
struct Dialogues {
    waiting: Vec<Joining>,
    /// Tokens and draws by number of the request.
    asked: Vec<Request>,
    drawn: Vec<Option<Drawn>>,
    calls: usize,
    turns: usize,
}

impl Dialogues {
    fn ask(&mut self, request: Request, shared: usize) {
        self.waiting.push(Joining {
            number: self.asked.len(),
            request: request.clone(),
            shared,
        });
        self.asked.push(request);
        self.drawn.push(None);
    }
}

impl Feed for Dialogues {
    fn next(&mut self, live: usize) -> Coming {
        self.calls += 1;
        if self.calls.is_multiple_of(5) && !self.waiting.is_empty() {
            return Coming::Pause;
        }
        if self.calls.is_multiple_of(3) && live > 0 {
            return Coming::Nothing;
        }
        self.waiting.pop().map_or(Coming::Nothing, Coming::Request)
    }

    fn drawn(&mut self, number: usize, drawn: Drawn) -> bool {
        let request = &self.asked[number];
        // The opening has five tokens and each turn twenty at most, with a reply of three.
        if request.prefix.len() < 5 + self.turns * 10 {
            let reply = [7, 8, (number % 40) as u32];
            let prefix = [&request.prefix[..], &drawn.sampled.ids, &reply].concat();
            let seed = request.seed + 1000;
            self.ask(Request { prefix, seed }, 5);
        }
        self.drawn[number] = Some(drawn);
        true
    }
}

#[test]
fn rows_that_come_and_come_back_are_to_the_bit_those_of_each_alone() {
    let policy = small();
    let sampling = Sampling {
        max_tokens: 8,
        ..plain()
    };
    for batch in [1, 2, 5, 64] {
        let mut dialogues = Dialogues {
            waiting: Vec::new(),
            asked: Vec::new(),
            drawn: Vec::new(),
            calls: 0,
            turns: 3,
        };
        for row in 0..12_u32 {
            let group = row / 3;
            let prefix = (0..5).map(|i| (i * 7 + group) % 40).collect();
            let seed = u64::from(row);
            dialogues.ask(Request { prefix, seed }, 5);
        }
        let rules = Rules {
            sampling: &sampling,
            ends: &[39],
            stopped: &|_| false,
            batch,
        };
        let mut stream = Stream::new(&policy, rules);
        let mut pauses = 0;
        while !dialogues.waiting.is_empty() || stream.live() > 0 {
            stream.run(None, &mut dialogues);
            pauses += 1;
        }
        assert!(pauses > 3, "it never paused");
        assert!(dialogues.asked.len() > 24, "{}", dialogues.asked.len());
        for (request, drawn) in dialogues.asked.iter().zip(&dialogues.drawn) {
            let alone = sample(&policy, std::slice::from_ref(request), &sampling, &[39], 1);
            assert_eq!(drawn.as_ref().unwrap(), &alone[0], "{batch} at a time");
        }
    }
}
