//! The checks before a route, in the order in which they are made.

use super::{AppState, envelope, peer};
use crate::auth::{Live, Presented, presented};
use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, header, uri::Authority};
use http_body_util::{BodyExt, Limited};
use ota_api::{
    ErrorCode,
    auth::Role,
    routes::{self, GATEWAY_ID_HEADER},
};
use ota_core::{AuditAction, AuditEntry, AuditOutcome};
use std::{net::IpAddr, sync::Arc};
use tower_http::csrf::{CsrfLayer, ProtectionError};

/// Bytes of a request's body.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// A refusal; a response is large.
type Refused = Response;

/// Refuses names that are not this gateway's, so that no other site's name can be made to lead here.
#[expect(clippy::result_large_err, reason = "it is returned at once")]
pub(super) fn host(state: &AppState, request: &Request) -> Result<(), Refused> {
    let allowed = &state.options.allowed_hosts;
    if allowed.is_empty() {
        return Ok(());
    }
    let name =
        host_of(request).map(|authority| authority.host().trim_matches(['[', ']']).to_ascii_lowercase());
    let ours = name.is_some_and(|name| {
        name == "localhost"
            || name.parse::<IpAddr>().is_ok()
            || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(&name))
    });
    if ours {
        return Ok(());
    }
    Err(envelope::reject(
        ErrorCode::BadRequest,
        "This gateway is not known by that name; see server.allowed_hosts.",
    ))
}

fn host_of(request: &Request) -> Option<Authority> {
    let header = || request.headers().get(header::HOST)?.to_str().ok()?.parse().ok();
    request.uri().authority().cloned().or_else(header)
}

/// Whether a request that a page sent comes from a page of this gateway. Programs send no `Origin`.
#[must_use]
pub(crate) fn origin_is_ours(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let site = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, site)| site);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    site.is_some() && site == host
}

/// Lets a request through with its [`Live`] session.
pub(super) async fn authenticated(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    match recognize(&state, request.headers()).await {
        Ok(Some(session)) => {
            request.extensions_mut().insert(session);
            next.run(request).await
        }
        Ok(None) => not_logged_in(),
        Err(refused) => refused,
    }
}

/// There is no session.
pub(super) fn not_logged_in() -> Response {
    let message = "Log in first: the session is missing, wrong or has ended.";
    envelope::reject(ErrorCode::Unauthorized, message)
}

/// The session that a request belongs to.
pub(crate) async fn recognize(state: &AppState, headers: &HeaderMap) -> Result<Option<Arc<Live>>, Refused> {
    match presented(headers) {
        Presented::Nothing | Presented::Nonsense => Ok(None),
        Presented::Token(token) => {
            state.auth.sessions().recognize(&token).await.map_err(|error| envelope::internal(&error))
        }
    }
}

/// The request names this gateway.
pub(super) async fn for_this_gateway(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    match named_gateway(&state, request.headers()) {
        Named::Ours => next.run(request).await,
        Named::Nobody => {
            let message =
                "The header X-Gateway-ID is missing: it names the gateway that the request is meant for.";
            envelope::reject(ErrorCode::GatewayIdRequired, message)
        }
        Named::Another => another_gateway(),
    }
}

/// The request names this gateway or none: browsers cannot send the header everywhere.
pub(super) async fn not_for_another(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match named_gateway(&state, request.headers()) {
        Named::Ours | Named::Nobody => next.run(request).await,
        Named::Another => another_gateway(),
    }
}

enum Named {
    Ours,
    Nobody,
    Another,
}

fn named_gateway(state: &AppState, headers: &HeaderMap) -> Named {
    let mut given = headers.get_all(GATEWAY_ID_HEADER).iter();
    match (given.next(), given.next()) {
        (None, _) => Named::Nobody,
        (Some(value), None) if value.is_empty() => Named::Nobody,
        (Some(value), None) if value.as_bytes() == state.ota.snapshot().site.id.as_bytes() => Named::Ours,
        // Two ids are those of two gateways, whatever they say.
        _ => Named::Another,
    }
}

