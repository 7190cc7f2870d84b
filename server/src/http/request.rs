//! The request that a task answers: its id is in what is answered, and in each line that is logged meanwhile.

use super::AppState;
use std::sync::Arc;
use tokio::task::JoinError;
use tracing::Instrument;

tokio::task_local! {
    static ID: Arc<str>;
}

/// Answers a request under its id.
pub(super) async fn under<F: Future>(id: Arc<str>, answer: F) -> F::Output {
    let span = tracing::error_span!("request", request_id = %id);
    ID.scope(id, answer).instrument(span).await
}

/// Id of the request that this task answers.
pub(super) fn id() -> Option<String> {
    ID.try_with(|id| id.to_string()).ok()
}

/// Carries something out to its end for the request that this task answers, also when its client hangs up.
///
/// # Errors
/// When it panics.
pub(super) async fn to_its_end<F>(state: &AppState, work: F) -> Result<F::Output, JoinError>
where
    F: Future<Output: Send> + Send + 'static,
{
    let id = ID.try_with(Arc::clone).unwrap_or_default();
    state.tasks.spawn(under(id, work)).await
}
