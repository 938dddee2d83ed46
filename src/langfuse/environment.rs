//! The environment's name, as Langfuse's server takes it.

use std::borrow::Cow;

/// How many characters of it are kept.
const LIMIT: usize = 40;

/// What the server would make of an environment: lower case, without a leading `langfuse`, of letters, digits, `-`
/// and `_`, at most 40 long; else `default`. Sent like this, every version of the server stores the same.
///
/// Source: Langfuse v4.16, `packages/shared/src/server/otel/OtelIngestionProcessor.ts`.
pub(super) fn normalise(environment: &str) -> Cow<'_, str> {
    let mut name = if environment.bytes().all(is_allowed) {
        Cow::Borrowed(environment)
    } else {
        Cow::Owned(environment.to_lowercase())
    };
    while let Some(rest) = name.strip_prefix("langfuse") {
        name = Cow::Owned(rest.strip_prefix(['-', '_']).unwrap_or(rest).to_owned());
    }
    if let Some((end, _)) = name.char_indices().nth(LIMIT) {
        name = Cow::Owned(name[..end].to_owned());
    }
    if name.is_empty() || !name.bytes().all(is_allowed) {
        return Cow::Borrowed("default");
    }
    name
}

fn is_allowed(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the server's contract, 2.7.
    #[test]
    fn an_environment_is_what_the_server_stores() {
        let fifty = "x".repeat(50);
        let late = format!("{}é", "x".repeat(45));
        for (given, stored) in [
            ("production", "production"),
            ("Prod", "prod"),
            ("langfuse-x", "x"),
            ("langfuse_x", "x"),
            ("Langfuse-LANGFUSE_x", "x"),
            ("langfuse--x", "-x"),
            ("langfuse", "default"),
            ("a b", "default"),
            ("prod.eu", "default"),
            ("prodé", "default"),
            ("", "default"),
            (&fifty, &fifty[..40]),
            (&late, &fifty[..40]),
        ] {
            assert_eq!(normalise(given), stored, "{given}");
        }
    }
}
