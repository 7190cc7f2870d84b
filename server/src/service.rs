//! The running service, from its first socket to its end.

use crate::config::{Config, RebootBy};
use crate::http::{self, AppState, Options};
use crate::metrics::Metrics;
use crate::model_start::come_up;
use crate::notify;
use crate::open_files;
use crate::reset::{self, ResetError};
use crate::serve::{Limits, serve as serve_connections};
use crate::tls::{self, TlsError};
use crate::wiring::{self, WiringError};
use ota_engine::ports::StoreError;
use ota_engine::{OpenError, Ota};
use ota_store::SqliteStore;
use std::io;
use std::net::AddrParseError;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Longest time that the end may take. The service manager waits longer than that.
const END: Duration = Duration::from_secs(8);

/// Why the service does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {address}: {source}")]
    Listen { address: String, source: io::Error },
    #[error("“{0}” is not an address and a port")]
    Address(String, #[source] AddrParseError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Wiring(#[from] WiringError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Reset(#[from] ResetError),
    #[error("the engine cannot start: {0}")]
    Engine(#[from] OpenError),
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
}

/// The signals that end the service.
struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl EndSignals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn any(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Runs the service until SIGTERM or SIGINT.
///
/// # Errors
/// [`ServeError`] when it cannot start. What fails later is in the log and does not end it.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    // From here on a signal ends us in order, even while we start.
    let mut signals = EndSignals::new().map_err(ServeError::Signals)?;
    let tls = acceptor(&config)?;
    if config.boot.reboot == RebootBy::Model {
        wiring::prepare_directory(&config.data_dir)?;
        tokio::select! {
            up = come_up(&config) => up?,
            name = signals.any() => {
                tracing::info!(signal = name, "the service ends before the modelled hardware is up");
                return Ok(());
            }
        }
    }
    let listener = listen(&config.server.listen).await?;
    let running = Running::start(&config, listener, tls).await?;
    let name = signals.any().await;
    tracing::info!(signal = name, "the service ends");
    running.stop().await;
    Ok(())
}

fn acceptor(config: &Config) -> Result<Option<TlsAcceptor>, TlsError> {
    let files = config.server.tls_certificate.as_deref().zip(config.server.tls_key.as_deref());
    files.map(|(certificate, key)| tls::acceptor(certificate, key)).transpose()
}

async fn listen(address: &str) -> Result<TcpListener, ServeError> {
    let parsed: std::net::SocketAddr =
        address.parse().map_err(|error| ServeError::Address(address.to_owned(), error))?;
    let listener = TcpListener::bind(parsed).await;
    listener.map_err(|source| ServeError::Listen { address: address.to_owned(), source })
}

/// Everything that has to be ended.
struct Running {
    ota: Arc<Ota>,
    store: SqliteStore,
    state: AppState,
    connections: JoinHandle<()>,
    stop: CancellationToken,
}

impl Running {
    async fn start(
        config: &Config,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
    ) -> Result<Self, ServeError> {
        let address = listener
            .local_addr()
            .map_err(|source| ServeError::Listen { address: config.server.listen.clone(), source })?;
        wiring::prepare_directory(&config.data_dir)?;
        reset::carry_out(config).await?;
        let store = SqliteStore::open_for_service(wiring::database(&config.data_dir)).await?;
        let metrics =
            Metrics::install().inspect_err(|error| tracing::warn!(%error, "there are no metrics")).ok();
        let parts = wiring::parts(config, &store, address, metrics.clone())?;
        let ota = Ota::open(parts).await?;
        let options = options(config, tls.is_some());
        let state = AppState::new(Arc::clone(&ota), store.clone(), options, metrics).await?;
        state.setup.invite(address).await?;
        let commands = Arc::clone(&state.auth).hear_commands(config.data_dir.clone(), state.stop.clone());
        state.tasks.spawn(commands);
        let stop = CancellationToken::new();
        let router = http::router(state.clone());
        let limits = Limits::within(open_files::raise());
        let connections = tokio::spawn(serve_connections(listener, router, tls, limits, stop.clone()));
        // A trial asks this server whether it is well, so the engine starts after it.
        ota.start();
        tokio::spawn(notify::feed_watchdog(stop.clone()));
        notify::ready(address);
        tracing::info!(%address, gateway = config.gateway.id, "the service listens");
        Ok(Self { ota, store, state, connections, stop })
    }

    /// Answers what is being asked, brings jobs to a safe point, closes the database.
    async fn stop(self) {
        notify::stopping();
        self.stop.cancel();
        let connections = self.connections;
        let everything = async {
            let (ended, (), ()) = tokio::join!(connections, self.ota.shutdown(), self.state.close());
            if let Err(error) = ended {
                tracing::error!(%error, "the web server ended badly");
            }
            self.store.close().await;
        };
        if tokio::time::timeout(END, everything).await.is_err() {
            tracing::warn!("work was still under way when the service ended; it goes on at the next start");
        }
    }
}

fn options(config: &Config, tls: bool) -> Options {
    Options {
        allowed_hosts: config.server.allowed_hosts.clone(),
        tls,
        console: Some(config.server.console.clone()),
        upload_idle: Duration::from_secs(config.uploads.idle_seconds),
        ..Options::new(config.server.site.clone())
    }
}
