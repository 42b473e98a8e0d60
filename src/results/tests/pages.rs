//! What a browser gets.

use super::{Cluster, STRANGER, ask, look, service, two_namespaces};

#[tokio::test]
async fn the_page_and_all_that_it_loads_are_there_without_a_token_and_know_nothing() {
    let cluster = Cluster::new(&[], two_namespaces());
    let page = ask(&cluster, "/", None).await;
    assert_eq!((page.status, page.headers["content-type"].to_str().unwrap()), (200, "text/html; charset=utf-8"));
    let attributes = page.text.split(['=', ' ', '>']).filter_map(|part| part.strip_prefix('"')?.strip_suffix('"'));
    let references: Vec<&str> = attributes.filter(|value| [".js", ".css", ".svg"].iter().any(|end| value.contains(end))).collect();
    assert!(references.len() >= 3, "{references:?}");
    for file in references {
        let answer = ask(&cluster, &format!("/{file}"), None).await;
        assert_eq!(answer.status, 200, "{file}");
        assert!(!answer.text.contains("registry.example.com/vault"), "{file}");
    }
}

#[tokio::test]
async fn a_browser_may_load_nothing_from_elsewhere_nor_make_a_program_of_text() {
    let cluster = Cluster::new(&[], two_namespaces());
    for path in ["/", "/page.js", "/results", "/results?limit=x"] {
        let answer = service(&cluster)(Some(STRANGER), path, None).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(part), "{path}: {part}");
        }
        assert!(!policy.contains("unsafe"), "{path}");
        for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("cache-control", "no-store")] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{path}");
    }
}

/// A browser enforces it, too; this tells it where the line is written.
#[test]
fn no_text_becomes_a_part_of_the_page_but_as_text() {
    for source in [include_str!("../page/page.js"), include_str!("../page/rows.js")] {
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "DOMParser", "javascript:"] {
            assert!(!source.contains(way), "{way}");
        }
    }
    let page = include_str!("../page/index.html");
    let handler = |word: &str| word.starts_with("on") && word.contains('=');
    assert!(!page.contains("//") && !page.contains("style=") && !page.split_whitespace().any(handler), "from elsewhere, or inline");
}

#[tokio::test]
async fn only_questions_are_answered() {
    let cluster = Cluster::new(&["*"], two_namespaces());
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let routes = super::routes(cluster.clone());
        let answer = warp::test::request().method(method).path("/results").extension(super::Peer(super::HERE)).reply(&routes).await;
        assert!(answer.status().is_client_error(), "{method}");
    }
    assert_eq!(look(&cluster, "/results/all").await.status, 404);
}
