//! Whose limits they are.

use super::*;

#[tokio::test]
async fn limits_without_a_verified_principal_are_misconfigured_and_name_the_layer_that_is_missing() {
    let mut setup = Setup::new(Plan::new("free").requests(10, Per::Minute));
    setup.known = false;
    let gate = setup.build();
    let refused = gate.done(asking("ann", "")).await;
    assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let refusal = refused.extensions().get::<Refusal>().unwrap();
    assert_eq!(refusal.kind(), RefusalKind::Misconfigured);
    assert!(refusal.private_cause().unwrap().contains("VerifyJwtLayer"), "{refusal:?}");
    assert!(!text(&refused).contains("VerifyJwtLayer"));
    assert_eq!(gate.handled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn subjects_of_one_tenant_share_its_limit_and_so_do_all_who_have_none() {
    let gate =
        Setup::new(Plan::new("free").limit(Limit::requests(2, Per::Minute).per(Dimension::Tenant))).build();
    let from = |subject, tenant: &str| {
        let mut request = asking(subject, "");
        if !tenant.is_empty() {
            request.headers_mut().insert("test-tenant", tenant.parse().unwrap());
        }
        request
    };
    for tenant in ["acme", "globex", ""] {
        assert_eq!(kind(&gate.done(from("ann", tenant)).await), None);
        assert_eq!(kind(&gate.done(from("bob", tenant)).await), None);
        let refused = gate.done(from("eve", tenant)).await;
        assert_eq!(kind(&refused), Some(RefusalKind::RateLimited));
        assert!(header(&refused, "ratelimit").starts_with("\"tenant-requests-per-minute\";r=0"));
    }
}

#[tokio::test]
async fn an_address_with_many_subjects_has_one_limit_of_its_own() {
    let gate =
        Setup::new(Plan::new("free").limit(Limit::requests(2, Per::Hour).per(Dimension::Address))).build();
    let from = |subject, ip: &str| {
        let mut request = asking(subject, "");
        request.extensions_mut().insert(PeerAddress(SocketAddr::new(ip.parse().unwrap(), 443)));
        request.extensions_mut().insert(TlsConnection::new());
        request
    };
    assert_eq!(kind(&gate.done(from("ann", "2001:db8::1")).await), None);
    assert_eq!(kind(&gate.done(from("bob", "2001:db8::ffff:2")).await), None);
    assert_eq!(kind(&gate.done(from("eve", "2001:db8::3")).await), Some(RefusalKind::RateLimited));
    assert_eq!(kind(&gate.done(from("eve", "2001:db8:0:1::3")).await), None);
}

#[tokio::test]
async fn a_plan_without_limits_is_still_metered() {
    let gate = Setup::new(Plan::new("free").danger_unlimited()).build();
    let answer = gate.done(asking("ann", r#","max_tokens":999999999"#)).await;
    assert_eq!((answer.status(), gate.settled()), (StatusCode::OK, 11));
    assert_eq!(header(&answer, "x-ratelimit-remaining-requests"), "", "the handler's own is taken away");
}

fn open_route(ip: [u8; 4]) -> Request<Full<Bytes>> {
    Request::get("/healthz")
        .extension(PeerAddress(SocketAddr::from((ip, 443))))
        .extension(TlsConnection::new())
        .body(Full::default())
        .unwrap()
}

#[tokio::test]
async fn a_caller_on_no_known_plan_is_refused_and_an_open_route_asks_for_none() {
    let gate = Setup::new(Plan::new("paid").requests(1, Per::Minute)).build();
    assert_eq!(kind(&gate.done(asking("ann", "")).await), Some(RefusalKind::Forbidden));
    for _ in 0..5 {
        assert_eq!(kind(&gate.send(open_route([192, 0, 2, 1])).await), None);
    }
}

#[tokio::test]
async fn a_route_without_a_body_counts_requests_alone() {
    let gate = Setup::new(Plan::new("free").requests(2, Per::Minute).usage(10, Per::Minute)).build();
    let get = || {
        let (mut parts, _) = asking("ann", "").into_parts();
        (parts.method, parts.uri) = (http::Method::GET, "/v1/models".parse().unwrap());
        parts.headers.remove("content-type");
        Request::from_parts(parts, Full::default())
    };
    assert_eq!(gate.done(get()).await.status(), StatusCode::OK);
    assert_eq!(gate.done(get()).await.status(), StatusCode::OK);
    assert_eq!(kind(&gate.done(get()).await), Some(RefusalKind::RateLimited));
}

#[tokio::test]
async fn a_flood_from_one_address_is_refused_before_anybody_asks_who_it_is() {
    let gate = Setup::new(Plan::new("free").requests(1_000_000, Per::Minute)).build();
    for _ in 0..20_000 {
        assert_eq!(kind(&gate.send(open_route([192, 0, 2, 9])).await), None);
    }
    let refused = gate.done(open_route([192, 0, 2, 9])).await;
    assert_eq!(kind(&refused), Some(RefusalKind::AddressRateLimited));
    assert_eq!(header(&refused, "retry-after"), "1");
    assert_eq!(kind(&gate.send(open_route([192, 0, 2, 8])).await), None);
    let unknown = gate.done(Request::get("/healthz").body(Full::default()).unwrap()).await;
    assert_eq!(kind(&unknown), Some(RefusalKind::Misconfigured));
}
