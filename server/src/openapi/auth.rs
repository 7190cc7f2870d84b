//! Login, logout, first-run set-up: additions to the published interface.

use super::route::Route;
use ota_api::{
    ErrorCode,
    auth::{LoggedIn, LoggedOut, LoginRequest, Role, SetUp, SetupRequest},
    routes,
};
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    let session = json!({ "type": "string" });
    vec![
        Route::new("post", routes::LOGIN, "Begins a session")
            .about("After five wrong passwords a name has to wait.")
            .takes::<LoginRequest>(json!({ "username": "operator", "password": "demo-gateway" }))
            .answers::<LoggedIn>(json!({
                "data": {
                    "token": "c34e0f5e3a9d4a21b77c0e2f91d6b8a05c4f7e1d2b3a49586778695a4b3c4235",
                    "expires_at": "2025-03-22T11:49:30Z",
                    "username": "operator",
                    "role": "operator"
                },
                "success": true,
                "message": "Logged in"
            }))
            .with_header("Set-Cookie", session.clone(), "The session, for browsers.")
            .fails([ErrorCode::Unauthorized, ErrorCode::TooManyRequests]),
        Route::new("post", routes::LOGOUT, "Ends the session")
            .for_role(Role::Viewer)
            .answers::<LoggedOut>(json!({
                "data": { "logged_out": true }, "success": true, "message": "Logged out"
            }))
            .with_header("Set-Cookie", session, "Takes the session away.")
            .fails([ErrorCode::Forbidden]),
        Route::new("post", routes::SETUP, "Makes the first administrator")
            .about("Only while nobody can log in, and with the claim token that the gateway's console shows.")
            .takes::<SetupRequest>(json!({
                "claim_token": "7H2K-QX9M-4TRD",
                "username": "chief",
                "password": "correct horse battery",
                "override_pin": "481502",
                "factory_pin": "930274"
            }))
            .answers::<SetUp>(json!({
                "data": { "username": "chief" }, "success": true, "message": "The gateway is set up"
            }))
            .fails([ErrorCode::Unauthorized, ErrorCode::NotFound, ErrorCode::TooManyRequests]),
    ]
}
