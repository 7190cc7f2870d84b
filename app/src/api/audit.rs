//! Section 6: the audit log.

use leptos::server;
use ota_api::{ApiResult, audit::AuditPage};
use server_fn::codec::GetUrl;

use super::Rest;

/// The newest records of the audit log that match, newest first. `limit` is 50 where not given.
#[server(prefix = "/api/v1/ota", endpoint = "audit", protocol = Rest<GetUrl>)]
pub async fn get_audit(
    limit: Option<u32>,
    before: Option<u64>,
    action: Option<String>,
    actor: Option<String>,
    outcome: Option<String>,
) -> ApiResult<AuditPage> {
    let request = super::context::request()?;
    let query = super::convert::audit_query(limit, before, action, actor, outcome)?;
    let page = request.ota.audit_page(&query).await.map_err(super::convert::refusal)?;
    Ok(ota_api::Reply::ok(super::convert::audit_page(page), "Audit log retrieved successfully"))
}
