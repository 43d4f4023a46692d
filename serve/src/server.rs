//! Connections: taken, served, and let go. Slow ones are cut off; at the end those under way are finished.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::app::App;
use crate::config::{Bounds, Config, ConfigError};
use crate::dialects;
use crate::guard::{Peer, guard};
use crate::machine::Machine;
use crate::meter::Meter;
use crate::metrics::Gauge;
use crate::native;
use crate::patient::Patient;
use crate::problems::Sets;

/// Bytes of a request's head at most.
const HEAD: usize = 64 << 10;
/// How long to wait where the system has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(50);
/// How often episodes that nobody touches are looked for.
const SWEEP: Duration = Duration::from_mins(1);

/// A server that runs on threads of its own. It ends when it is dropped, without waiting for those under way.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<Stop>,
    ended: watch::Receiver<bool>,
    thread: Option<JoinHandle<()>>,
}

/// How it is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    No,
    /// Take no more, and finish those under way.
    Drain,
    /// At once.
    Now,
}

impl Server {
    /// Starts one.
    pub fn start(
        config: Config,
        machine: Arc<dyn Machine>,
        sets: Sets,
    ) -> Result<Self, ConfigError> {
        let bind = config.bind;
        let app = App::new(config, machine, sets)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(
                std::thread::available_parallelism().map_or(2, |count| count.get().min(8)),
            )
            .thread_name("serve")
            .enable_all()
            .build()
            .map_err(ConfigError::Start)?;
        let listener = runtime
            .block_on(TcpListener::bind(bind))
            .map_err(|cause| ConfigError::Bind { bind, cause })?;
        let address = listener.local_addr().map_err(ConfigError::Start)?;
        let (stop, stopped) = watch::channel(Stop::No);
        let (end, ended) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("serve".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, &app, stopped));
                // Whoever is left is let go, which ends what runs for them.
                runtime.shutdown_timeout(Duration::from_secs(5));
                end.send_replace(true);
            })
            .map_err(ConfigError::Start)?;
        Ok(Self {
            address,
            stop,
            ended,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has it take no more, and finish those under way within its bounds.
    pub fn drain(&self) {
        self.stop.send_if_modified(|stop| {
            let changes = *stop < Stop::Drain;
            if changes {
                *stop = Stop::Drain;
            }
            changes
        });
    }

    /// Has it end at once.
    pub fn end(&self) {
        self.stop.send_replace(Stop::Now);
    }

    /// Waits until it has ended, as it was told to.
    pub fn wait(mut self) {
        self.join();
    }

    /// Resolves once it has ended.
    pub fn ended(&self) -> impl Future<Output = ()> + use<> {
        let mut ended = self.ended.clone();
        // Where the thread panicked it has ended, too.
        async move { drop(ended.wait_for(|ended| *ended).await) }
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // What it panicked with was said when it did.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        self.join();
    }
}

async fn serve(listener: TcpListener, app: &Arc<App>, mut stop: watch::Receiver<Stop>) {
    let router = native::routes()
        .merge(dialects::routes())
        .fallback(native::nowhere)
        .method_not_allowed_fallback(native::by_no_means)
        .layer(from_fn_with_state(Arc::clone(app), guard))
        .with_state(Arc::clone(app));
    let room = Arc::new(Semaphore::new(app.config.bounds.connections));
    let mut connections = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        // Those that are over are forgotten.
        while connections.try_join_next().is_some() {}
        tokio::select! {
            biased;
            next = caller(&listener, &room, &mut stop) => {
                let Some((permit, stream, peer)) = next else {
                    break;
                };
                let (app, router, stop) = (Arc::clone(app), router.clone(), stop.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    let _open = Gauge::up(&app.metrics.connections);
                    connection(stream, peer, &app.config.bounds, router, stop).await;
                });
            }
            _ = sweep.tick() => app.episodes.sweep(),
        }
    }
    drop(listener);
    app.draining.send_replace(true);
    let all = async {
        while connections.join_next().await.is_some() {}
        // Sockets are no longer the connections that they came by.
        while app.metrics.connections.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(NO_ROOM).await;
        }
    };
    tokio::select! {
        () = all => {}
        () = told(&mut stop, Stop::Now) => {}
        () = tokio::time::sleep(app.config.bounds.drain) => {
            let left = app.metrics.connections.load(Ordering::Relaxed);
            tracing::warn!("{left} connections were not done in time and are closed");
        }
    }
    connections.abort_all();
    while connections.join_next().await.is_some() {}
}

/// Resolves once the server is told to end so soon, or nobody is left who could tell it.
async fn told(stop: &mut watch::Receiver<Stop>, least: Stop) {
    drop(stop.wait_for(|stop| *stop >= least).await);
}

/// The next who calls, with a place in the room that there must be; nobody once the server is told to end. What is dropped
/// before it is done takes nobody from the listener.
pub(crate) async fn caller(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    stop: &mut watch::Receiver<Stop>,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let taken = async {
        let permit = Arc::clone(room).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((permit, stream, peer)),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(NO_ROOM).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = told(stop, Stop::Drain) => None,
        taken = taken => taken,
    }
}

/// Serves one connection until it ends or the server is told to.
pub(crate) async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    bounds: &Bounds,
    router: Router,
    mut stop: watch::Receiver<Stop>,
) {
    // Answers are small and waited for.
    let _ = stream.set_nodelay(true);
    let inner = TowerToHyperService::new(router);
    let meter = Arc::<Meter>::default();
    let metered = Arc::clone(&meter);
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(Arc::clone(&metered));
        let answer = hyper::service::Service::call(&inner, request);
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let stream = TokioIo::new(Patient::new(stream, bounds.pause, meter));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(HEAD)
        .serve_connection(stream, service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = told(&mut stop, Stop::Drain) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        // A caller who hung up, or sent what is no HTTP.
        tracing::debug!(%error, "a connection ended early");
    }
}
