//! What every request meets first: who it is from, and whether it may come in.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use tokio::time::Instant;

use crate::answer;
use crate::app::App;
use crate::config::{Config, Token};
use crate::dialects::Dialect;
use crate::failure::{Failure, Kind};
use crate::pool::Client;

/// The header by which a caller names the part of itself that a request is for. Names have turns among those of one caller.
const NAME: &str = "x-rlef-client";
/// Characters of such a name.
const LONGEST_NAME: usize = 64;
/// The only route without a token: whoever looks after the server asks it.
const HEALTH: &str = "/health";

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// When a request's head had come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since(pub(crate) Instant);

/// Lets a request in, and counts and logs what became of it.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let since = Instant::now();
    let dialect = Dialect::of(request.uri().path());
    let line = app
        .config
        .log
        .then(|| format!("{} {}", request.method(), request.uri().path()));
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let response = match admit(&app, &request, peer) {
        Ok(client) => {
            let purse = app.bytes.of(&client.who);
            request.extensions_mut().insert(client);
            request.extensions_mut().insert(Since(since));
            let answer = next.run(request).await;
            let answer = answer::counted(&purse, answer).await;
            answer.unwrap_or_else(|failure| {
                app.metrics.failure(failure.kind);
                dialect.failure(&failure)
            })
        }
        Err(failure) => {
            app.metrics.failure(failure.kind);
            let mut response = dialect.failure(&failure);
            // Its body is not read: the connection is of no more use.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            response
        }
    };
    let (status, took) = (response.status(), since.elapsed());
    app.metrics.request(dialect.name(), status.as_u16(), took);
    if let Some(line) = line {
        let from = peer.map_or_else(|| "?".to_owned(), |peer| peer.ip().to_string());
        let ms = took.as_secs_f64() * 1000.0;
        tracing::info!("{from} {line} {} {ms:.1} ms", status.as_u16());
    }
    response
}

fn admit(app: &App, request: &Request, peer: Option<SocketAddr>) -> Result<Client, Failure> {
    let headers = request.headers();
    let is_health = request.uri().path() == HEALTH;
    if *app.draining.borrow() && !is_health {
        return Err(Failure::new(
            Kind::Draining,
            "the server ends; ask another one, or come again",
        ));
    }
    let who = if app.config.tokens.is_empty() {
        keep_web_pages_out(&app.config, headers)?;
        peer.map(|peer| peer.ip().to_string())
    } else if is_health {
        None
    } else {
        Some(format!("token {}", token(&app.config.tokens, headers)?))
    };
    let name = headers
        .get(NAME)
        .and_then(|name| name.to_str().ok())
        .unwrap_or("");
    if name.len() > LONGEST_NAME {
        return Err(Failure::new(
            Kind::Request,
            format!("header {NAME}: expected at most {LONGEST_NAME} characters"),
        ));
    }
    Ok(Client {
        who: who.unwrap_or_default().into(),
        name: name.into(),
    })
}

/// Which of the tokens was shown, as a bearer or as the password of the basic scheme, which clients take from a URL. All are
/// compared, whichever fits.
pub(crate) fn token(tokens: &[Token], headers: &HeaderMap) -> Result<usize, Failure> {
    let wrong = || {
        Failure::new(
            Kind::Token,
            "expected a token of this server: `Authorization: Bearer TOKEN`, or the password in http://user:TOKEN@host",
        )
    };
    let shown = headers.get(header::AUTHORIZATION).ok_or_else(wrong)?;
    let shown = shown.to_str().map_err(|_| wrong())?;
    let (scheme, rest) = shown.split_once(' ').ok_or_else(wrong)?;
    let text = if scheme.eq_ignore_ascii_case("bearer") {
        rest.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let decoded = base64::engine::general_purpose::STANDARD.decode(rest.trim());
        let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let password = decoded.as_deref().and_then(|text| text.split_once(':'));
        password.ok_or_else(wrong)?.1.to_owned()
    } else {
        return Err(wrong());
    };
    let shown = Token::new(&text);
    let mut found = None;
    for (number, token) in tokens.iter().enumerate() {
        if token.is(&shown) {
            found = Some(number);
        }
    }
    found.ok_or_else(wrong)
}

/// Without tokens, whoever reaches the address may use it; a browser on this machine reaches it for any web page. What comes
/// from a page says so, or names a host that this server isn't.
fn keep_web_pages_out(config: &Config, headers: &HeaderMap) -> Result<(), Failure> {
    let forbidden = |words: &str| Err(Failure::new(Kind::Forbidden, words));
    if headers.contains_key(header::ORIGIN) {
        return forbidden("requests from web pages are not answered without a token");
    }
    if !config.is_local() {
        return Ok(());
    }
    let Some(host) = headers.get(header::HOST) else {
        return Ok(());
    };
    if host.to_str().is_ok_and(is_local_name) {
        return Ok(());
    }
    forbidden("the header `Host` names no address of this machine; use localhost or 127.0.0.1")
}

/// Whether a host, with its port or without, is this machine by its very name.
pub(crate) fn is_local_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                header::HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_token_is_shown_as_bearer_or_as_password() {
        let tokens = [Token::new("first-token-of-all"), Token::new("second")];
        let basic = |text: &str| {
            let text = base64::engine::general_purpose::STANDARD.encode(text);
            format!("Basic {text}")
        };
        let of = |value: &str| token(&tokens, &headers(&[("authorization", value)])).ok();
        assert_eq!(of("Bearer second"), Some(1));
        assert_eq!(of("bearer first-token-of-all"), Some(0));
        assert_eq!(of(&basic("anybody:second")), Some(1));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer secon",
            "Bearer second2",
            "second",
            "Token second",
            "Basic second",
            &basic("second"),
            &basic(":"),
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert!(token(&tokens, &HeaderMap::new()).is_err());
    }

    #[test]
    fn pages_of_the_web_are_kept_out_of_a_local_server() {
        let config = Config::of("127.0.0.1:80".parse().unwrap());
        let may =
            |pairs: &[(&'static str, &str)]| keep_web_pages_out(&config, &headers(pairs)).is_ok();
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:1",
            "[::1]:8080",
            "10.1.2.3",
        ] {
            assert!(may(&[("host", host)]), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8080", ""] {
            assert!(!may(&[("host", host)]), "{host}");
        }
        assert!(!may(&[
            ("host", "localhost"),
            ("origin", "http://evil.example")
        ]));
        let open = Config::of("0.0.0.0:80".parse().unwrap());
        let named = headers(&[("host", "judge.cluster.local")]);
        assert!(keep_web_pages_out(&open, &named).is_ok());
    }
}
