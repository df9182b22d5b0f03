//! The page at `/`: its files, compiled in, under headers that let nothing else run.

use axum::Router;
use axum::http::HeaderName;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

/// The page's routes.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(|| file("text/html; charset=utf-8", include_str!("page/index.html"))))
        .route("/app.js", get(|| file("text/javascript; charset=utf-8", include_str!("page/app.js"))))
        .route("/session.js", get(|| file("text/javascript; charset=utf-8", include_str!("page/session.js"))))
        .route("/style.css", get(|| file("text/css; charset=utf-8", include_str!("page/style.css"))))
        .route("/icon.svg", get(|| file("image/svg+xml", include_str!("page/icon.svg"))))
}

async fn file(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, content_type)], HEADERS, text)
}

const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Another build of the demo may answer at the same address.
    (header::CACHE_CONTROL, "no-cache"),
];

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_has_no_inline_script_or_style_and_no_other_origin() {
        let page = include_str!("page/index.html");
        for bad in ["<style", " style=", "onclick", "onsubmit", "onload", "javascript:", "http:", "https:", "//"] {
            assert!(!page.contains(bad), "{bad}");
        }
        assert_eq!(page.matches("<script").count(), 1);
        assert!(page.contains(r#"<script type="module" src="app.js"></script>"#));
        for text in [include_str!("page/app.js"), include_str!("page/session.js"), include_str!("page/style.css")] {
            for bad in ["http://", "https://", "@import", "innerHTML", "eval("] {
                assert!(!text.contains(bad), "{bad}");
            }
        }
    }
}
