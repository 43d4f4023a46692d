//! How close does a rollout come to the shortest schedule there is? Episodes of three turns from a server with given latencies:
//! streaming, and beside it a loop that samples a turn of all, then judges it of all, as this crate's did before.
//!
//! The server runs in this process and sleeps; the judge sleeps. The lower bound is computed from the drawn latencies: no
//! schedule ends before its longest episode, nor before all requests have passed through the places for them and the last of
//! them was judged, nor before all answers have passed through the judge's. It knows every latency beforehand; beside it stands what
//! a schedule takes that knows none and loses no time.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use clap::Parser;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rlef::dialogue::Message;
use rlef::environment::{self, Play, PlayConfig, RewardRule};
use rlef::episode::{Episode, Opening};
use rlef::journal::EpisodeRecord;
use rlef::judge::{Judge, JudgeError, Judgement, Reads, Submission};
use rlef::policy::remote::{Endpoint, RemoteConfig, RemotePolicy, Sent};
use rlef::policy::{Policy, SampleRequest, sample_all};
use rlef::problem::{Problem, TestCase};
use rlef::rollout::{self, Group, RolloutConfig};
use rlef::server::ServerConfig;
use rlef::verdict::{Failure, Grade, Scope, Verdict};
use rlef_benchmarks::{head, measure, row};
use rlef_sandbox::Cancel;

/// Rollouts beside their lower bound.
#[derive(Parser)]
struct Args {
    /// Runs of each case.
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Answers that are judged side by side.
    #[arg(long, default_value_t = 64)]
    judges: usize,
    /// Leave out the loop by turns.
    #[arg(long)]
    streaming: bool,
}

const EPISODES: usize = 64;
const TURNS: usize = 3;

/// How long the server takes for an answer.
#[derive(Clone, Copy)]
enum Latency {
    /// Evenly between 0.05 and 2 s.
    Uniform,
    /// 2 s for one in twenty, 0.05 s for the rest.
    HeavyTail,
}

impl Latency {
    const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform 0.05-2 s",
            Self::HeavyTail => "5% at 2 s; else 0.05 s",
        }
    }

    /// Named by episode and turn, so that both loops meet the same.
    fn of(self, episode: usize, turn: usize) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64((episode * TURNS + turn) as u64);
        match self {
            Self::Uniform => rng.random_range(0.05..2.0),
            Self::HeavyTail if rng.random_bool(0.05) => 2.0,
            Self::HeavyTail => 0.05,
        }
    }
}

/// The soonest that any schedule can end.
fn bound(latency: Latency, requests: usize, judges: usize, judging: f64) -> f64 {
    let of = |episode| (0..TURNS).map(move |turn| latency.of(episode, turn));
    let episodes = (0..EPISODES).map(|episode| of(episode).sum::<f64>() + TURNS as f64 * judging);
    let longest = episodes.fold(0.0, f64::max);
    let sampled: f64 = (0..EPISODES).flat_map(of).sum::<f64>() / requests as f64 + judging;
    let judged = (EPISODES * TURNS) as f64 * judging / judges as f64;
    longest.max(sampled).max(judged)
}

/// When a schedule ends that takes what is ready in the order of the rollouts here, by turn and then by place, and loses no time:
/// no foreknowledge of latencies, nor anything that a rollout costs.
fn unforeseen(latency: Latency, requests: usize, judges: usize, judging: f64) -> f64 {
    let mut asked: BTreeSet<(usize, usize)> = (0..EPISODES).map(|episode| (0, episode)).collect();
    let mut answered: VecDeque<(usize, usize)> = VecDeque::new();
    let (mut places, mut desks, mut now) = (requests, judges, 0.0);
    // What is under way: when it ends, whether it is judged, and of which turn it is.
    let mut under_way: Vec<(f64, bool, usize, usize)> = Vec::new();
    loop {
        while let Some((turn, episode)) = asked.first().copied().filter(|_| places > 0) {
            (places, _) = (places - 1, asked.pop_first());
            under_way.push((now + latency.of(episode, turn), false, episode, turn));
        }
        while let Some((episode, turn)) = answered.front().copied().filter(|_| desks > 0) {
            (desks, _) = (desks - 1, answered.pop_front());
            under_way.push((now + judging, true, episode, turn));
        }
        let ends = under_way.iter().enumerate();
        let next = ends.min_by(|(_, one), (_, other)| one.0.total_cmp(&other.0));
        let Some((index, _)) = next else { return now };
        let (end, judged, episode, turn) = under_way.remove(index);
        now = end;
        if judged {
            desks += 1;
            asked.extend((turn + 1 < TURNS).then_some((turn + 1, episode)));
        } else {
            places += 1;
            answered.push_back((episode, turn));
        }
    }
}

