use ota_api::{
    debug::{DebugBundle, DebugBundleRequest, DebugBundleStarted, DebugBundles},
    human, routes,
};
use ota_engine::{Snapshot, Unmade, ports};

use super::instant;

/// What `POST debug-bundle` orders.
#[must_use]
pub const fn debug_content(request: DebugBundleRequest) -> ports::DebugContent {
    ports::DebugContent {
        logs: request.include_logs,
        configs: request.include_configs,
        metrics: request.include_metrics,
    }
}

/// The answer of `POST debug-bundle`.
#[must_use]
pub fn debug_started(bundle_id: String, size: u64) -> DebugBundleStarted {
    DebugBundleStarted {
        status: "creating".to_owned(),
        estimated_size: human::size(size),
        download_url: routes::debug_download_url(&bundle_id),
        bundle_id,
    }
}

/// The answer of `GET debug-bundle`.
#[must_use]
pub fn debug_bundles(snapshot: &Snapshot) -> DebugBundles {
    let view = &snapshot.debug;
    let made = view.bundles.iter().map(made);
    DebugBundles { bundles: view.unmade.iter().map(unmade).chain(made).collect() }
}

fn made(bundle: &ports::DebugBundle) -> DebugBundle {
    DebugBundle {
        bundle_id: bundle.id.clone(),
        status: "completed".to_owned(),
        size: human::size(bundle.size),
        size_bytes: bundle.size,
        created_at: instant(bundle.created_at),
        expires_at: Some(instant(bundle.expires_at)),
        download_url: Some(routes::debug_download_url(&bundle.id)),
        error: None,
    }
}

fn unmade(bundle: &Unmade) -> DebugBundle {
    DebugBundle {
        bundle_id: bundle.id.clone(),
        status: if bundle.failure.is_some() { "failed" } else { "creating" }.to_owned(),
        size: human::size(0),
        size_bytes: 0,
        created_at: instant(bundle.since),
        expires_at: None,
        download_url: None,
        error: bundle.failure.clone(),
    }
}
