//! Pages for a browser: let in, given the headers that keep foreign scripts out, and served until the user ends it.
//!
//! A browser on this machine reaches a local address for any page of the web, and sends passwords along by itself. So whatever
//! another page could have caused is refused, with a token or without: a foreign `Origin`, a request that a foreign page embeds, a
//! host that is not this machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::command::Ends;
use crate::config::{Config, ConfigError};
use crate::guard::{is_local_name, token};
use crate::server::{Stop, caller, connection};

/// What a page may load: scripts, styles and data of this server alone, none of them within the page.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Headers of every answer.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// A server of pages on a thread of its own. It ends when it is dropped.
pub struct Pages {
    address: SocketAddr,
    stop: watch::Sender<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Pages {
    /// Starts one.
    pub fn start(config: Config, router: Router) -> Result<Self, ConfigError> {
        if !config.is_local() && config.tokens.is_empty() {
            return Err(ConfigError::Pages { bind: config.bind });
        }
        let bind = config.bind;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("pages")
            .enable_all()
            .build()
            .map_err(ConfigError::Start)?;
        let listener = runtime
            .block_on(TcpListener::bind(bind))
            .map_err(|cause| ConfigError::Bind { bind, cause })?;
        let address = listener.local_addr().map_err(ConfigError::Start)?;
        let (stop, stopped) = watch::channel(Stop::No);
        let thread = std::thread::Builder::new()
            .name("pages".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, Arc::new(config), router, stopped));
                runtime.shutdown_timeout(Duration::from_secs(1));
            })
            .map_err(ConfigError::Start)?;
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.stop.send_replace(Stop::Now);
        if let Some(thread) = self.thread.take() {
            // What it panicked with was said when it did.
            let _ = thread.join();
        }
    }
}

/// Serves until the user ends it; `listening` is told where, once it does.
pub fn run(
    config: Config,
    router: Router,
    listening: impl FnOnce(SocketAddr),
) -> Result<(), ConfigError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ConfigError::Start)?;
    let mut ends = {
        let _entered = runtime.enter();
        Ends::new().map_err(ConfigError::Start)?
    };
    let pages = Pages::start(config, router)?;
    listening(pages.address());
    runtime.block_on(ends.next());
    Ok(())
}

async fn serve(
    listener: TcpListener,
    config: Arc<Config>,
    router: Router,
    mut stop: watch::Receiver<Stop>,
) {
    let router = router.layer(from_fn_with_state(Arc::clone(&config), guard));
    let room = Arc::new(Semaphore::new(config.bounds.connections));
    let mut connections = JoinSet::new();
    while let Some((permit, stream, peer)) = caller(&listener, &room, &mut stop).await {
        while connections.try_join_next().is_some() {}
        let (config, router, stop) = (Arc::clone(&config), router.clone(), stop.clone());
        connections.spawn(async move {
            let _permit = permit;
            connection(stream, peer, &config.bounds, router, stop).await;
        });
    }
    // Pages that are watched live have no end of their own.
    connections.abort_all();
}

async fn guard(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    let mut response = match admit(&config, request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// It shows no token of this server.
    Token,
    /// Another page may have caused it; in words.
    Foreign(&'static str),
}

impl Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Token => {
                let ask = [(
                    header::WWW_AUTHENTICATE,
                    "Basic realm=\"rlef: the password is a token\"",
                )];
                let words =
                    "expected a token of this server as the password; the name may be anything\n";
                (StatusCode::UNAUTHORIZED, ask, words).into_response()
            }
            Self::Foreign(words) => (StatusCode::FORBIDDEN, format!("{words}\n")).into_response(),
        }
    }
}

