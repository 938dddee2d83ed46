//! A page that answers a question and asks what one thinks of the answer: thumbs become scores of its trace.
//!
//! ```sh
//! LANGFUSE_PUBLIC_KEY=pk-lf-… LANGFUSE_SECRET_KEY=sk-lf-… LANGFUSE_BASE_URL=http://localhost:3000 FEEDBACK_KEY=a-secret \
//!     cargo run --example feedback --features axum
//! ```
//!
//! Open <http://127.0.0.1:3001>, ask, and click. The trace has `user_rating` and `user_satisfaction` some seconds later; another click
//! changes them.
#![expect(clippy::print_stdout, reason = "where to look is for the terminal")]

use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use tracing::instrument;
use tracing_llm::{Feedback, current};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let llm = tracing_llm::builder().from_env().init()?;
    let Some(langfuse) = llm.langfuse() else {
        println!(
            "This example needs a Langfuse: set LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_BASE_URL."
        );
        return Ok(());
    };
    let Ok(key) = std::env::var("FEEDBACK_KEY") else {
        println!("Set FEEDBACK_KEY to a secret: with it a page can rate its own answer and no other.");
        return Ok(());
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3001").await?;
    println!("http://{}", listener.local_addr()?);
    let app = app(Feedback::new(&langfuse).signing_key(key));
    let until_ctrl_c = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app)
        .with_graceful_shutdown(until_ctrl_c)
        .await?;
    println!("{}", llm.flush().await);
    Ok(())
}

fn app(feedback: Feedback) -> Router {
    let asking = Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/ask", post(ask))
        .with_state(feedback.clone());
    asking.merge(feedback.router())
}

/// The span of this function is the trace, so the header is asked for inside it.
#[instrument(skip(feedback), fields(as_type = "agent"))]
async fn ask(State(feedback): State<Feedback>, question: String) -> impl IntoResponse {
    let answer = answer(&question);
    current().output(&answer);
    (feedback.trace_header(), answer)
}

#[instrument(ret)]
fn answer(question: &str) -> String {
    format!("Nobody knows: {question}")
}

const PAGE: &str = r#"<!doctype html><title>feedback</title>
<form id="ask"><input name="question" value="How long do we keep invoices?" size="40"> <button>Ask</button></form>
<p id="answer"></p>
<p id="rate" hidden><button value="5">👍</button> <button value="1">👎</button> <span id="status"></span></p>
<script>
let trace, token;
document.getElementById("ask").onsubmit = async event => {
    event.preventDefault();
    const reply = await fetch("/ask", { method: "POST", body: event.target.question.value });
    [trace, token] = [reply.headers.get("x-trace-id"), reply.headers.get("x-feedback-token")];
    document.getElementById("answer").textContent = await reply.text();
    document.getElementById("rate").hidden = false;
};
document.getElementById("rate").onclick = async event => {
    if (!event.target.value) return;
    const body = JSON.stringify({ trace_id: trace, token, rating: Number(event.target.value) });
    const reply = await fetch("/feedback", { method: "POST", headers: { "content-type": "application/json" }, body });
    document.getElementById("status").textContent = Object.values(await reply.json()).join(": ");
};
</script>"#;

#[cfg(test)]
#[path = "../tests/it/support/receiver.rs"]
mod receiver;
#[cfg(test)]
#[path = "../tests/it/support/scores.rs"]
mod scores;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use serde_json::json;
    use tower::ServiceExt as _;
    use tracing::instrument::WithSubscriber as _;
    use tracing_llm::Langfuse;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::receiver::Receiver;

    #[tokio::test]
    async fn a_click_becomes_scores_of_the_answers_trace() {
        let server = scores::langfuse();
        let project = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY).base_url(server.url());
        let (layer, llm) = tracing_llm::builder().langfuse(project).build().unwrap();
        let app = app(Feedback::new(&llm.langfuse().unwrap()).signing_key("a secret"));

        let question = Request::post("/ask").body(Body::from("Why?")).unwrap();
        let subscriber = tracing_subscriber::registry().with(layer);
        let reply = app
            .clone()
            .oneshot(question)
            .with_subscriber(subscriber)
            .await
            .unwrap();
        let header = |name| reply.headers()[name].to_str().unwrap().to_owned();
        let (trace, token) = (header("x-trace-id"), header("x-feedback-token"));

        let click = json!({"trace_id": trace, "token": token, "rating": 5}).to_string();
        let click = Request::post("/feedback")
            .header("content-type", "application/json")
            .body(Body::from(click));
        let reply = app.oneshot(click.unwrap()).await.unwrap();
        let body = to_bytes(reply.into_body(), 1024).await.unwrap();
        assert_eq!(body, r#"{"status":"recorded"}"#);

        let subject = json!({"kind": "trace", "id": trace});
        let scores: Vec<_> = scores::stored(&server)
            .into_iter()
            .map(|score| {
                (
                    score["name"].clone(),
                    score["value"].clone(),
                    score["subject"].clone(),
                )
            })
            .collect();
        assert_eq!(
            scores,
            [
                (json!("user_rating"), json!(1.0), subject.clone()),
                (json!("user_satisfaction"), json!("satisfied"), subject),
            ]
        );
        assert_eq!(
            llm.flush_blocking(Duration::from_secs(60)).to_string(),
            "langfuse 2 sent · 0 lost"
        );
    }
}