fn another_gateway() -> Response {
    envelope::reject(ErrorCode::GatewayNotFound, "The gateway that X-Gateway-ID names is not this one.")
}

/// Everybody reads, but for the audit log, debug bundles and uploads in parts; what changes something is an operator's.
pub(super) async fn permitted(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let logs =
        [routes::AUDIT, routes::AUDIT_EXPORT].contains(&path) || path.starts_with(routes::DEBUG_DOWNLOAD);
    let open = reads && !logs && !path.starts_with(routes::UPLOAD_FILES);
    let session = request.extensions().get::<Arc<Live>>();
    if open || session.is_some_and(|session| session.role >= Role::Operator) {
        return next.run(request).await;
    }
    if let (Some(action), Some(session)) = (ordered(path), session) {
        let actor = peer::actor(&session.user, request.extensions());
        let entry = AuditEntry::new(&actor, action, AuditOutcome::refused("forbidden"));
        let detail = format!("a {} may only read", session.role.as_str());
        state.ota.audit_refusal(&entry.saying(detail)).await;
    }
    if reads {
        return envelope::reject(
            ErrorCode::Forbidden,
            "Audit log, debug bundles and uploads in parts are for operators and administrators.",
        );
    }
    envelope::reject(ErrorCode::Forbidden, "This needs the role operator; a viewer may only read.")
}

/// What an order to this path would do, where that is for the audit log.
fn ordered(path: &str) -> Option<AuditAction> {
    match path.strip_prefix(routes::BASE)? {
        "/download" => Some(AuditAction::Download),
        "/install" => Some(AuditAction::Install),
        "/cancel" => Some(AuditAction::Cancel),
        "/reboot" => Some(AuditAction::Reboot),
        "/safety/override" => Some(AuditAction::OverrideEnable),
        "/snapshot" => Some(AuditAction::Snapshot),
        "/debug-bundle" => Some(AuditAction::DebugBundle),
        "/settings" | "/auto-update" => Some(AuditAction::Settings),
        "/snapshot/delete" => Some(AuditAction::SnapshotDelete),
        "/upload/verify" | "/upload/finish" => Some(AuditAction::UploadVerify),
        part if part.starts_with("/upload/files") => Some(AuditAction::UploadVerify),
        "/upload/deploy" => Some(AuditAction::Deploy),
        "/recovery/rollback" => Some(AuditAction::RollbackOrder),
        "/recovery/restore" => Some(AuditAction::Restore),
        "/recovery/factory" => Some(AuditAction::FactoryReset),
        "/recovery/upload" | "/recovery/finish" => Some(AuditAction::RecoveryUpload),
        _ => None,
    }
}

/// Refuses what another site's page sends.
pub(super) fn same_site() -> CsrfLayer<impl Fn(ProtectionError) -> Response + Clone> {
    CsrfLayer::new().with_rejection_response(|_: ProtectionError| {
        envelope::reject(ErrorCode::Forbidden, "Requests from pages of other sites are not accepted.")
    })
}

/// A body of JSON that is not too long. It is read here, so that what comes after has all of it.
pub(super) async fn json_body(request: Request, next: Next) -> Response {
    if !is_json(request.headers()) {
        let message = "The body must be JSON: send Content-Type: application/json.";
        return envelope::reject(ErrorCode::UnsupportedMediaType, message);
    }
    match collected(request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => refused,
    }
}

/// The request with its whole body in memory.
pub(super) async fn collected(request: Request) -> Result<Request, Refused> {
    let (parts, body) = request.into_parts();
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => Ok(Request::from_parts(parts, Body::from(body.to_bytes()))),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            let message = format!("The body is longer than {} KiB.", BODY_LIMIT / 1024);
            Err(envelope::reject(ErrorCode::PayloadTooLarge, &message))
        }
        Err(_) => Err(envelope::reject(ErrorCode::BadRequest, "The body ended before it was complete.")),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// No route for this method.
pub(super) async fn method_not_allowed() -> Response {
    envelope::reject(ErrorCode::MethodNotAllowed, "This address does not know that method.").into_response()
}
