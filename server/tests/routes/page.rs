use crate::support::{GATEWAY, Gateway};

const PAGE: &str = "/ota-system-updates";

#[tokio::test]
async fn the_page_carries_its_data_and_a_nonce_of_its_own() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("viewer").await;
    let first = gateway.get(PAGE).cookie(&token).send().await;
    assert_eq!((first.status.as_u16(), first.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(first.text.contains("data-system=") && first.text.contains("GW-3920A9"));
    assert_eq!(first.header("cache-control"), "no-store");
    let policy = first.header("content-security-policy");
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert!(first.text.contains(nonce), "{policy}");
    assert!(policy.contains("'wasm-unsafe-eval'") && !policy.contains("unsafe-inline"), "{policy}");
    let second = gateway.get(PAGE).cookie(&token).send().await;
    assert_ne!(second.header("content-security-policy"), policy);
}

#[tokio::test]
async fn without_a_session_it_leads_to_the_login() {
    let gateway = Gateway::ready().await;
    let answer = gateway.get(PAGE).send().await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (302, "/login"));
    let root = gateway.get("/").send().await;
    assert_eq!((root.status.as_u16(), root.header("location")), (303, PAGE));
}

#[tokio::test]
async fn the_gateway_id_is_checked_where_it_is_there() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("viewer").await;
    assert_eq!(gateway.get(PAGE).cookie(&token).gateway(GATEWAY).send().await.status, 200);
    assert_eq!(gateway.get(PAGE).cookie(&token).gateway("GW-X").send().await.status, 404);
}

#[tokio::test]
async fn files_of_the_build_are_compressed_and_kept() {
    let gateway = Gateway::ready().await;
    let path = "/pkg/gateway-ota.0123456789abcdef.wasm";
    let plain = gateway.get(path).send().await;
    assert_eq!((plain.text.as_str(), plain.header("content-type")), ("content", "application/wasm"));
    assert!(plain.header("cache-control").contains("immutable"));
    let small = gateway.get(path).header("accept-encoding", "gzip, br").send().await;
    assert_eq!((small.text.as_str(), small.header("content-encoding")), ("brotli", "br"));
    assert_eq!(gateway.get("/favicon.svg").send().await.header("cache-control"), "no-cache");
    for path in
        ["/nothing", "/../Cargo.toml", "/pkg/", "/%2e%2e/gateway.db", "/pkg/nothing.0123456789abcdef.js"]
    {
        let missing = gateway.get(path).send().await;
        assert_eq!(missing.status, 404, "{path}");
        assert_eq!(missing.header("cache-control"), "no-cache", "{path}");
    }
}
