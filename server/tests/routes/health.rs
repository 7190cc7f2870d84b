use crate::support::Gateway;

#[tokio::test]
async fn the_gateway_says_that_it_is_up_and_ready() {
    let gateway = Gateway::ready().await;
    assert_eq!(gateway.get("/healthz").send().await.text, "ok\n");
    let ready = gateway.get("/readyz").send().await;
    assert_eq!((ready.status.as_u16(), ready.text.as_str()), (200, "ready\n"));
}