/// Serves `/chat/completions` of one case until the process ends.
fn serve(latency: Latency) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // A client that goes away ends its connection, and nothing else.
                let _ = answer(stream, latency);
            });
        }
    });
    Ok(url)
}

fn answer(mut stream: TcpStream, latency: Latency) -> anyhow::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let lower = line.to_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body: serde_json::Value = serde_json::from_slice(&body)?;
        let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let statement = messages[0]["content"].as_str().unwrap_or_default();
        let episode: usize = statement.trim_start_matches('p').trim().parse()?;
        let turn = messages.len() / 2;
        std::thread::sleep(Duration::from_secs_f64(latency.of(episode, turn)));
        let content = format!("```python\nprint({episode}, {turn})\n```");
        let text = serde_json::json!({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]});
        let text = text.to_string();
        // In one piece: of several the later ones wait for the first to be acknowledged, some 40 ms.
        let whole = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        stream.write_all(whole.as_bytes())?;
    }
}

/// Says of every answer that it is wrong, after a while.
struct Sleeper {
    seconds: f64,
    workers: usize,
}

impl Judge for Sleeper {
    fn name(&self) -> &'static str {
        "sleeper"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        String::new()
    }

    fn judge(&self, _: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        std::thread::sleep(Duration::from_secs_f64(self.seconds));
        let failure = Failure {
            test: 0,
            grade: Grade::WrongAnswer,
            input: String::new(),
            expected: String::new(),
            got: "0".to_owned(),
            trace: String::new(),
        };
        let verdict = Verdict {
            failures: vec![failure],
            ..Verdict::no_program(1)
        };
        Ok(Verdict {
            grade: Grade::WrongAnswer,
            ..verdict
        }
        .into())
    }

    fn reads(&self) -> Reads {
        Reads::Program
    }

    fn gives_verdicts(&self) -> bool {
        true
    }

    fn workers(&self) -> usize {
        self.workers
    }
}

fn problem(episode: usize) -> Problem {
    let test = TestCase::Stdin {
        input: "1\n".to_owned(),
        expected: "1\n".to_owned(),
    };
    Problem {
        id: format!("p{episode}"),
        statement: format!("p{episode}"),
        public_tests: vec![test.clone()],
        private_tests: vec![test],
        ..Problem::default()
    }
}

fn policy(url: &str, requests: usize) -> anyhow::Result<RemotePolicy> {
    let config = RemoteConfig {
        server: ServerConfig {
            url: url.to_owned(),
            model: "m".to_owned(),
            concurrency: requests,
            tries: 1,
            timeout: Duration::from_mins(1),
            backoff: Duration::from_millis(1),
        },
        endpoint: Endpoint::Chat,
        system: None,
        sent: Sent::default(),
        prices: None,
    };
    let policy = RemotePolicy::new(config, None)?;
    // The first request alone would tell nothing of the schedule.
    policy.has_served();
    Ok(policy)
}

