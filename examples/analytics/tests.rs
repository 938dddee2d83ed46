//! The same program, against the words of a recorded server.
#![allow(
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

#[path = "../../tests/it/support/receiver.rs"]
mod receiver;
#[path = "../../tests/it/support/replay.rs"]
mod replay;

use self::receiver::Receiver;
use super::*;

/// Answers each question with what was recorded of one of its kind; in the recordings windows and measures differ.
fn server() -> Receiver {
    Receiver::new(|request| {
        let path = &request.path;
        if path.starts_with("/api/public/v2/observations") {
            // Found by its rows, and then read whole: both are answered by all rows of the one trace.
            return replay::answered("observations", "by trace, all field groups");
        }
        assert!(path.starts_with("/api/public/v2/metrics"), "{path}");
        let name = if path.contains("userId") {
            "cost by user, largest first"
        } else if path.contains("p95") {
            "latency by name"
        } else if path.contains("level") {
            "errors by level"
        } else {
            "daily cost and tokens by model"
        };
        replay::answered("metrics", name)
    })
}

#[tokio::test]
async fn the_tables_are_those_of_the_recorded_project() {
    let server = server();
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    let langfuse = keys.base_url(server.url()).build().unwrap();
    let window = Window::last_days(30).environment("recorded");
    let mut page = costs(&langfuse, &window, &window).await.unwrap();
    page += &health(&langfuse, &window).await.unwrap();
    page += &last_traces(&langfuse, Some("recorded"), 5).await.unwrap();
    let expected = "\
Cost by day and model, 30 days
2026-11-24  gpt-4o-mini              $0.001200     4000 in, 1000 out
2026-11-24  mistral-7b               $0.000014     100 in, 20 out

The dearest users, 7 days
user-3956e0              $0.000607     0 traces
user-e61e86              $0.000607     0 traces

Tokens by model, 7 days
gpt-4o-mini              4000 in, 1000 out
mistral-7b               100 in, 20 out

Latency by name, 7 days
support request          mean 3s, 95 of 100 below 3s
answer                   mean 1.8s, 95 of 100 below 1.8s
route decision           mean 400ms, 95 of 100 below 400ms
search                   mean 100ms, 95 of 100 below 100ms

2 of 8 observations failed (25.0 %)

The last traces
ee55ac3466f446569b08dfa83f492f0a  support request          3s, 2560 tokens, $0.000607
";
    assert_eq!(page, expected);
    assert!(
        server
            .requests()
            .iter()
            .all(|it| it.path.contains("recorded") || it.path.contains("traceId"))
    );
}
