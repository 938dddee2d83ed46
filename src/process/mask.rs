//! Keeps credentials out of what is sent: [`is_credential`] knows their names, [`redact`] takes their values out of a text.
//!
//! The names: `authorization`, `password`, `passwd`, `secret`, `client_secret`, `api_key`, `private_key`, `access_key`,
//! `cookie`, `credentials`; `token` alone, and `token` after `access`, `auth`, `bearer`, `refresh`, `id`, `session`,
//! `csrf`, `api`. Case, `-`, `_`, `.` and spaces do not matter (`apikey`, `API-Key`).
//!
//! A longer name counts when its **last words** are such a name: `x-api-key`, `OPENAI_API_KEY`, `openaiApiKey`,
//! `db.password`, `set-cookie`. Only `token` needs its company: `next_token`, `page_token`, `max_tokens`,
//! `llm.token_count.prompt` are no credentials (and `github_token` is not known to be one). `password_hint` and
//! `api_key_id` are none either: what follows the name changes its meaning.

mod key;
mod quote;
mod scan;

use std::num::NonZeroUsize;

/// What stands where a credential stood.
pub(crate) const REDACTED: &str = "[redacted]";

/// Names without their separators. `clientsecret` is here beside `secret` because nothing shows its last word.
const NAMES: [&str; 19] = [
    "authorization",
    "password",
    "passwd",
    "secret",
    "clientsecret",
    "apikey",
    "privatekey",
    "accesskey",
    "cookie",
    "credentials",
    "token",
    "accesstoken",
    "authtoken",
    "bearertoken",
    "refreshtoken",
    "idtoken",
    "sessiontoken",
    "csrftoken",
    "apitoken",
];

/// Whether a field or key of this name holds a credential. It allocates nothing.
pub(crate) fn is_credential(name: &str) -> bool {
    key::is_credential(name.as_bytes())
}

/// Appends `text` to `out` with `[redacted]` for the text under each credential name, and counts the replacements.
/// `None` when there are none; `out` is then untouched, and the price was one pass that allocated nothing.
///
/// It does not parse: it looks for names before a `:` (or `=`) and takes what follows, so that JSON, Debug text, either
/// of them cut off anywhere, JSON inside JSON strings at any level and plain `Authorization: Bearer ..` lines all work.
/// Valid JSON stays valid JSON. Where it cannot tell, it takes more rather than less.
///
/// | after the name | what becomes `[redacted]` |
/// | --- | --- |
/// | `"text"`, at any level of escaping | the text between the quotes; to the end of `text` if they do not close |
/// | `Some("x")`, `Secret(x)`, `[..]`, `{..}`, `Name { .. }` | each text inside, but not keys and names |
/// | numbers, `true`, `false`, `null`, `None`, `()` | nothing |
/// | anything else after `:` | all up to the end of the line, a comma before a space, an unopened closing bracket, or the quote that ends the string around it |
/// | anything else directly after `=` (`?api_key=sk&n=1`) | the same, but also only up to a space, `&` or `;` |
///
/// # Limits
///
/// Text without quotes that goes on after such an end goes on in the clear: the second line of an unquoted private key,
/// the rest of `password: a, b`. Prose and code pay for the caution: `def login(password: str)` loses its `str`. In
/// `= x`, with a space, only quoted text is taken: the rest is code. Keys written with escapes (`"api\u005fkey"`) are
/// not seen.
pub(crate) fn redact(text: &str, out: &mut Vec<u8>) -> Option<NonZeroUsize> {
    scan::redact(text, out)
}

/// Whether [`redact`] may find something in one of the texts that stand in `texts`, one behind the other. One look at the
/// memory of all says no for nearly every observation.
pub(crate) fn may_be_in(texts: &str) -> bool {
    scan::may_be_in(texts)
}

#[cfg(test)]
mod tests;