fn admit(config: &Config, method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).unwrap_or_default();
    if config.is_local() && !is_local_name(host) {
        return Err(Refused::Foreign(
            "the header `Host` names no address of this machine; use localhost or 127.0.0.1",
        ));
    }
    if let Some(origin) = text(header::ORIGIN)
        && origin.strip_prefix("http://") != Some(host)
        && origin.strip_prefix("https://") != Some(host)
    {
        return Err(Refused::Foreign("requests of other pages are not answered"));
    }
    let from = text(HeaderName::from_static("sec-fetch-site")).unwrap_or("none");
    let is_link = *method == Method::GET
        && text(HeaderName::from_static("sec-fetch-mode")) == Some("navigate")
        && text(HeaderName::from_static("sec-fetch-dest")) == Some("document");
    if !matches!(from, "none" | "same-origin") && !is_link {
        return Err(Refused::Foreign("requests of other pages are not answered"));
    }
    if *method != Method::GET && *method != Method::HEAD {
        // No form can send it, so that a browser asks before it sends one elsewhere.
        let kind = text(header::CONTENT_TYPE).unwrap_or_default();
        if kind.split(';').next().map(str::trim) != Some("application/json") {
            return Err(Refused::Foreign("expected a body of `application/json`"));
        }
    }
    if !config.tokens.is_empty() && token(&config.tokens, headers).is_err() {
        return Err(Refused::Token);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Token;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn what_another_page_causes_is_refused() {
        let config = Config::of("127.0.0.1:80".parse().unwrap());
        let may = |method: Method, pairs: &[(&'static str, &str)]| {
            admit(&config, &method, &headers(pairs)).is_ok()
        };
        let own = ("host", "127.0.0.1:80");
        assert!(may(Method::GET, &[own]));
        assert!(may(Method::GET, &[own, ("origin", "http://127.0.0.1:80")]));
        for foreign in [
            "http://evil.example",
            "http://127.0.0.1:81",
            "null",
            "http://127.0.0.1",
        ] {
            assert!(!may(Method::GET, &[own, ("origin", foreign)]), "{foreign}");
        }
        for host in ["evil.example", "localhost.evil.example", ""] {
            assert!(!may(Method::GET, &[("host", host)]), "{host}");
        }
        assert!(!may(Method::GET, &[]));
        // A link may be followed, an image or a frame of another page may not.
        let site = ("sec-fetch-site", "cross-site");
        let navigate = ("sec-fetch-mode", "navigate");
        assert!(may(
            Method::GET,
            &[own, site, navigate, ("sec-fetch-dest", "document")]
        ));
        assert!(!may(
            Method::GET,
            &[own, site, navigate, ("sec-fetch-dest", "iframe")]
        ));
        assert!(!may(
            Method::GET,
            &[own, site, ("sec-fetch-mode", "no-cors")]
        ));
        let json = ("content-type", "application/json");
        assert!(may(Method::POST, &[own, json]));
        assert!(!may(Method::POST, &[own, ("content-type", "text/plain")]));
        assert!(!may(Method::POST, &[own]));
        assert!(!may(
            Method::POST,
            &[own, json, site, navigate, ("sec-fetch-dest", "document")]
        ));
    }

    #[test]
    fn other_machines_show_a_token_and_are_no_other_page_either() {
        let long = "0123456789abcdef";
        let config = Config {
            tokens: vec![Token::new(long)],
            ..Config::of("0.0.0.0:80".parse().unwrap())
        };
        let with = |pairs: &[(&'static str, &str)]| admit(&config, &Method::GET, &headers(pairs));
        let host = ("host", "gpu.cluster:80");
        let bearer = format!("Bearer {long}");
        assert_eq!(with(&[host]), Err(Refused::Token));
        assert_eq!(
            with(&[host, ("authorization", "Bearer wrong")]),
            Err(Refused::Token)
        );
        assert_eq!(with(&[host, ("authorization", &bearer)]), Ok(()));
        let foreign = ("origin", "http://evil.example");
        assert!(with(&[host, ("authorization", &bearer), foreign]).is_err());
        let open = Config {
            open: true,
            ..Config::of("0.0.0.0:0".parse().unwrap())
        };
        let refused = Pages::start(open, Router::new()).map(drop).unwrap_err();
        assert!(refused.to_string().contains("--token-file"), "{refused}");
    }
}
