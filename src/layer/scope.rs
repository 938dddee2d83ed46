//! Which spans are infrastructure: recorded, sent where everything goes, and not shown as observations.

use crate::field::{Meaning, Role};
use crate::model::CallsiteField;

/// Targets of servers, clients, runtimes and drivers: their spans are infrastructure. A target counts with all
/// modules below it.
pub(crate) const INFRASTRUCTURE: &[&str] = &[
    "actix_http",
    "actix_server",
    "actix_web",
    "aws_config",
    "aws_smithy_runtime",
    "axum",
    "axum_tracing_opentelemetry",
    "deadpool",
    "h2",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "lapin",
    "mio",
    "mongodb",
    "opentelemetry",
    "opentelemetry_otlp",
    "opentelemetry_sdk",
    "poem",
    "quinn",
    "rdkafka",
    "redis",
    "reqwest",
    "reqwest_middleware",
    "reqwest_tracing",
    "rocket",
    "rustls",
    "sea_orm",
    "sqlx",
    "tokio",
    "tokio_postgres",
    "tonic",
    "tower",
    "tower_http",
    "tracing_actix_web",
    "warp",
];

/// What a field of a server's or a client's span begins with. `db.*` and `otel.kind` are not among them: a search in
/// a database is what one wants to see.
const TRANSPORT: &[&str] = &["http.", "url.", "rpc.", "messaging."];

/// Whether the spans of a callsite are infrastructure. One that declares a type, a model, content, usage or a prompt
/// never is; a user or a session alone make no observation of an HTTP request.
pub(crate) fn is_infrastructure(target: &str, fields: &[CallsiteField]) -> bool {
    if fields.iter().any(|field| tells(field.meaning)) {
        return false;
    }
    let below = |root: &str| {
        target
            .strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let transports = |field: &CallsiteField| TRANSPORT.iter().any(|prefix| field.name.starts_with(prefix));
    INFRASTRUCTURE.iter().any(|root| below(root)) || fields.iter().any(transports)
}

fn tells(meaning: Meaning) -> bool {
    let role = meaning.role;
    role.is_input()
        || role.is_output()
        || matches!(
            role,
            Role::Type
                | Role::ForeignType
                | Role::Operation
                | Role::Tool
                | Role::Model
                | Role::ResponseModel
                | Role::Usage
                | Role::UsageDetails
                | Role::PromptName
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::look_up;

    fn hidden(target: &str, names: &[&'static str]) -> bool {
        let fields: Vec<_> = names
            .iter()
            .map(|name| CallsiteField {
                name,
                meaning: look_up(name, true),
            })
            .collect();
        is_infrastructure(target, &fields)
    }

    #[test]
    fn servers_and_clients_are_infrastructure_and_what_calls_a_model_is_not() {
        assert!(hidden("tower_http::trace::make_span", &["method"]));
        assert!(hidden("app", &["http.method", "user_id"]));
        assert!(hidden("app", &["rpc.service"]));
        assert!(!hidden("tower_httpx", &[]));
        assert!(!hidden("app", &["db.statement", "otel.kind"]));
        assert!(!hidden("app", &["http.method", "gen_ai.request.model"]));
        assert!(!hidden("reqwest::client", &["as_type"]));
    }

    #[test]
    fn the_table_is_in_order_and_in_the_docs() {
        assert!(INFRASTRUCTURE.is_sorted());
        let (docs, _) = include_str!("../layer.rs")
            .split_once("pub struct LlmLayer")
            .unwrap();
        assert!(
            INFRASTRUCTURE
                .iter()
                .all(|target| docs.contains(&format!("`{target}`")))
        );
    }
}
