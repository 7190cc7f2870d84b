use super::idempotency::KeptRequests;
use crate::{
    auth::{Auth, Lifetimes},
    feed::{BEAT, Feed},
    metrics::Metrics,
    setup::FirstRun,
};
use ota_engine::{Ota, ports::StoreError};
use ota_store::SqliteStore;
use std::{ops::Deref, path::PathBuf, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Time between two looks for expired sessions.
const TIDY: Duration = Duration::from_secs(600);

/// How the gateway is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// `Host` names that are answered beside addresses and `localhost`; none: any.
    pub allowed_hosts: Vec<String>,
    /// Clients come over TLS: cookies are `Secure`.
    pub tls: bool,
    /// Directory with the page's scripts and styles.
    pub site: PathBuf,
    /// Where the claim token of first-run set-up is printed; none: nowhere.
    pub console: Option<PathBuf>,
    /// Longest time that a request may take.
    pub request_timeout: Duration,
    /// Longest time that an upload may be silent.
    pub upload_idle: Duration,
    /// Time between two signs of life to those who listen to the live feed.
    pub beat: Duration,
    pub lifetimes: Lifetimes,
}

impl Options {
    #[must_use]
    pub fn new(site: PathBuf) -> Self {
        Self {
            allowed_hosts: Vec::new(),
            tls: false,
            site,
            console: None,
            request_timeout: Duration::from_secs(90),
            upload_idle: Duration::from_secs(60),
            beat: BEAT,
            lifetimes: Lifetimes::default(),
        }
    }
}

/// What the routes share. Clones are the same state, and cheap: every layer makes some for every request.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// What there is in an [`AppState`].
pub struct Shared {
    pub ota: Arc<Ota>,
    pub auth: Arc<Auth>,
    pub requests: Arc<KeptRequests>,
    pub setup: FirstRun,
    pub options: Options,
    pub assets: Arc<app::Assets>,
    pub feed: Arc<Feed>,
    /// None where the process has no recorder.
    pub metrics: Option<Metrics>,
    /// The server is going away: whoever listens is told.
    pub stop: CancellationToken,
    /// Who listens, and housekeeping.
    pub tasks: TaskTracker,
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl AppState {
    /// Reads what the first page needs and starts the housekeeping, which ends with [`AppState::close`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn new(
        ota: Arc<Ota>,
        store: SqliteStore,
        options: Options,
        metrics: Option<Metrics>,
    ) -> Result<Self, StoreError> {
        let (feed, events) = Feed::open(Arc::clone(&ota)).await?;
        let state = Self(Arc::new(Shared {
            feed,
            setup: FirstRun::new(store.clone(), options.console.clone()),
            requests: Arc::new(KeptRequests::new(store.clone())),
            auth: Arc::new(Auth::new(store, options.lifetimes)),
            assets: Arc::new(super::assets::named(&options.site)),
            options,
            metrics,
            ota,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }));
        state.tasks.spawn(Arc::clone(&state.feed).follow(events, state.stop.clone()));
        state.tasks.spawn(tidy(Arc::clone(&state.auth), state.stop.clone()));
        Ok(state)
    }

    /// Says goodbye to those who listen and ends the housekeeping; returns when all of it has ended.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The id that `X-Gateway-ID` must carry.
    #[must_use]
    pub fn gateway_id(&self) -> String {
        self.ota.snapshot().site.id.clone()
    }
}

async fn tidy(auth: Arc<Auth>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(TIDY)).await.is_some() {
        if let Err(error) = auth.tidy().await {
            tracing::warn!(%error, "expired sessions stay in the database for now");
        }
    }
}
