//! Bodies and paths as strangers and broken clients send them.

use tokio::time::Instant;

use super::*;

#[tokio::test]
async fn bad_bodies_get_a_short_4xx_and_the_next_one_an_answer() {
    let webhook = Webhook::of(&World::new());
    let review = |api: &str, request: &Value| json!({"apiVersion": api, "kind": "AdmissionReview", "request": request}).to_string();
    let v1 = "admission.k8s.io/v1";
    let bodies = [
        ("not JSON".to_owned(), "the body is not an AdmissionReview\n"),
        ("{}".to_owned(), "the body is not an AdmissionReview\n"),
        ("[1]".to_owned(), "the body is not an AdmissionReview\n"),
        (review("admission.k8s.io/v1beta1", &create(&main("a"))), "only AdmissionReviews of admission.k8s.io/v1 are answered\n"),
        (review(v1, &Value::Null), "the AdmissionReview has no request\n"),
        (review(v1, &json!({"uid": "", "operation": "CREATE"})), "the request has no uid\n"),
        (review(v1, &json!({"uid": "x", "operation": "EXPLODE"})), "the body is not an AdmissionReview\n"),
        ("[".repeat(100_000), "the body is not an AdmissionReview\n"),
    ];
    for (body, text) in bodies {
        assert_eq!(webhook.post("/secret/mutate", body.as_bytes()).await, (400, text.to_owned()));
    }
    assert!(allowed(&webhook.mutate(&create(&main("a"))).await));
}

#[tokio::test]
async fn a_body_over_16_mib_is_refused_before_it_is_read() {
    let (status, text) = Webhook::of(&World::new()).post("/secret/mutate", &vec![b' '; 16 * 1024 * 1024 + 1]).await;
    assert_eq!((status, text.as_str()), (413, "a review has at most 16 MiB\n"));
}

#[tokio::test]
async fn a_review_waits_for_room_and_one_that_waits_too_long_is_not_read() {
    let webhook = Webhook::of(&World::new());
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": create(&main("a"))}).to_string();
    let length = u32::try_from(review.len()).unwrap();
    let bodies = Bodies::of(length + 1);
    let routes = routes(Routes { bodies: bodies.clone(), ..webhook.routes.clone() });
    let post = |path| warp::test::request().method("POST").path(path).body(review.clone()).reply(&routes);
    // An answered review has given its room back.
    for _ in 0..2 {
        assert_eq!(post("/secret/mutate").await.status().as_u16(), 200);
    }
    let held = bodies.room(2, Instant::now()).await.unwrap();
    let late = post("/secret/mutate?timeout=1s").await;
    assert_eq!((late.status().as_u16(), late.body().as_ref()), (503, b"too many reviews at one time\n".as_ref()));
    let (patient, ()) = tokio::join!(post("/secret/mutate"), async {
        tokio::task::yield_now().await;
        drop(held);
    });
    assert_eq!(patient.status().as_u16(), 200);
    // A stranger takes none.
    assert_eq!(post("/wrong/mutate").await.status().as_u16(), 404);
}

#[tokio::test]
async fn strangers_get_404() {
    let webhook = Webhook::of(&World::new());
    for path in ["/", "/mutate", "/wrong/mutate", "/secret", "/secret/other", "/secret/mutate/more", "//mutate", "/Secret/mutate"] {
        assert_eq!(webhook.post(path, b"{}").await.0, 404, "{path}");
    }
    let get = warp::test::request().method("GET").path("/secret/mutate").reply(&routes(webhook.routes.clone())).await;
    assert_eq!(get.status().as_u16(), 404);
}

#[tokio::test]
async fn before_the_segment_is_known_nobody_is_answered() {
    let webhook = Webhook::of(&World::new());
    let (_open, segment) = watch::channel(None);
    let unknown = Routes { segment, ..webhook.routes.clone() };
    let response = warp::test::request().method("POST").path("/secret/mutate").body("{}").reply(&routes(unknown)).await;
    assert_eq!(response.status().as_u16(), 404);
}

#[tokio::test]
async fn unlisted_store_refuses() {
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": create(&main("a"))}).to_string();
    assert_eq!(Webhook::with(None).post("/secret/validate", review.as_bytes()).await.0, 503);
}