/// All episodes, a turn at a time: all are sampled, then all are judged.
fn by_turns(
    policy: &dyn Policy,
    judge: &dyn Judge,
    problems: &[&Problem],
    config: &RolloutConfig,
) -> anyhow::Result<Vec<Group>> {
    let game = PlayConfig {
        turns: config.turns,
        style: config.style,
        feedback: config.feedback,
        public_tests: config.public_tests,
        rewards: RewardRule::default(),
    };
    let mut plays: Vec<(Play<'_>, Episode, Vec<Message>)> = problems
        .iter()
        .map(|problem| {
            let play = Play::open(problem, &game);
            let text = play.opening();
            let dialogue = vec![Message::user(&text)];
            let opening = Opening {
                text: text.into(),
                public_tests: problem.public_tests.len(),
            };
            let episode = Episode {
                opening,
                ..Episode::start(problem.id.clone(), 0, Vec::new())
            };
            (play, episode, dialogue)
        })
        .collect();
    for turn in 0..config.turns {
        let requests = plays.iter().map(|(play, _, dialogue)| SampleRequest {
            problem_id: play.problem().id.clone(),
            sample: 0,
            turn,
            dialogue: dialogue.clone(),
            prefix: None,
            opening: 0,
            seed: turn as u64,
        });
        let samples = sample_all(policy, requests.collect(), &config.sampling)?;
        let mut texts = Vec::with_capacity(samples.len());
        for ((_, episode, dialogue), sample) in plays.iter_mut().zip(samples) {
            let completion = sample?;
            dialogue.push(Message::assistant(&completion.text));
            texts.push(completion.text.clone());
            episode.push(completion);
        }
        let mut live: Vec<&mut Play<'_>> = plays.iter_mut().map(|(play, ..)| play).collect();
        environment::judge_answers(judge, &mut live, texts, &Cancel::never());
        for (play, _, dialogue) in plays.iter_mut().filter(|(play, ..)| play.stop().is_none()) {
            let text = play.next_message();
            dialogue.push(Message::user(&text));
            play.tell(text);
        }
    }
    let mut over: Vec<&mut Play<'_>> = plays.iter_mut().map(|(play, ..)| play).collect();
    environment::judge_ends(judge, &mut over, &Cancel::never());
    let groups = plays.into_iter().map(|(play, episode, _)| {
        let (rewards, terms) = (play.rewards(), play.terms());
        let (played, stop, outcome) = play.into_parts();
        let problem_id = episode.problem_id.clone();
        let episode = episode.ended(played, stop, outcome, rewards);
        Group {
            problem_id,
            episodes: vec![Episode { terms, ..episode }],
        }
    });
    Ok(groups.collect())
}

fn journal(groups: &[Group]) -> anyhow::Result<String> {
    let mut text = String::new();
    for episode in groups.iter().flat_map(|group| &group.episodes) {
        text += &serde_json::to_string(&EpisodeRecord::new(0, episode))?;
        text.push('\n');
    }
    Ok(text)
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let problems: Vec<Problem> = (0..EPISODES).map(problem).collect();
    let some: Vec<&Problem> = problems.iter().collect();
    let config = RolloutConfig {
        group: 1,
        turns: TURNS,
        ..RolloutConfig::default()
    };
    head();
    for run in 0..args.runs {
        for latency in [Latency::Uniform, Latency::HeavyTail] {
            let url = serve(latency)?;
            for requests in [8, 32, 64] {
                for judging in [0.0, 0.3] {
                    let judge = Sleeper {
                        seconds: judging,
                        workers: args.judges,
                    };
                    let bound = bound(latency, requests, args.judges, judging);
                    let unforeseen = unforeseen(latency, requests, args.judges, judging);
                    let case = |name: &str| {
                        format!(
                            "{name}; {}; {requests} requests; judging {judging} s",
                            latency.name()
                        )
                    };
                    let server = policy(&url, requests)?;
                    let (played, streaming) =
                        measure(|| rollout::play(&server, &judge, &some, &config, 1));
                    let (groups, _) = played?;
                    let turns = EPISODES * TURNS;
                    row(
                        "rollouts",
                        &case("streaming"),
                        run,
                        turns,
                        "turns",
                        streaming,
                    );
                    let mut words = format!(
                        "{}: bound {bound:.2} s, without foreknowledge {unforeseen:.2} s, streaming {:.2} s ({:+.1}%, {:+.1}%)",
                        case("rollouts"),
                        streaming.wall,
                        100.0 * (streaming.wall / bound - 1.0),
                        100.0 * (streaming.wall / unforeseen - 1.0)
                    );
                    if !args.streaming {
                        let (played, by_turns) =
                            measure(|| by_turns(&server, &judge, &some, &config));
                        row("rollouts", &case("by turns"), run, turns, "turns", by_turns);
                        let (left, right) = (journal(&groups)?, journal(&played?)?);
                        anyhow::ensure!(
                            left.lines().count() == right.lines().count(),
                            "a journal is longer"
                        );
                        for (left, right) in left.lines().zip(right.lines()) {
                            anyhow::ensure!(left == right, "the journals differ:\n{left}\n{right}");
                        }
                        let _ = write!(
                            words,
                            ", by turns {:.2} s ({:+.1}%)",
                            by_turns.wall,
                            100.0 * (by_turns.wall / bound - 1.0)
                        );
                    }
                    eprintln!("{words}");
                }
            }
        }
    }
    Ok(())
}
