//! The pages of `rlef view`: which address is which page, and what they hold together.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use tokio::sync::mpsc;

use super::episodes::Episodes;
use super::page;
use super::places::{Kind, Place, Places};
use super::sets::{Loaders, Sets};
use super::web::{Ask, Fault, answer, html};

/// The style sheet of all pages.
pub(super) const STYLE: &str = include_str!("assets/view.css");
/// The script of all pages.
pub(super) const SCRIPT: &str = include_str!("assets/view.js");
/// How often it is looked whether a run has gone on.
const LOOK: Duration = Duration::from_secs(1);
/// Looks without news after which a word is said, so that a page that is gone is noticed.
const QUIET: usize = 15;

/// What all pages look at.
pub struct View {
    pub(super) places: Places,
    pub(super) sets: Sets,
    journals: Mutex<HashMap<PathBuf, Arc<Episodes>>>,
}

impl View {
    /// Of what a user has named.
    pub fn new(places: Places, loaders: Loaders) -> Arc<Self> {
        Arc::new(Self {
            places,
            sets: Sets::new(loaders),
            journals: Mutex::default(),
        })
    }

    /// A place of this kind by the name in an address.
    pub(super) fn place(&self, kind: Kind, name: &str) -> Result<Place, Fault> {
        let words = || {
            Fault::Missing(
                format!("there is no {kind:?} {name} among those that were named").to_lowercase(),
            )
        };
        self.places.find(kind, name).ok_or_else(words)
    }

    /// The journal of a run or one that stands alone, opened once, with what was written to it since.
    pub(super) fn episodes(&self, name: &str) -> Result<Arc<Episodes>, Fault> {
        let run = self.places.find(Kind::Run, name);
        let place = run.map_or_else(|| self.place(Kind::Journal, name), Ok)?;
        let path = match place.kind {
            Kind::Run => crate::journal::of_run(place.path()),
            _ => place.path().to_owned(),
        };
        if !path.exists() {
            return Err(Fault::Missing(format!("{name} has no journal yet")));
        }
        let mut journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        let episodes = if let Some(open) = journals.get(&path) {
            Arc::clone(open)
        } else {
            let open = Episodes::open(&path)?;
            journals.insert(path, Arc::clone(&open));
            open
        };
        drop(journals);
        episodes.refresh()?;
        Ok(episodes)
    }
}

type Make = fn(&View, &Ask) -> Result<String, Fault>;

/// All pages.
pub fn routes(view: &Arc<View>) -> Router {
    Router::new()
        .route("/", page_of(page::runs))
        .route("/run", page_of(page::run))
        .route("/curves", page_of(page::curves))
        .route("/live", get(live))
        .route("/episodes", page_of(page::episodes))
        .route("/episode", page_of(page::episode))
        .route("/evaluations", page_of(page::evaluations))
        .route("/evaluation", page_of(page::evaluation))
        .route("/compare", page_of(page::compare))
        .route("/problems", page_of(page::problems))
        .route("/problem", page_of(page::problem))
        .route(
            "/view.css",
            get(async || answer(StatusCode::OK, "text/css; charset=utf-8", STYLE)),
        )
        .route(
            "/view.js",
            get(async || answer(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT)),
        )
        .fallback(async |uri: Uri| {
            failed(&Fault::Missing(format!("there is no page {}", uri.path())))
        })
        .with_state(Arc::clone(view))
}

/// A page that is made by reading files, on a thread that may wait for them.
fn page_of(make: Make) -> MethodRouter<Arc<View>> {
    get(move |State(view): State<Arc<View>>, uri: Uri| async move {
        let made = tokio::task::spawn_blocking(move || make(&view, &Ask::of(uri.query()))).await;
        match made.unwrap_or_else(|error| Err(Fault::Failed(error.to_string()))) {
            Ok(text) => html(StatusCode::OK, text),
            Err(fault) => failed(&fault),
        }
    })
}

/// The page that says why there is none.
pub(super) fn failed(fault: &Fault) -> Response {
    let text = page::fault(fault).unwrap_or_else(|_| fault.words().len().to_string());
    html(fault.status(), text)
}

/// Says, as server-sent events, when the named runs have gone on.
async fn live(State(view): State<Arc<View>>, uri: Uri) -> Response {
    let ask = Ask::of(uri.query());
    let mut folders = Vec::new();
    for name in ask.all("of") {
        match view.place(Kind::Run, name) {
            Ok(place) => folders.push(place.path().to_owned()),
            Err(fault) => return failed(&fault),
        }
    }
    let (say, said) = mpsc::channel::<&'static str>(1);
    tokio::spawn(async move {
        let mut before = lengths(&folders);
        let mut quiet = 0;
        loop {
            tokio::time::sleep(LOOK).await;
            let now = lengths(&folders);
            quiet += 1;
            let word = if now != before {
                "event: changed\ndata: \n\n"
            } else if quiet >= QUIET {
                ": still here\n\n"
            } else {
                continue;
            };
            (before, quiet) = (now, 0);
            if say.send(word).await.is_err() {
                return;
            }
        }
    });
    answer(
        StatusCode::OK,
        "text/event-stream",
        Body::from_stream(Words(said)),
    )
}

fn lengths(folders: &[PathBuf]) -> Vec<u64> {
    let length = |folder: &PathBuf| {
        std::fs::metadata(Path::new(folder).join("metrics.jsonl")).map_or(0, |about| about.len())
    };
    folders.iter().map(length).collect()
}

/// What is said, as a body.
struct Words(mpsc::Receiver<&'static str>);

impl futures_core::Stream for Words {
    type Item = Result<&'static str, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|word| word.map(Ok))
    }
}
