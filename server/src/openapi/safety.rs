//! Section 6: the interlocks, their override, and the audit log.

use super::{example::published, route::Route};
use ota_api::{
    audit::AuditPage,
    auth::Role,
    routes,
    safety::{OverrideRequest, OverrideState, Safety},
};
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    let text = || json!({ "type": "string" });
    vec![
        Route::read("safety", "The interlocks").answers::<Safety>(published!("safety.get.response", added)),
        Route::order("safety/override", "Takes constraints out of the verdict for one operation")
            .about("To enable it is an administrator's, and needs the PIN. To end it, an operator is enough.")
            .takes::<OverrideRequest>(published!("safety-override.post.request"))
            .answers::<OverrideState>(published!("safety-override.post.response", added))
            .asks_for_a_pin(),
        Route::read("audit", "The audit log, newest first")
            .about("An addition. Filters take exactly what they name; an empty one filters nothing.")
            .for_role(Role::Operator)
            .query(
                "limit",
                json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 50 }),
                "So many records at most.",
            )
            .query(
                "before",
                json!({ "type": "integer", "minimum": 0 }),
                "Only records with a smaller number.",
            )
            .query("action", text(), "Only records of this action.")
            .query("actor", text(), "Only records of this user.")
            .query("outcome", text(), "Only records with this outcome.")
            .answers::<AuditPage>(json!({
                "data": {
                    "records": [{
                        "seq": 42,
                        "at": "2025-03-15T11:49:30Z",
                        "actor": "operator",
                        "origin": "remote",
                        "address": "192.0.2.17",
                        "action": "reboot",
                        "subject": "",
                        "reason": "maintenance",
                        "outcome": "refused",
                        "code": "blocked",
                        "detail": "Blocked by safety constraints.",
                        "previous": "5b0c4d1f0b8f2f0c4b8a5d5e2e6f7a8b9c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5",
                        "hash": "a41f0e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1"
                    }],
                    "next_before": 17,
                    "total": 42,
                    "size_bytes": 18_230
                },
                "success": true,
                "message": "Audit log retrieved successfully"
            })),
        Route::new("get", routes::AUDIT_EXPORT, "The whole audit log as a file")
            .about("An addition. One record a line, oldest first; the file verifies on its own.")
            .for_role(Role::Operator)
            .answers_other(
                200,
                json!({
                    "description": "JSON lines, each an audit record.",
                    "content": { "application/x-ndjson": { "schema": { "type": "string" } } }
                }),
            ),
    ]
}
