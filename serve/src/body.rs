//! A request's body → text, within bounds on its size, its nesting, the memory of all and the patience with its sender.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use crate::app::App;
use crate::config::Bounds;
use crate::failure::{Failure, Kind};
use crate::guard::Since;
use crate::json::{self, DEPTH};
use crate::places::{Held, Place, Purse, Wait};
use crate::pool::Client;

/// Bytes that a JSON value takes in memory, beside its own.
const VALUE: usize = 64;

/// A request that was let in, read, and has a place.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) client: Client,
    pub(crate) text: String,
    /// When its head had come.
    pub(crate) since: Instant,
    /// What its caller may hold besides.
    pub(crate) purse: Purse,
    _held: Held,
    _place: Place,
}

/// How long a caller is known to wait at least, where a full house is waited for.
pub(crate) type Patience = Option<Duration>;

/// Reads a request to its end.
pub(crate) async fn read(
    app: &Arc<App>,
    request: Request,
    patience: Patience,
) -> Result<Asked, Failure> {
    let (parts, body) = request.into_parts();
    let client = parts.extensions.get::<Client>().cloned();
    let client = client.ok_or_else(Failure::lost)?;
    let since = parts.extensions.get::<Since>().map(|since| since.0);
    let since = since.unwrap_or_else(Instant::now);
    let wait = match patience {
        None => Wait::No,
        Some(patience) => Wait::Until(crate::places::deadline(
            since,
            patience,
            app.config.bounds.margin,
        )),
    };
    is_json(&parts.headers)?;
    let place = app.places.take(&client.who, wait).await?;
    let mut held = Held::default();
    let bounds = &app.config.bounds;
    let purse = app.bytes.of(&client.who);
    let text = text(body, &parts.headers, bounds, &purse, &mut held, wait).await?;
    if app.config.log_bodies {
        tracing::info!("{}", rlef_judge::problem::printable(&text));
    }
    Ok(Asked {
        client,
        text,
        since,
        purse: purse.beside(&held),
        _held: held,
        _place: place,
    })
}

fn is_json(headers: &HeaderMap) -> Result<(), Failure> {
    let media = |words: &str| Err(Failure::new(Kind::MediaType, words));
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    // What a web page may send without asking first is nothing of this kind.
    if !kind.eq_ignore_ascii_case("application/json") {
        return media("expected the header `Content-Type: application/json`");
    }
    match headers.get(header::CONTENT_ENCODING) {
        None => Ok(()),
        Some(coding) if coding == "identity" => Ok(()),
        Some(_) => media("a packed body is not read; send it as it is"),
    }
}

async fn text(
    mut body: Body,
    headers: &HeaderMap,
    bounds: &Bounds,
    purse: &Purse,
    held: &mut Held,
    wait: Wait,
) -> Result<String, Failure> {
    let too_large = || {
        Failure::new(
            Kind::Large,
            format!("a body has at most {} bytes here", bounds.body_bytes),
        )
    };
    let too_slow = || Failure::new(Kind::Slow, "the body did not come in time");
    let said = headers.get(header::CONTENT_LENGTH);
    let said = said.and_then(|said| said.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|said| said > bounds.body_bytes) {
        return Err(too_large());
    }
    let end = Instant::now() + bounds.body;
    // What it says that it has is not believed before it is there.
    let mut all: Vec<u8> = Vec::with_capacity(said.unwrap_or(0).min(64 << 10));
    loop {
        let frame = timeout(bounds.pause, timeout_at(end, body.frame())).await;
        let frame = frame.map_err(|_| too_slow())?.map_err(|_| too_slow())?;
        let Some(frame) = frame else { break };
        let frame = frame
            .map_err(|error| Failure::new(Kind::Request, format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if all.len() + data.len() > bounds.body_bytes {
            return Err(too_large());
        }
        purse.take(held, data.len(), wait).await?;
        all.extend_from_slice(&data);
    }
    let size = json::size(&all);
    if size.depth > DEPTH {
        return Err(Failure::new(
            Kind::Request,
            format!(
                "the body nests {} values in one another; at most {DEPTH} are read",
                size.depth
            ),
        ));
    }
    purse
        .take(held, size.values.saturating_mul(VALUE), wait)
        .await?;
    String::from_utf8(all).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Failure::new(
            Kind::Request,
            format!("the body is no UTF-8 from byte {place} on"),
        )
    })
}
